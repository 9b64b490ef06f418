// A small histogram in fixed bounds, shipped with the dispatcher's report and summed up by /metrics.
import type { HistogramSnapshot } from '../store/index.ts';

/** Upper bounds in ms: from a quick no-op to the default time limit. */
const BOUNDS_MS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000];

export class Histogram {
  readonly #counts = new Array<number>(BOUNDS_MS.length + 1).fill(0);
  #sum = 0;

  /** Counts a duration in ms; a negative one (clocks differ) counts as zero. */
  observe(ms: number): void {
    const value = Math.max(0, ms);
    const at = BOUNDS_MS.findIndex((bound) => value <= bound);
    const bucket = at < 0 ? BOUNDS_MS.length : at;
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.#sum += value;
  }

  snapshot(): HistogramSnapshot {
    return { bounds: BOUNDS_MS, counts: [...this.#counts], sum: this.#sum };
  }
}
