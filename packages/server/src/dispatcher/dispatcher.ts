// The dispatcher: claims tasks, hands them to its executor, keeps their leases, brings their ends into the store.
// One loop each, each in its own file; this one ties them together and starts and stops them.
import { hostname } from 'node:os';
import type { Cancel, LiveClock } from '../clock.ts';
import { newToken } from '../lifecycle/ids.ts';
import type { ClaimedTask, Hint, LogLimits, Store } from '../store/index.ts';
import type { Ending } from '../tasks/ending.ts';
import { troublesOf } from '../watchdog.ts';
import { endingOf } from './fleet/endings.ts';
import { adopt } from './adoption.ts';
import { Canceled } from './canceled.ts';
import { ClaimLoop } from './claim-loop.ts';
import { CodeCache } from './code-cache.ts';
import type { Executor, ExecutorEvents } from './executor.ts';
import { Histogram } from './histogram.ts';
import { LeaseKeeper, RENEW_MS } from './lease-keeper.ts';
import { Output } from './output.ts';
import { Reporter } from './reporter.ts';
import { Settler } from './settler.ts';
import { Sweeper } from './sweeper.ts';
import { Unreadable } from './unreadable.ts';

export interface DispatcherOptions {
  store: Store;
  tenant: string;
  version: string;
  clock: LiveClock;
  /** In [0, 1). */
  random: () => number;
  logLimits: LogLimits;
  /** Makes the executor: local, pull or push. */
  openExecutor: (dispatcherId: string, events: ExecutorEvents) => Promise<Executor>;
  /** The claimer's name where a restart can know that its predecessor is dead (embedded store, local mode); else ''. */
  claimer: string;
  log: (level: 'info' | 'warn', message: string, fields?: Record<string, unknown>) => void;
}

export interface Dispatcher {
  readonly id: string;
  /** Where workers connect; '' for local. */
  readonly address: string;
  /** Sentences for /readyz; empty when all loops come round. */
  troubles(): string[];
  /**
   * Takes nothing new, lets what runs finish within graceMs, hands back the rest, leaves. Idempotent: called again with
   * less time, that holds.
   */
  stop(graceMs: number): Promise<void>;
}

const LOOK_MS = 1_000;
/** How long endings may take into a store that hangs when we want to leave. */
const LAST_SETTLE_MS = 5_000;

/** Starts a dispatcher. @throws Error with one sentence where its executor cannot be opened. */
export async function startDispatcher(options: DispatcherOptions): Promise<Dispatcher> {
  const dispatcher = new RunningDispatcher(options);
  await dispatcher.start();
  return dispatcher;
}

class RunningDispatcher implements Dispatcher {
  readonly id: string;
  readonly #options: DispatcherOptions;
  readonly #histograms = { queue_wait_ms: new Histogram(), run_time_ms: new Histogram() };
  readonly #codes: CodeCache;
  readonly #canceled: Canceled;
  readonly #output: Output;
  readonly #settler: Settler;
  readonly #loop: ClaimLoop;
  readonly #sweeper: Sweeper;
  #executor!: Executor;
  #leases!: LeaseKeeper;
  #unreadable!: Unreadable;
  #reporter: Reporter | undefined;
  #unsubscribe: () => Promise<void> = () => Promise.resolve();
  #stopTimers: Cancel[] = [];
  #stopping: Promise<void> | undefined;
  /** The claim loop may have left out a shard for what the settler holds. */
  #isHeldUp = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.id = `${hostname()}:${process.pid}:${newToken().slice(0, 8)}`;
    const { store, tenant, clock, random, log } = options;
    this.#codes = new CodeCache(store, tenant, clock);
    this.#canceled = new Canceled(clock);
    const onTrouble = (sentence: string): void => log('warn', sentence);
    this.#output = new Output(store, tenant, options.logLimits, clock, onTrouble);
    this.#settler = new Settler({
      store,
      tenant,
      clock,
      random,
      inProgress: () => this.#executor.attempts,
      onSettled: (tokens, accepted) => this.#settled(tokens, accepted),
      onTrouble,
    });
    this.#sweeper = new Sweeper({ store, tenant, clock, random, onTrouble });
    this.#loop = new ClaimLoop({
      store,
      tenant,
      claimer: options.claimer || this.id,
      clock,
      random,
      offers: () => this.#executor.offers(),
      mayClaim: (shard) => this.#leases.trusts(shard),
      isFull: (shard) => this.#isFull(shard),
      onClaimed: (tasks) => this.#hand(tasks),
      onLate: (tasks) => this.#giveBack(tasks),
      onTrouble,
    });
  }

  get address(): string {
    return this.#executor.address;
  }

  async start(): Promise<void> {
    const { store, tenant, clock, version, claimer, openExecutor, log } = this.#options;
    if (claimer !== '') {
      const orphans = await store.abandon(tenant, claimer);
      if (orphans > 0)
        log('info', `${orphans} tasks that ran when this program last ended were put back in the queue.`);
    }
    this.#executor = await openExecutor(this.id, {
      ended: (endings) => this.#settler.push(endings),
      capacity: () => this.#loop.wake(),
      fleet: () => this.#reporter?.report(),
      printed: (id, attempt, chunk) => this.#output.add(id, attempt, chunk),
      code: (digest) => this.#codes.get(digest),
      adopt: (found) => adopt(store, tenant, found, log),
      note: log,
    });
    const executor = this.#executor;
    const onTrouble = (sentence: string): void => log('warn', sentence);
    this.#leases = new LeaseKeeper({
      ...{ store, tenant, executor, clock, onTrouble },
      onTrusted: () => this.#loop.wake(true),
    });
    this.#unreadable = new Unreadable({
      store,
      tenant,
      dispatcherId: this.id,
      // A name of its own: what the store owes to the claim loop is not told here.
      claimer: `${claimer || this.id}/unreadable`,
      clock,
      workers: () => executor.workers(),
      mayClaim: (shard) => this.#leases.trusts(shard),
      end: (endings) => this.#settler.push(endings),
      onTrouble,
    });
    this.#reporter = new Reporter({
      store,
      executor,
      clock,
      dispatcherId: this.id,
      version,
      histograms: this.#histograms,
      troubles: () => this.troubles(),
      onTrouble,
    });
    // Subscribe, then read, then sleep: the loop's first round looks for itself.
    this.#unsubscribe = await store.subscribe((hint) => this.#hint(hint));
    await this.#reporter.start();
    this.#stopTimers = [
      clock.every(RENEW_MS, () => void this.#leases.renew()),
      clock.every(LOOK_MS, () => void this.#unreadable.look()),
    ];
    this.#sweeper.start();
    this.#loop.start();
  }

  troubles(): string[] {
    if (this.#stopping !== undefined) return [];
    const dogs = [this.#loop.watchdog, this.#sweeper.watchdog, ...this.#settler.watchdogs, this.#output.watchdog];
    dogs.push(this.#unreadable.watchdog);
    if (this.#reporter !== undefined) dogs.push(this.#reporter.watchdog);
    const troubles = troublesOf(dogs, this.#options.clock.mono());
    return [this.#leases.trouble, ...troubles].filter((sentence) => sentence !== '');
  }

  stop(graceMs: number): Promise<void> {
    if (this.#stopping !== undefined) void this.#executor.drain(graceMs);
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    await this.#loop.stop();
    await this.#executor.drain(graceMs);
    await this.#settler.flush(LAST_SETTLE_MS);
    this.#settler.close();
    for (const stop of this.#stopTimers) stop();
    this.#sweeper.stop();
    await this.#reporter?.stop();
    await this.#unsubscribe();
    await this.#executor.close();
    this.#output.stop();
  }

  #hint(hint: Hint): void {
    switch (hint.is) {
      case 'work':
        return this.#loop.hint(hint.lanes);
      case 'canceled':
        this.#canceled.heard(hint.ids);
        return this.#executor.dropTasks(hint.ids);
      case 'reconnected':
        void this.#leases.renewNow();
        this.#settler.hurry();
        return this.#loop.wake(true);
      case 'ends':
        return;
    }
  }

  /** What was said to be canceled while its claim was under way goes back: the store knows, and lets go of it if so. */
  #hand(tasks: readonly ClaimedTask[]): void {
    const doubtful = tasks.filter(({ fence }) => this.#canceled.takes(fence.id));
    if (doubtful.length === 0) return this.#executor.hand(tasks);
    this.#giveBack(doubtful);
    this.#executor.hand(tasks.filter((task) => !doubtful.includes(task)));
  }

  #giveBack(tasks: readonly ClaimedTask[]): void {
    this.#settler.push(tasks.map((task) => endingOf(task, { is: 'released', reason: 'unclaimed_answer' })));
  }

  #isFull(shard: number): boolean {
    const isFull = this.#settler.isFull(shard);
    this.#isHeldUp ||= isFull;
    return isFull;
  }

  #settled(tokens: string[], accepted: readonly Ending[]): void {
    const now = this.#options.clock.wall();
    for (const { startedAt, spec } of accepted) {
      if (startedAt === 0) continue;
      this.#histograms.queue_wait_ms.observe(startedAt - Math.max(spec.submitted_at, spec.not_before));
      this.#histograms.run_time_ms.observe(now - startedAt);
    }
    this.#executor.settled(tokens);
    if (!this.#isHeldUp || this.#settler.hasTooMuch) return;
    this.#isHeldUp = false;
    this.#loop.wake(true);
  }
}
