// Did this process stand still lately (stopped, starved, a machine that slept)? What happened meanwhile is no sign of anything.
import type { Clock } from '../clock.ts';

const LOOK_MS = 500;
/** A look that is so late was held up. */
const STILL_MS = 1500;
/** What has piled up is through after this. */
const RECENT_MS = 3000;

export class Stillness {
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #lookedAt: number;
  #recentUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lookedAt = clock.mono();
    this.#timer = setInterval(() => this.isRecent(), LOOK_MS);
    this.#timer.unref();
  }

  isRecent(): boolean {
    const now = this.#clock.mono();
    if (now - this.#lookedAt > STILL_MS) this.#recentUntil = now + RECENT_MS;
    this.#lookedAt = now;
    return now < this.#recentUntil;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
