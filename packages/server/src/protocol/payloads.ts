// Payloads of an envelope: collected into frames on the way out, cut out of them on the way in.
import { PART_BYTES, SHARED_FRAME_BYTES, type PayloadRef } from './messages.ts';
import { BadMessage } from './bad-message.ts';

const NOTHING: PayloadRef = [0, 0, 0];

/** Frame 1 holds the small payloads end to end; each larger one has a frame of its own behind it. */
export class PayloadWriter {
  readonly #small: Buffer[] = [];
  #smallBytes = 0;
  readonly #large: Buffer[] = [];

  /** Adds a payload of at most PART_BYTES and answers its reference. */
  add(bytes: Buffer): PayloadRef {
    if (bytes.length === 0) return NOTHING;
    if (bytes.length <= SHARED_FRAME_BYTES) {
      const ref: PayloadRef = [1, this.#smallBytes, bytes.length];
      this.#small.push(bytes);
      this.#smallBytes += bytes.length;
      return ref;
    }
    this.#large.push(bytes);
    return [this.#large.length + 1, 0, bytes.length];
  }

  /** The reference of a payload that may be too large for one frame: then its parts go by themselves. */
  addOrParts(bytes: Buffer): PayloadRef {
    return bytes.length > PART_BYTES ? { parts: bytes.length } : this.add(bytes);
  }

  /** Bytes collected so far: the sender closes an envelope before it grows past a frame's limit. */
  get bytes(): number {
    return this.#smallBytes + this.#large.reduce((sum, frame) => sum + frame.length, 0);
  }

  /** The frames after the header. */
  frames(): Buffer[] {
    if (this.#smallBytes === 0 && this.#large.length === 0) return [];
    const shared = this.#small.length === 1 ? this.#small[0]! : Buffer.concat(this.#small, this.#smallBytes);
    return [shared, ...this.#large];
  }
}

/** Cuts payloads out of received frames (`frames[0]` is frame 1). Views, not copies. */
export class PayloadReader {
  readonly #frames: readonly Buffer[];

  constructor(frames: readonly Buffer[]) {
    this.#frames = frames;
  }

  /** @throws BadMessage where the reference points outside of what came. */
  read(ref: unknown): Buffer {
    if (!Array.isArray(ref) || ref.length !== 3)
      throw new BadMessage('a payload reference is not [frame, offset, length]');
    const [frame, offset, length] = ref as [number, number, number];
    if (length === 0) return Buffer.alloc(0);
    const bytes = this.#frames[frame - 1];
    if (bytes === undefined || !(offset >= 0) || !(length > 0) || !(offset + length <= bytes.length)) {
      throw new BadMessage('a payload reference points outside of its message');
    }
    return bytes.subarray(offset, offset + length);
  }
}

/** Cuts a payload into parts of at most PART_BYTES. */
export function* cutParts(bytes: Buffer): Generator<{ offset: number; chunk: Buffer }> {
  for (let offset = 0; offset < bytes.length; offset += PART_BYTES) {
    yield { offset, chunk: bytes.subarray(offset, offset + PART_BYTES) };
  }
}
