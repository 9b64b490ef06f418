// Who was seen in the fleet lately: a worker that is silent, drains, or comes to another dispatcher is not gone for good. Pure;
// times are monotonic, ms.
import type { WorkerSnapshot } from '../store/index.ts';

/** A worker that was seen no longer ago than this may be back any moment. */
const BACK_WITHIN_MS = 10_000;
/** Between looks further apart than this nothing was watched. */
const APART_MS = 5_000;

export class SeenWorkers {
  /** By dispatcher and name: what an older report of a worker tells stands beside the newer one. */
  readonly #seen = new Map<string, { worker: WorkerSnapshot; at: number }>();
  /** Since when one look has followed the other. */
  #since = Number.POSITIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** A look at all who are there, in whatever state. */
  saw(workers: readonly WorkerSnapshot[], mono: number): void {
    if (mono - this.#lookedAt > APART_MS) this.#since = mono;
    this.#lookedAt = mono;
    for (const worker of workers) this.#seen.set(`${worker.dispatcher} ${worker.id}`, { worker, at: mono });
    for (const [key, { at }] of this.#seen) if (mono - at > BACK_WITHIN_MS) this.#seen.delete(key);
  }

  /** Who is there cannot be told: what was watched before counts for nothing. */
  lostSight(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    this.#since = Number.POSITIVE_INFINITY;
  }

  /** Everyone who is there or may be back, as they were; undefined where the watch is too short for that to be known. */
  all(mono: number): WorkerSnapshot[] | undefined {
    if (mono - this.#since < BACK_WITHIN_MS) return undefined;
    return [...this.#seen.values()].map(({ worker }) => worker);
  }
}
