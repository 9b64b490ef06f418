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

  /** `owed`: we owe this worker an answer, so its silence is our doing (a parked request, an unsent reply). */
  isLost(heardAt: number, owed: boolean, mono: number): boolean {
    return !owed && mono >= this.#graceUntil && mono - heardAt > LOST_AFTER_MS;
  }
}
