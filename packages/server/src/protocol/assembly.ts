// Puts together payloads that come in parts. Sizes are checked before anything is allocated.
import { BadMessage } from './bad-message.ts';

interface Unfinished {
  bytes: Buffer;
  filled: number;
}

/** Collects parts by key; parts of one payload come in order, because one sender sends them over one socket. */
export class Assembly {
  readonly #maxBytes: number;
  readonly #unfinished = new Map<string, Unfinished>();
  readonly #finished = new Map<string, Buffer>();

  /** `maxBytes`: the largest payload that is accepted. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Adds a part; true when the payload is whole now. A part at offset 0 begins anew. Any other that is here already came
   * with a message that was repeated, for its answer was lost: it counts for nothing.
   * @throws BadMessage where it does not fit what came before, or the whole is over the limit.
   */
  add(key: string, offset: number, total: number, part: Buffer): boolean {
    if (total > this.#maxBytes)
      throw new BadMessage(`a payload of ${total} bytes is over the limit of ${this.#maxBytes}`);
    if (offset > 0 && this.#has(key, offset + part.length, total)) return false;
    let one = this.#unfinished.get(key);
    if (offset === 0) this.#unfinished.set(key, (one = { bytes: Buffer.allocUnsafe(total), filled: 0 }));
    if (one?.filled !== offset || one.bytes.length !== total || offset + part.length > total) {
      this.#unfinished.delete(key);
      throw new BadMessage('a part does not follow the one before it');
    }
    part.copy(one.bytes, offset);
    one.filled += part.length;
    if (one.filled < total) return false;
    this.#unfinished.delete(key);
    this.#finished.set(key, one.bytes);
    return true;
  }

  /** Is all up to there here already, of a payload of this length? */
  #has(key: string, upTo: number, total: number): boolean {
    const one = this.#unfinished.get(key);
    const bytes = one?.bytes ?? this.#finished.get(key);
    return bytes?.length === total && upTo <= (one?.filled ?? total);
  }

  /** Takes a whole payload out; undefined when it is not (all) there. */
  take(key: string): Buffer | undefined {
    const bytes = this.#finished.get(key);
    this.#finished.delete(key);
    return bytes;
  }

  /** Forgets everything: no more is coming. */
  clear(): void {
    this.#unfinished.clear();
    this.#finished.clear();
  }

  /** Forgets everything whose key begins so (a worker that went, a task that was dropped). */
  forget(prefix: string): void {
    for (const map of [this.#unfinished, this.#finished]) {
      for (const key of map.keys()) if (key.startsWith(prefix)) map.delete(key);
    }
  }
}
