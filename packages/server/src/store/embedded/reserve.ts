// Room on the disk for the ends of running work. A file of zeros holds it; where the disk is full the file goes, and nothing that
// makes the store grow is taken until there is room for both again.
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../clock.ts';

/** Ends and renewals of thousands of calls. */
const RESERVE_BYTES = 16 * 1024 * 1024;

/** A try that fails has written all that there was room for, in the way of everything else. */
const AGAIN_MS = 1000;

export class Reserve {
  readonly #file: string;
  readonly #clock: Clock;
  #isHeld: boolean;
  #triedAt = Number.NEGATIVE_INFINITY;

  /** Takes the room, if the disk has it. */
  constructor(dataDir: string, clock: Clock) {
    this.#file = join(dataDir, 'reserve');
    this.#clock = clock;
    this.#isHeld = existsSync(this.#file) && statSync(this.#file).size === RESERVE_BYTES;
    this.take();
  }

  /** Is the room held, or could it be taken now? */
  take(): boolean {
    if (this.#isHeld) return true;
    const now = this.#clock.mono();
    if (now - this.#triedAt < AGAIN_MS) return false;
    this.#triedAt = now;
    try {
      writeFileSync(this.#file, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
      this.#isHeld = true;
    } catch {
      rmSync(this.#file, { force: true });
    }
    return this.#isHeld;
  }

  /** Gives the room to whoever needs it now. False where it is given already. */
  give(): boolean {
    if (!this.#isHeld) return false;
    this.#isHeld = false;
    this.#triedAt = this.#clock.mono();
    rmSync(this.#file, { force: true });
    return true;
  }
}
