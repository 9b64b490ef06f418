// Those who wait: for the ends of certain tasks (a watch), or for any end (a stir). wait.ts tells them what is heard.
import type { TaskEnd } from '../store/index.ts';

/** Why a sleep is over. `missed`: a connection was lost and is back, hints may be lost: read all. */
export type Waking = 'heard' | 'missed' | 'time_up' | 'aborted';

/** One waiter; it hears from the moment it is made until `close`. */
export class Watch {
  readonly ids: readonly string[];
  readonly #forget: () => void;
  #heard: TaskEnd[] = [];
  #missed = false;
  /** How many ends end the sleep under way. */
  #enough = 1;
  #wake: (() => void) | undefined;

  constructor(ids: readonly string[], forget: () => void) {
    this.ids = ids;
    this.#forget = forget;
  }

  /**
   * Sleeps until `enough` ends were heard that nobody has taken, hints were missed, `ms` passed, or `signal` fires. Where
   * more than `enough` may come, what ends in the same turn of the event loop is heard together.
   */
  sleep(ms: number, enough: number, signal: AbortSignal): Promise<Waking> {
    if (signal.aborted) return Promise.resolve('aborted');
    if (this.#missed || this.#heard.length >= enough) return Promise.resolve(this.#orMissed('heard'));
    this.#enough = enough;
    return new Promise((resolve) => {
      let over = false;
      const done = (waking: Waking): void => {
        // A wake-up and the time may both be on their way; the second must not touch the next sleep.
        if (over) return;
        over = true;
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#wake = undefined;
        resolve(this.#orMissed(waking));
      };
      const onAbort = (): void => done('aborted');
      const timer = setTimeout(() => done('time_up'), ms);
      this.#wake = () => {
        this.#wake = undefined;
        if (enough >= this.ids.length) done('heard');
        else setImmediate(() => done('heard'));
      };
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** What was heard since the last taking, in the order of the ends. */
  take(): TaskEnd[] {
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  hear(end: TaskEnd): void {
    if (this.#heard.push(end) >= this.#enough) this.#wake?.();
  }

  miss(): void {
    this.#missed = true;
    this.#wake?.();
  }

  close(): void {
    this.#forget();
  }

  #orMissed(waking: Waking): Waking {
    if (!this.#missed) return waking;
    this.#missed = false;
    return waking === 'aborted' ? waking : 'missed';
  }
}

/** Those who follow all ends (event streams) read the log themselves: they are only woken. */
export class Stir {
  readonly #forget: () => void;
  #stirred = false;
  #wake: (() => void) | undefined;

  constructor(forget: () => void) {
    this.#forget = forget;
  }

  /** Sleeps until something ended since the last sleep, `ms` passed, or `signal` fires; answers whether something has ended. */
  sleep(ms: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.#stirred) {
      this.#stirred = false;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve(this.#stirred);
        this.#stirred = false;
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  wake(): void {
    this.#stirred = true;
    this.#wake?.();
  }

  close(): void {
    this.#forget();
  }
}
