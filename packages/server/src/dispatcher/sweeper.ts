// Sweeps the store twice a second: what is due, what has expired, whose lease ran out, what is kept no longer. A sweep looks at
// a bounded number of tasks; where more are due, the next follows after a pause that leaves most of the store to the work.
import { pause, type Cancel, type LiveClock } from '../clock.ts';
import { StoreUnavailable, type Store } from '../store/index.ts';
import { Watchdog } from '../watchdog.ts';

const SWEEP_MS = 500;
const STUCK_MS = 5_000;
/** Pauses between sweeps that follow each other, as a multiple of what the last one took. */
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
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const { store, tenant, clock, onTrouble } = this.#options;
    try {
      while (this.#stopTimer !== undefined) {
        const from = clock.mono();
        const { more } = await store.sweep(tenant);
        this.watchdog.turned(clock.mono());
        if (!more) return;
        await pause(clock, PAUSES * (clock.mono() - from));
      }
    } catch (error) {
      // The next sweep tries again, whatever it was; the claim loop tells of a store that is away.
      if (!(error instanceof StoreUnavailable)) onTrouble(`A sweep met a fault: ${String(error)}`);
    } finally {
      this.#sweeping = false;
    }
  }
}
