// How much of an answer its reader has not taken, and so is in memory.
import type { ServerResponse } from 'node:http';

/** What a streamed answer is made of, all of which is there until its last byte has left. */
const sources = new WeakMap<ServerResponse, number>();

/** This answer is made, as it is read, of so many bytes. */
export function isMadeOf(answer: ServerResponse, bytes: number): void {
  sources.set(answer, bytes);
}

/** Bytes. */
export function untakenOf(answer: ServerResponse): number {
  // What waits behind another answer on the same connection is counted as well.
  return Math.max(sources.get(answer) ?? 0, answer.writableLength);
}
