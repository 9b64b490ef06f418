// The starts of one source that are under way: what hangs in one is killed in time, or when nobody waits for it any more.
import type { LiveClock } from '../clock.ts';

/** How long a child may take until it says that it is ready, in ms: on a slow machine it takes 1 to 5 s. */
export const START_MS = 20_000;

/** A start of `what` was given up after `ms`. */
export class TooSlow extends Error {
  constructor(what: string, ms: number) {
    super(
      `${what} was not ready within ${ms / 1000} s and was killed: something hangs in its start ` +
        '(for Python often a .pth file or sitecustomize; a folder on its path that does not answer)',
    );
  }
}

/** Calls `act` when `signal` is aborted, also where it is already; the answer takes that back. */
export function whenAborted(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true });
  return () => signal.removeEventListener('abort', act);
}

export class Starts {
  readonly #clock: LiveClock;
  readonly #ms: number;
  readonly #running = new Map<AbortController, Promise<unknown>>();

  /** @param ms - how long each may take */
  constructor(clock: LiveClock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  /** Begins a start of `what`. It kills what it has started once the signal is aborted, and rejects with its reason. */
  async run<T>(what: string, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const stop = this.#clock.after(this.#ms, () => controller.abort(new TooSlow(what, this.#ms)));
    const running = start(controller.signal);
    this.#running.set(controller, running);
    try {
      return await running;
    } finally {
      stop();
      this.#running.delete(controller);
    }
  }

  /** Ends them all. Resolves when they are over; what had come up in that moment is its owner's. */
  async close(): Promise<void> {
    const all = [...this.#running.values()];
    for (const controller of this.#running.keys()) controller.abort(new Error('the pool is closed'));
    await Promise.allSettled(all);
  }
}
