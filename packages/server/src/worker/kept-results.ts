// Results that no dispatcher has settled yet: in memory up to a bound, beyond it on this worker's disk.
// A worker that outlives its dispatcher brings them to the next one.
import { InFlight } from '../in-flight.ts';
import type { Ended } from './attempts.ts';

/** Bytes kept in memory, besides the one in hand. */
const MEMORY_BYTES = 256 * 1024 * 1024;

/** Where they go that outgrow memory. */
export interface Overflow {
  /** False where it cannot take it (full, read-only): then memory has to hold it, for a result is never given up. */
  put(token: string, ended: Ended): boolean;
  /** @throws Error where what it took cannot be read any more. */
  get(token: string): Ended | undefined;
  /** Never throws. */
  forget(token: string): void;
  close(): void;
}

export class KeptResults {
  readonly #overflow: Overflow;
  readonly #memoryBytes: number;
  readonly #inMemory = new InFlight<string, { ended: Ended; bytes: number }>();
  #bytes = 0;
  /** The last one that outgrew memory, until it is read or the next one does: most are sent as soon as they are here. */
  #inHand: { token: string; ended: Ended } | undefined;

  constructor(overflow: Overflow, memoryBytes = MEMORY_BYTES) {
    this.#overflow = overflow;
    this.#memoryBytes = memoryBytes;
  }

  keep(token: string, ended: Ended): void {
    const bytes = sizeOf(ended);
    if (this.#bytes + bytes > this.#memoryBytes && this.#overflow.put(token, ended)) {
      this.#inHand = { token, ended };
      return;
    }
    this.#inMemory.set(token, { ended, bytes });
    this.#bytes += bytes;
  }

  /** @throws Error where it cannot be read any more. */
  get(token: string): Ended | undefined {
    return this.#inMemory.get(token)?.ended ?? this.#takeInHand(token) ?? this.#overflow.get(token);
  }

  #takeInHand(token: string): Ended | undefined {
    if (this.#inHand?.token !== token) return undefined;
    const { ended } = this.#inHand;
    this.#inHand = undefined;
    return ended;
  }

  forget(token: string): void {
    const kept = this.#inMemory.get(token);
    if (kept !== undefined) {
      this.#inMemory.delete(token);
      this.#bytes -= kept.bytes;
    }
    this.#takeInHand(token);
    this.#overflow.forget(token);
  }

  close(): void {
    this.#overflow.close();
  }
}

/** Bytes of the payloads in an ending; the rest is small. */
function sizeOf({ outcome, logs }: Ended): number {
  let bytes = 512;
  if (outcome.is === 'completed') bytes += (outcome.result.json?.length ?? 0) + (outcome.result.pickle?.length ?? 0);
  if (outcome.is === 'failed') bytes += outcome.pickle?.length ?? 0;
  if (logs !== null) for (const { head, tail } of Object.values(logs)) bytes += head.length + tail.length;
  return bytes;
}
