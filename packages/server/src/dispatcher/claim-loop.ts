// The claim loop: events only wake it, the loop alone claims. Hints are never taken for facts.
//
//  C1  It never claims more than the executor offers.
//  C2  A wake-up during a claim means: claim again before sleeping.
//  C3  It looks for lanes every second or so, and after each reconnect: a lost hint costs a second at most.
//  C4  A dispatcher that could not renew in a shard claims nothing there; and what took long to be answered is renewed before
//      it is handed out.
//  C5  A lane that was claimed empty is left alone until a hint names it or a look finds it.
//  C6  No fault ends it: it is told, once for as long as it lasts, and the round is tried again.
//  C7  A claim without an answer is made again, be its lanes empty: it may have emptied them (docs/decisions/0044). Where
//      nothing is offered any more, what the store owes is asked for alone, and what comes of it goes back.
import { backoffMs } from '../backoff.ts';
import { pause, type LiveClock } from '../clock.ts';
import { StoreUnavailable, type Claim, type ClaimedTask, type LaneQuota, type Store } from '../store/index.ts';
import { Watchdog } from '../watchdog.ts';
import { byShard } from './by-shard.ts';
import { quotasOf } from './quotas.ts';
import type { Offer } from './executor.ts';

export interface ClaimLoopOptions {
  store: Store;
  tenant: string;
  /** The name under which tasks are claimed: tells in the record who had it. */
  claimer: string;
  clock: LiveClock;
  random: () => number;
  offers: () => Offer[];
  /** From this shard, or without one: from any. */
  mayClaim: (shard?: number) => boolean;
  /** Ends of this shard's tasks wait here for a store that does not take them (a master without its replicas). */
  isFull: (shard: number) => boolean;
  onClaimed: (tasks: readonly ClaimedTask[]) => void;
  /** Claimed, but the answer came too late to hand it out: it goes back. */
  onLate: (tasks: readonly ClaimedTask[]) => void;
  onTrouble: (sentence: string) => void;
}

const LOOK_MS = 1_000;
const TROUBLE = { baseMs: 50, maxMs: 1_000, factor: 2 };
/** Tasks a claim: more would hold the store up. */
const CLAIM_MAX = 256;
/** Half of a lease: what is claimed is handed out with at least as much of it left, ms. */
const LATE_MS = 2_000;
/** How long the end of the loop waits for what it is owed, ms. */
const OWED_MS = 1_000;
/** Rounds that fail are no rounds; a store that is away makes a few. */
const STUCK_MS = 5_000;

export class ClaimLoop {
  readonly #options: ClaimLoopOptions;
  /** Lanes in which tasks may wait. */
  #lanes = new Set<string>();
  /** Those of them that a hint has named since the claim under way was sent. */
  readonly #hinted = new Set<string>();
  /** The store may have handed out what this loop was not told of (C7). */
  #isOwed = false;
  /** When to look for lanes, monotonic ms. */
  #lookAt = 0;
  #woken = true;
  #wake: ((urgent: boolean) => void) | undefined;
  #stopped = false;
  #running: Promise<void> | undefined;
  readonly watchdog = new Watchdog('the claim loop', STUCK_MS);

  constructor(options: ClaimLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.watchdog.turned(this.#options.clock.mono());
    this.#running ??= this.#run();
  }

  /** Resolves when no claim is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#running;
    this.watchdog.rests();
    if (this.#isOwed) await Promise.race([this.#takeOwed(), pause(this.#options.clock, OWED_MS)]);
  }

  /** What a claim without an answer may have handed out goes back now, and not when its lease is over. */
  async #takeOwed(): Promise<void> {
    const { store, tenant, claimer, onLate } = this.#options;
    const { tasks } = await store.claim(tenant, claimer, [], 0).catch(() => ({ tasks: [] }));
    if (tasks.length > 0) onLate(tasks);
  }

  /** There may be work in these lanes. */
  hint(lanes: readonly string[]): void {
    for (const lane of lanes) {
      this.#lanes.add(lane);
      this.#hinted.add(lane);
    }
    this.wake();
  }

  /** Something changed: capacity, or the connection (then look for lanes, too, and do not wait after a failure). */
  wake(look = false): void {
    if (look) this.#lookAt = 0;
    this.#woken = true;
    this.#wake?.(look);
  }

  async #run(): Promise<void> {
    let failures = 0;
    let told = '';
    while (!this.#stopped) {
      this.#woken = false;
      try {
        const again = await this.#round();
        failures = 0;
        told = '';
        this.watchdog.turned(this.#options.clock.mono());
        if (again) continue;
      } catch (error) {
        failures += 1;
        const trouble = inWords(error);
        // An absence has many sentences and is one trouble; another fault is told even so (C6).
        if (failures === 1 || (!(error instanceof StoreUnavailable) && trouble !== told)) {
          this.#options.onTrouble(trouble);
          told = trouble;
        }
        // What was claimed and could not be handed out has a lease that nobody renews: it goes back when that has run out.
        this.#lookAt = 0;
        await this.#sleep(backoffMs(TROUBLE, failures, this.#options.random()), false);
        continue;
      }
      const idle = this.#lookAt - this.#options.clock.mono();
      // Past its time where it may not claim: it is woken when it may.
      await this.#sleep(idle > 0 ? idle : LOOK_MS, true);
    }
  }

  /** One claim. True when there may be more to claim at once. */
  async #round(): Promise<boolean> {
    const { store, tenant, claimer, offers, mayClaim, isFull, onClaimed, onLate } = this.#options;
    if (!mayClaim()) return false;
    if (this.#options.clock.mono() >= this.#lookAt) await this.#look();
    const { quotas, max } = quotasOf(this.#isFull() ? [] : offers(), this.#lanes);
    const isOffered = quotas.length > 0;
    if (!isOffered && !this.#isOwed) return this.#woken;
    this.#hinted.clear();
    this.#isOwed = true;
    const sentAt = this.#options.clock.mono();
    const from = (shard: number): boolean => mayClaim(shard) && !isFull(shard);
    const claiming = store.claim(tenant, claimer, quotas, Math.min(max, CLAIM_MAX), from);
    const answer = await claiming.catch((fault: unknown) => {
      for (const { lane } of quotas) this.#hinted.add(lane);
      throw fault;
    });
    const { tasks, more, owes } = answer;
    this.#isOwed = owes;
    this.#leaveEmptied(quotas, answer);
    const tookMs = this.#options.clock.mono() - sentAt;
    const handing = [...byShard(store, tasks)].map(async ([shard, some]) => {
      const ours = tookMs > LATE_MS ? await this.#renewed(some, tookMs) : some;
      if (ours !== undefined && isOffered && mayClaim(shard)) onClaimed(ours);
      else onLate(ours ?? some);
    });
    await Promise.all(handing);
    return this.#woken || more;
  }

  /** Is there no shard whose tasks may be begun? */
  #isFull(): boolean {
    const { store, isFull } = this.#options;
    for (let shard = 0; shard < store.shards; shard += 1) if (!isFull(shard)) return false;
    return true;
  }

  /** Those that are ours still, of a claim that took so long; undefined = nobody can tell. */
  async #renewed(tasks: readonly ClaimedTask[], tookMs: number): Promise<readonly ClaimedTask[] | undefined> {
    const { store, tenant, clock } = this.#options;
    const sentAt = clock.mono();
    const renewals = tasks.map(({ fence }) => ({ fence, worker: '', startedAt: 0 }));
    const isOurs = await store.renew(tenant, renewals).catch(() => undefined);
    const renewingMs = clock.mono() - sentAt;
    if (isOurs === undefined || renewingMs > LATE_MS) return undefined;
    const ours = tasks.filter((_, at) => isOurs[at]);
    return ours.map(({ startWithinMs, ...task }) => ({
      ...task,
      startWithinMs: startWithinMs === undefined ? undefined : startWithinMs - tookMs - renewingMs,
    }));
  }

  async #look(): Promise<void> {
    const { store, tenant, clock, random } = this.#options;
    const depths = await store.lanes(tenant);
    // A hint may be earlier than what it tells of, which this look did not see then.
    this.#lanes = new Set([...depths.map(({ lane }) => lane), ...this.#hinted]);
    this.#lookAt = clock.mono() + LOOK_MS * (0.75 + 0.5 * random());
  }

  /** Forgets the lanes that had less than was asked of them (C5). */
  #leaveEmptied(quotas: readonly LaneQuota[], { tasks, more, owes }: Claim): void {
    if (more || owes) return;
    const got = new Map<string, number>();
    for (const { lane } of tasks) got.set(lane, (got.get(lane) ?? 0) + 1);
    for (const { lane, max } of quotas) {
      if ((got.get(lane) ?? 0) < max && !this.#hinted.has(lane)) this.#lanes.delete(lane);
    }
  }

  /** Until the time is up, or something wakes it. */
  async #sleep(ms: number, wakeable: boolean): Promise<void> {
    if (this.#woken && wakeable) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(ms, () => {
        this.#wake = undefined;
        resolve();
      });
      this.#wake = (urgent) => {
        if (!wakeable && !urgent && !this.#stopped) return;
        cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

function inWords(error: unknown): string {
  if (error instanceof StoreUnavailable) return `Claiming waits for the store: ${error.message}`;
  return `Claiming met a fault and is tried again: ${String(error)}`;
}
