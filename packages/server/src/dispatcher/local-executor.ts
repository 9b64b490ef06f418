// Local: the runner pool in this process stands in for everything between executor and child.
import { hostname } from 'node:os';
import type { LiveClock } from '../clock.ts';
import type { ClaimedTask, Renewal, WorkerSnapshot } from '../store/index.ts';
import type { PoolListener, RunnerPool } from '../runner/index.ts';
import type { Ending } from '../tasks/ending.ts';
import type { Executor, ExecutorEvents, Offer } from './executor.ts';

export interface LocalExecutorOptions {
  dispatcherId: string;
  version: string;
  labels: readonly string[];
  clock: LiveClock;
  events: ExecutorEvents;
  openPool: (listener: PoolListener) => Promise<RunnerPool>;
}

/** Opens the pool. @throws Error where no runtime can be started at all. */
export async function openLocalExecutor(options: LocalExecutorOptions): Promise<Executor> {
  const executor = new LocalExecutor(options);
  await executor.open();
  return executor;
}

interface Given {
  task: ClaimedTask;
  phase: 'given' | 'settling';
  startedAt: number;
}

class LocalExecutor implements Executor {
  readonly mode = 'local';
  readonly address = '';
  readonly #options: LocalExecutorOptions;
  readonly #given = new Map<string, Given>();
  readonly #tokenOf = new Map<string, string>();
  readonly #startedAt: number;
  #pool!: RunnerPool;
  #endings: Ending[] = [];
  #draining = false;
  /** Handed to the pool when this turn of the event loop ends. */
  #codes = new Set<string>();

  constructor(options: LocalExecutorOptions) {
    this.#options = options;
    this.#startedAt = options.clock.wall();
  }

  async open(): Promise<void> {
    const { events } = this.#options;
    this.#pool = await this.#options.openPool({
      started: (key, at) => {
        const given = this.#given.get(key);
        if (given) given.startedAt = at;
      },
      printed: (key, chunk) => {
        const given = this.#given.get(key);
        if (given) events.printed(given.task.fence.id, given.task.fence.attempt, chunk);
      },
      ended: (key, outcome, startedAt, logs) => {
        const given = this.#given.get(key);
        if (given?.phase !== 'given') return;
        given.phase = 'settling';
        const { fence, spec, retries } = given.task;
        if (this.#endings.length === 0) this.#options.clock.turn(() => this.#flushEndings());
        this.#endings.push({ fence, spec, retries, outcome, worker: this.#options.dispatcherId, startedAt, logs });
      },
      changed: () => events.capacity(),
      needCode: (digest) => void this.#fetchCode(digest),
    });
  }

  get attempts(): number {
    return this.#given.size;
  }

  offers(): Offer[] {
    if (this.#draining) return [];
    const { free, credits, running, waiting } = this.#pool.room();
    const held = running + waiting;
    const { runtimes, slots } = this.#pool;
    return [{ runtimes, labels: this.#options.labels, slots, free, credits, held }];
  }

  hand(tasks: readonly ClaimedTask[]): void {
    for (const task of tasks) {
      this.#given.set(task.fence.token, { task, phase: 'given', startedAt: 0 });
      this.#tokenOf.set(task.fence.id, task.fence.token);
    }
    const mono = this.#options.clock.mono();
    this.#pool.submit(
      tasks.map(({ fence, spec, args, startWithinMs }) => {
        const startBy = startWithinMs === undefined ? undefined : mono + startWithinMs;
        return { key: fence.token, attempt: fence.attempt, spec, args, startBy };
      }),
    );
  }

  named(): Renewal[] {
    // This process is the worker: what it holds, it names.
    return [...this.#given.values()].map(({ task, startedAt }) => ({
      fence: task.fence,
      worker: this.#options.dispatcherId,
      startedAt,
    }));
  }

  drop(tokens: readonly string[]): void {
    for (const token of tokens) {
      if (this.#given.get(token)?.phase === 'given') this.#pool.cancel(token);
      this.#forget(token);
    }
  }

  dropTasks(ids: readonly string[]): void {
    this.drop(ids.map((id) => this.#tokenOf.get(id)).filter((token) => token !== undefined));
  }

  settled(tokens: readonly string[]): void {
    for (const token of tokens) this.#forget(token);
  }

  workers(): WorkerSnapshot[] {
    const { running, waiting, credits } = this.#pool.room();
    const { dispatcherId, version, labels, clock } = this.#options;
    return [
      {
        id: dispatcherId,
        mode: 'local',
        host: hostname(),
        pid: process.pid,
        version,
        dispatcher: dispatcherId,
        slots: this.#pool.slots,
        busy: running,
        waiting,
        credits,
        runtimes: [...this.#pool.runtimes],
        labels: [...labels],
        state: this.#draining ? 'draining' : 'ready',
        registeredAt: this.#startedAt,
        seenAt: clock.wall(),
      },
    ];
  }

  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    await this.#pool.stop(graceMs);
    this.#flushEndings();
  }

  async close(): Promise<void> {
    await this.drain(0);
  }

  #forget(token: string): void {
    const given = this.#given.get(token);
    if (given === undefined) return;
    this.#given.delete(token);
    if (this.#tokenOf.get(given.task.fence.id) === token) this.#tokenOf.delete(given.task.fence.id);
  }

  #flushEndings(): void {
    const endings = this.#endings;
    this.#endings = [];
    if (endings.length > 0) this.#options.events.ended(endings);
  }

  async #fetchCode(digest: string): Promise<void> {
    if (this.#codes.has(digest)) return;
    this.#codes.add(digest);
    try {
      const bytes = await this.#options.events.code(digest);
      if (bytes === undefined) this.#pool.refuseCode(digest, true);
      else this.#pool.provideCode(digest, bytes);
    } catch {
      // The store is away: the calls that wait for the code go back unharmed.
      this.#pool.refuseCode(digest, false);
    } finally {
      this.#codes.delete(digest);
    }
  }
}
