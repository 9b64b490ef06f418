// Ends, until they are read for the first time: whoever waits reads them in a moment, and a page of memory costs more than
// what is in it. The table has them, too. An end never changes; a deleted one is forgotten here as well.
import type { EndedTask } from '../store.ts';

/** Ends kept at most, and the memory behind their results and errors, bytes; the oldest go first. */
const MOST = 1024;
const MOST_BYTES = 32 * 1024 * 1024;

interface Kept {
  tenant: string;
  end: EndedTask;
  bytes: number;
}

export class LateEnds {
  /** By task id. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  /** `errorUnits`: length of its error, UTF-16 units. */
  keep(tenant: string, end: EndedTask, errorUnits: number): void {
    const { json, pickle } = end.result;
    const bytes = heldBy(json) + heldBy(pickle) + 2 * errorUnits;
    if (bytes > MOST_BYTES) return;
    this.forget(end.id);
    this.#kept.set(end.id, { tenant, end, bytes });
    this.#bytes += bytes;
    if (this.#kept.size <= MOST && this.#bytes <= MOST_BYTES) return;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST && this.#bytes <= MOST_BYTES) return;
      this.forget(oldest);
    }
  }

  /** The end of a task, once. */
  take(tenant: string, id: string): EndedTask | undefined {
    const kept = this.#kept.get(id);
    if (kept?.tenant !== tenant) return undefined;
    this.forget(id);
    return kept.end;
  }

  forget(id: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#bytes -= kept.bytes;
    this.#kept.delete(id);
  }
}

function heldBy(bytes: Buffer | undefined): number {
  return bytes === undefined ? 0 : bytes.buffer.byteLength;
}
