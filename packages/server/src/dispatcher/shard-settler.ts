// Brings endings into one shard of the store, in batches: what came while a call was under way goes in the next one.
// An ending that the store could not take stays here, and its worker keeps it too, until it is in. One that the store (or
// we) stumble over for what it holds is told apart from its neighbours, ends without its content, and is given up at last.
import { pause, type LiveClock } from '../clock.ts';
import { backoffMs } from '../backoff.ts';
import { Watchdog } from '../watchdog.ts';
import { StoreUnavailable, type Release, type Settlement, type Store } from '../store/index.ts';
import type { Ending } from '../tasks/ending.ts';
import { verdictOf, withoutContent } from '../tasks/settle.ts';

export interface ShardSettlerOptions {
  store: Store;
  tenant: string;
  clock: LiveClock;
  random: () => number;
  /** What is brought where, for a sentence: 'ends into the store', or which ends, or which shard of it. */
  name: string;
  /** Are the endings of all attempts that are out waiting, here or for other shards? */
  isAll: () => boolean;
  /** These are settled: accepted, settled before, or refused as stale for good. */
  onSettled: (tokens: string[], accepted: Ending[]) => void;
  onTrouble: (sentence: string) => void;
}

const STUCK_MS = 5_000;
const RETRY = { baseMs: 50, maxMs: 1_000, factor: 2 };
/** Store calls hold at most this many endings, so that one slow batch does not hold up the rest. */
const BATCH = 256;
/** And return this much together, or are one: what is late goes again as a whole. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** So many endings are a batch; fewer wait this long for more, ms. */
const WORTHWHILE = 32;
const GATHER_MS = 1;

export class ShardSettler {
  readonly #options: ShardSettlerOptions;
  #queue: Ending[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #closed = false;
  /** Ends the wait for a store that was away. */
  #hurry: (() => void) | undefined;
  readonly watchdog: Watchdog;
  /** So many of the first in the queue go one by one: one of them is what a batch failed for. */
  #oneByOne = 0;
  /** What has no content any more. */
  readonly #stripped = new WeakSet<Ending>();

  constructor(options: ShardSettlerOptions) {
    this.#options = options;
    this.watchdog = new Watchdog(`bringing ${options.name}`, STUCK_MS);
  }

  push(endings: readonly Ending[]): void {
    this.#queue.push(...endings);
    for (const ending of endings) this.#waitingBytes += bytesOf(ending);
    this.#running ??= this.#run();
  }

  /** The store is there again. */
  hurry(): void {
    this.#hurry?.();
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      this.#hurry = () => {
        cancel();
        resolve();
      };
    });
    this.#hurry = undefined;
  }

  /** How many wait to be taken along. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** What those return, bytes. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Resolves when everything pushed so far is in the store. */
  async done(): Promise<void> {
    await this.#running;
  }

  /** Gives up what is not in: its leases end, or its worker brings it to another dispatcher. */
  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (this.#queue.length > 0 && !this.#closed) {
      const apart = this.#oneByOne > 0;
      if (!apart) await this.#gather();
      const batch = this.#take(apart ? 1 : BATCH);
      if (apart) this.#oneByOne -= 1;
      try {
        this.watchdog.begun(this.#options.clock.mono());
        await this.#settle(batch);
        failures = 0;
        this.watchdog.turned(this.#options.clock.mono());
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) {
          this.#stumbledOver(batch, error);
          continue;
        }
        failures += 1;
        if (failures === 1)
          this.#options.onTrouble(`Ends of ${batch.length} tasks wait for the store: ${error.message}`);
        this.#putBack(batch, apart);
        const wait = backoffMs(RETRY, failures, this.#options.random());
        await this.#pause(wait);
      }
    }
    this.watchdog.rests();
    this.#running = undefined;
  }

  #take(most: number): Ending[] {
    let [count, bytes] = [0, 0];
    for (const ending of this.#queue) {
      const more = bytesOf(ending);
      if (count === most || (count > 0 && bytes + more > BATCH_BYTES)) break;
      [count, bytes] = [count + 1, bytes + more];
    }
    this.#waitingBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  /** Not the store's absence: something in one of these. */
  #stumbledOver(batch: readonly Ending[], fault: unknown): void {
    const [ending] = batch;
    if (batch.length > 1) this.#putBack(batch, true);
    if (batch.length !== 1 || ending === undefined) return;
    const { onSettled, onTrouble } = this.#options;
    const what = `The end of task ${ending.fence.id} cannot be kept (${fault instanceof Error ? fault.message : String(fault)})`;
    if (this.#stripped.has(ending)) {
      onTrouble(`${what}: it is given up, and the task runs again when its lease has ended.`);
      onSettled([ending.fence.token], []);
      return;
    }
    onTrouble(`${what}: it is told without what was reported of it.`);
    const stripped = withoutContent(ending);
    this.#stripped.add(stripped);
    this.#putBack([stripped], true);
  }

  /** Before all others; `apart`: they go one by one. */
  #putBack(batch: readonly Ending[], apart: boolean): void {
    this.#queue.unshift(...batch);
    for (const ending of batch) this.#waitingBytes += bytesOf(ending);
    if (apart) this.#oneByOne += batch.length;
  }

  /**
   * What comes in the same turn of the event loop goes together. While more is in progress, a few endings wait a
   * moment for others: one call of many costs little more than one of one. The last one out waits for nobody, so a
   * caller who has one task at a time never pays for this.
   */
  async #gather(): Promise<void> {
    const { isAll, clock } = this.#options;
    if (isAll()) return;
    await new Promise<void>((resolve) => clock.turn(resolve));
    if (this.#queue.length >= WORTHWHILE || isAll()) return;
    await pause(clock, GATHER_MS);
  }

  async #settle(batch: readonly Ending[]): Promise<void> {
    const { store, tenant, random, onSettled } = this.#options;
    const settlements: Settlement[] = [];
    const settling: Ending[] = [];
    const releases: Release[] = [];
    for (const ending of batch) {
      const verdict = verdictOf(ending, random());
      if (verdict.is === 'release') releases.push(verdict.release);
      else {
        settlements.push(verdict.settlement);
        settling.push(ending);
      }
    }
    const [answers] = await Promise.all([
      settlements.length > 0 ? store.settle(tenant, settlements) : [],
      releases.length > 0 ? store.release(tenant, releases) : [],
    ]);
    const accepted = settling.filter((_, at) => answers[at]?.is === 'accepted');
    onSettled(
      batch.map((ending) => ending.fence.token),
      accepted,
    );
  }
}

/** What it returns, bytes. */
export function bytesOf({ outcome }: Ending): number {
  switch (outcome.is) {
    case 'completed':
      return (outcome.result.json?.length ?? 0) + (outcome.result.pickle?.length ?? 0);
    case 'failed':
      return outcome.pickle?.length ?? 0;
    case 'lost':
    case 'released':
      return 0;
  }
}
