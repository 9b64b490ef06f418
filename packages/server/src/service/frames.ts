// The frames format: a 32-bit big-endian length and a JSON header, then raw frames, each behind its own 32-bit length.
// The header has the route's schema; a payload in it is `{"frame": n}`.
import type { Frame } from '@mpcsfaas/contract';
import { Refusal } from '../tasks/refusal.ts';
import { parseJson } from './json-text.ts';
import type { ParsedJson } from './json-text.ts';

export interface FramedBody {
  header: ParsedJson;
  frames: Buffer[];
}

/** Frames are views into `bytes`, not copies. */
export function readFrames(bytes: Buffer): FramedBody {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < 4) throw broken(`${bytes.length - at} bytes are left over where a 32-bit length is due`);
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (length > bytes.length - at) {
      throw broken(`part ${parts.length} says ${length} bytes and ${bytes.length - at} are left`);
    }
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  const [head, ...frames] = parts;
  if (head === undefined) throw broken('it is empty');
  try {
    return { header: parseJson(head), frames };
  } catch {
    throw broken('its header is not JSON');
  }
}

/** A frame's length before its bytes. */
export function lengthPrefix(length: number): Buffer {
  const prefix = Buffer.allocUnsafe(4);
  prefix.writeUInt32BE(length);
  return prefix;
}

/** The payload that a header names. */
export function frameOf(frames: readonly Buffer[], { frame }: Frame, pointer: string): Buffer {
  const found = frames[frame];
  if (found !== undefined) return found;
  throw new Refusal('invalid_frames', `${pointer} names frame ${frame}; the body has ${frames.length}.`, {
    errors: [{ pointer, message: `there is no frame ${frame}` }],
  });
}

function broken(what: string): Refusal {
  return new Refusal('invalid_frames', `The body is not in the frames format: ${what}.`);
}
