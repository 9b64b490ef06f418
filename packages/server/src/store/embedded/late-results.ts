// Results that are too large to ride along with the announcement of their end, until they are read for the first time:
// whoever waits reads them in a moment, and a page of memory costs more than what is in it. The table has them, too.
import type { ResultForms } from '../../lifecycle/outcome.ts';

/** Memory behind the results that are kept, bytes; the oldest go first. */
const MOST_BYTES = 32 * 1024 * 1024;

export class LateResults {
  /** By task id, with the tenant whose it is. */
  readonly #kept = new Map<string, { tenant: string; result: ResultForms; bytes: number }>();
  #bytes = 0;

  keep(tenant: string, id: string, result: ResultForms): void {
    const bytes = heldBy(result.json) + heldBy(result.pickle);
    if (bytes > MOST_BYTES) return;
    this.#forget(id);
    this.#kept.set(id, { tenant, result, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= MOST_BYTES) return;
      this.#forget(oldest);
    }
  }

  /** The result of an ended task, once. */
  take(tenant: string, id: string): ResultForms | undefined {
    const kept = this.#kept.get(id);
    if (kept?.tenant !== tenant) return undefined;
    this.#forget(id);
    return kept.result;
  }

  #forget(id: string): void {
    this.#bytes -= this.#kept.get(id)?.bytes ?? 0;
    this.#kept.delete(id);
  }
}

function heldBy(bytes: Buffer | undefined): number {
  return bytes === undefined ? 0 : bytes.buffer.byteLength;
}
