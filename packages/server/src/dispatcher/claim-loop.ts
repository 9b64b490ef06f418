// The claim loop: events only wake it, the loop alone claims. Hints are never taken for facts.
//
//  C1  It never claims more than the executor offers.
//  C2  A wake-up during a claim means: claim again before sleeping.
//  C3  An idle loop looks again every second, jittered, and after each reconnect: a lost hint costs a second at most.
//  C4  A dispatcher that could not renew claims nothing.
import { backoffMs } from '../backoff.ts';
import { CLAIM_BYTES, StoreUnavailable, type ClaimedTask, type Store } from '../store/index.ts';
import { quotasOf } from './quotas.ts';
import type { Offer } from './executor.ts';

export interface ClaimLoopOptions {
  store: Store;
  tenant: string;
  /** The name under which tasks are claimed: tells in the record who had it. */
  claimer: string;
  random: () => number;
  offers: () => Offer[];
  mayClaim: () => boolean;
  onClaimed: (tasks: ClaimedTask[]) => void;
  /** Claimed, but the answer came too late to hand it out: it goes back. */
  onLate: (tasks: ClaimedTask[]) => void;
  onTrouble: (sentence: string) => void;
}

const IDLE_MS = 1_000;
const TROUBLE = { baseMs: 50, maxMs: 1_000, factor: 2 };
/** Tasks a claim: more would hold the store up. */
const CLAIM_MAX = 256;
/** A loop that has not come round for this long is reported by the watchdog. */
const STUCK_MS = 15_000;

export class ClaimLoop {
  readonly #options: ClaimLoopOptions;
  /** Lanes seen by hints and by looking; those that stay empty are dropped when the loop looks. */
  #lanes = new Set<string>();
  #lookAgain = true;
  #woken = true;
  #wake: (() => void) | undefined;
  #stopped = false;
  #running: Promise<void> | undefined;
  #roundAt = performance.now();

  constructor(options: ClaimLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when no claim is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#running;
  }

  /** There may be work in these lanes. */
  hint(lanes: readonly string[]): void {
    for (const lane of lanes) this.#lanes.add(lane);
    this.wake();
  }

  /** Something changed: capacity, or the connection (then look for lanes, too). */
  wake(look = false): void {
    if (look) this.#lookAgain = true;
    this.#woken = true;
    this.#wake?.();
  }

  /** A sentence where the loop has not come round for too long, else ''. */
  get trouble(): string {
    const silent = performance.now() - this.#roundAt;
    return silent > STUCK_MS ? `the claim loop has not come round for ${Math.round(silent / 1000)} s` : '';
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopped) {
      this.#roundAt = performance.now();
      this.#woken = false;
      try {
        const again = await this.#round();
        failures = 0;
        if (again) continue;
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        failures += 1;
        if (failures === 1) this.#options.onTrouble(`Claiming waits for the store: ${error.message}`);
        this.#lookAgain = true;
        await this.#sleep(backoffMs(TROUBLE, failures, this.#options.random()), false);
        continue;
      }
      const idle = IDLE_MS * (0.75 + 0.5 * this.#options.random());
      if (await this.#sleep(idle, true)) this.#lookAgain = true;
    }
  }

  /** One claim. True when there may be more to claim at once. */
  async #round(): Promise<boolean> {
    const { store, tenant, claimer, offers, mayClaim, onClaimed, onLate } = this.#options;
    if (!mayClaim()) return false;
    if (this.#lookAgain) {
      this.#lookAgain = false;
      this.#lanes = new Set((await store.lanes(tenant)).map(({ lane }) => lane));
    }
    const { quotas, max } = quotasOf(offers(), this.#lanes);
    if (quotas.length === 0) return this.#woken;
    const wanted = Math.min(max, CLAIM_MAX);
    const tasks = await store.claim(tenant, claimer, quotas, wanted);
    // Asked again: the answer may have taken so long that the leases are not ours to trust (C4).
    if (tasks.length > 0) (mayClaim() ? onClaimed : onLate)(tasks);
    // A full answer, by count or by bytes, means that there may be more.
    const bytes = tasks.reduce((sum, { args }) => sum + args.length, 0);
    return this.#woken || tasks.length === wanted || bytes >= CLAIM_BYTES / 2;
  }

  /** True when the time was up, false when woken. */
  async #sleep(ms: number, wakeable: boolean): Promise<boolean> {
    if (this.#woken && wakeable) return false;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#wake = undefined;
        resolve(true);
      }, ms);
      this.#wake = () => {
        if (!wakeable && !this.#stopped) return;
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(false);
      };
    });
  }
}
