// Is a worker lost? Pure. Silence counts only while we listened: after our own loop stalled, nobody is blamed for a while.
import { LOST_AFTER_MS } from '../../protocol/index.ts';

/** A loop that comes back later than this was stalled: messages may wait unread. */
const STALL_MS = 1_000;

export class Liveness {
  #lastTick: number;
  #graceUntil = 0;

  constructor(mono: number) {
    this.#lastTick = mono;
  }

  /** Called at every turn of the watch, several times a second. */
  tick(mono: number): void {
    if (mono - this.#lastTick > STALL_MS) this.#graceUntil = mono + LOST_AFTER_MS;
    this.#lastTick = mono;
  }

  /** `silentSince`: when it could have spoken last, ms; undefined while we owe it an answer, for then its silence is our doing. */
  isLost(silentSince: number | undefined, mono: number): boolean {
    return silentSince !== undefined && mono >= this.#graceUntil && mono - silentSince > LOST_AFTER_MS;
  }
}
