// Sweeps the store twice a second, and when the next task is due or expires: what is due, what has expired, whose lease ran
// out, what is kept no longer. A sweep looks at a bounded number of tasks; where more are due, the next follows after a pause that leaves most of the store to the work.
import { pause, type Cancel, type LiveClock } from '../clock.ts';
import { StoreUnavailable, type Store } from '../store/index.ts';
import { Watchdog } from '../watchdog.ts';

const SWEEP_MS = 500;
/** What is due within so long of each other is swept together. */
const APART_MS = 50;
const STUCK_MS = 5_000;
/** Pauses between sweeps that follow each other, as a multiple of what the last one took; one that stood still is no reason to wait. */
const PAUSES = 2;

export interface SweeperOptions {
  store: Store;
  tenant: string;
  clock: LiveClock;
  /** In [0, 1). */
  random: () => number;
  onTrouble: (sentence: string) => void;
}

export class Sweeper {
  readonly watchdog = new Watchdog('the sweep', STUCK_MS);
  readonly #options: SweeperOptions;
  #sweeping = false;
  #stopTimer: Cancel | undefined;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #cancelNext: Cancel | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, random } = this.#options;
    this.watchdog.turned(clock.mono());
    this.#stopTimer = clock.every(SWEEP_MS * (0.9 + 0.2 * random()), () => void this.#sweep());
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#cancelNext?.();
  }

  /** A sweep for what is due in `ms`, where the regular one is later. */
  #sweepIn(ms: number): void {
    this.#cancelNext?.();
    if (ms >= SWEEP_MS || this.#stopTimer === undefined) return;
    const { clock } = this.#options;
    // A millisecond more: the store's clock and ours do not turn together.
    const wait = Math.max(ms + 1, this.#sweptAt + APART_MS - clock.mono());
    this.#cancelNext = clock.after(wait, () => void this.#sweep());
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const { store, tenant, clock, onTrouble } = this.#options;
    try {
      while (this.#stopTimer !== undefined) {
        const from = clock.mono();
        const { more, nextMs } = await store.sweep(tenant);
        this.#sweptAt = clock.mono();
        this.watchdog.turned(this.#sweptAt);
        if (!more) return this.#sweepIn(nextMs);
        await pause(clock, Math.min(SWEEP_MS, PAUSES * (this.#sweptAt - from)));
      }
    } catch (error) {
      // The next sweep tries again, whatever it was; the claim loop tells of a store that is away.
      if (!(error instanceof StoreUnavailable)) onTrouble(`A sweep met a fault: ${String(error)}`);
    } finally {
      this.#sweeping = false;
    }
  }
}
