// A whole system in one process: stores, dispatchers, workers and a client, made of the real classes on simulated clocks,
// over a simulated network. Processes die and come back; each start is a new life of its place.
import { startDispatcher, openFleetExecutor, openLocalExecutor } from '../../packages/server/src/dispatcher/index.ts';
import type { Dispatcher, Executor, ExecutorEvents } from '../../packages/server/src/dispatcher/index.ts';
import { shardOf } from '../../packages/server/src/lifecycle/ids.ts';
import type { Outcome } from '../../packages/server/src/lifecycle/outcome.ts';
import type { Call, PoolListener } from '../../packages/server/src/runner/index.ts';
import { LEASE_MS, type Hint, type Store } from '../../packages/server/src/store/index.ts';
import { KeptResults, startWorker, type Worker } from '../../packages/server/src/worker/index.ts';
import { DIGESTS, TENANT, playTask } from './client.ts';
import { Kernel, newLife, type Life } from './kernel.ts';
import { Ledger } from './ledger.ts';
import { Network } from './network.ts';
import type { Mode, Schedule } from './plan.ts';
import { SimulatedPool, type UserCode } from './pool.ts';
import { randomFrom } from './random.ts';
import { MemoryShard } from './store/memory-shard.ts';
import { storeOver } from './store/memory-store.ts';
import { overShards } from './store/sharded.ts';
import { EmbeddedLink, RemoteLink, type ShardServer, type StoreWeather } from './store-link.ts';
import type { Variant } from './variant.ts';

/** Where a dispatcher or worker runs: its present life, if it has one. */
export interface Place {
  readonly name: string;
  readonly url: string;
  readonly mode: Mode;
  readonly slots: number;
  readonly skew: number;
  generation: number;
  life: Life | undefined;
  program: Dispatcher | Worker | undefined;
  pool: SimulatedPool | undefined;
  links: RemoteLink[];
}

/** The wall clock of the store is its own, Unix ms. */
const STORE_EPOCH = 1_800_000_000_000;
const LOG_LIMITS = { headBytes: 1_000, tailBytes: 1_000 };
const LOOK_MS = 100;

export class System {
  readonly kernel = new Kernel();
  readonly ledger = new Ledger(() => this.kernel.now);
  readonly random: () => number;
  readonly dispatchers: Place[];
  readonly workers: Place[];
  readonly servers: ShardServer[];
  readonly network: Network;
  readonly weather: StoreWeather;
  /** How far the store's clock has jumped, ms. */
  storeJump = 0;
  readonly #schedule: Schedule;
  readonly #variant: Variant;
  #embedded: EmbeddedLink | undefined;

  constructor(schedule: Schedule, variant: Variant) {
    this.#schedule = schedule;
    this.#variant = variant;
    this.random = randomFrom(schedule.seed);
    const { lost, late, twice, packed, unanswered } = schedule;
    this.weather = { unanswered, deafUntil: 0 };
    this.network = new Network(this.kernel, this.random, { lost, late, twice, packed }, this.#wireTap());
    const { isEmbedded } = this;
    this.servers = Array.from({ length: isEmbedded ? 1 : schedule.shards }, () => this.#server());
    this.dispatchers = schedule.dispatchers
      .slice(0, isEmbedded ? 1 : undefined)
      .map(({ mode, skew, slots }, n) => place(`d${n}`, mode, slots, skew));
    const fleets = this.dispatchers.filter(({ mode }) => mode !== 'local');
    this.workers = (fleets.length === 0 ? [] : schedule.workers).map(({ slots, skew }, n) =>
      place(`w${n}`, fleets[n % fleets.length]!.mode, slots, skew),
    );
  }

  /** Starts everything, and the client's work. */
  start(): void {
    for (const one of this.dispatchers) this.startDispatcher(one);
    for (const one of this.workers) this.startWorker(one, false);
    const life = newLife('client');
    const clock = this.kernel.clockOf(life, 0);
    const store = this.#clientStore(life);
    for (const [n, plan] of this.#schedule.tasks.entries()) {
      const shard = n % this.servers.length;
      clock.after(plan.at, () => void playTask(store, clock, this.ledger, `task ${n}`, shard, plan));
    }
    clock.every(LOOK_MS, () => this.#look());
  }

  get isEmbedded(): boolean {
    return this.#schedule.store === 'embedded';
  }

  /** The place of an id's shard. */
  shardOf(id: string): number {
    return (shardOf(id) ?? 0) % this.servers.length;
  }

  // ── the store ──────────────────────────────────────────────────────────────────────────────────────────────────

  #server(): ShardServer {
    const server: ShardServer = {
      isUp: true,
      downs: 0,
      goesBack: false,
      links: new Set(),
      shard: new MemoryShard({
        rules: this.#variant.rules,
        leaseMs: LEASE_MS,
        now: () => Math.trunc(STORE_EPOCH + this.storeJump + this.kernel.now),
        publish: (hint) => this.#publish(server, hint),
        watcher: this.ledger,
      }),
    };
    // There from the beginning, so that a photograph has it.
    server.shard.queue(TENANT);
    for (const digest of DIGESTS) {
      server.shard.functions(TENANT).register(
        {
          ...{ name: `f${digest}`, classic: false, runtime: 'python', form: 'source', entry: '', python: '', digest },
          ...{ defaults: {}, description: '', code: Buffer.from(digest) },
        },
        0,
      );
    }
    return server;
  }

  #publish(server: ShardServer, hint: Hint): void {
    for (const link of server.links) link.hear(hint);
    this.#embedded?.hear(hint);
  }

  /** Nobody reaches it any more; its clients notice. */
  storeDown(server: ShardServer): void {
    server.downs += 1;
    server.isUp = false;
    for (const link of server.links) link.lose();
  }

  storeUp(server: ShardServer): void {
    server.downs -= 1;
    server.isUp = server.downs === 0;
  }

  #clientStore(life: Life): Store {
    if (!this.isEmbedded) return this.#remote(life, undefined);
    // The service is in the same process as the dispatcher: where that is dead, nobody answers.
    return storeOver({
      call: (act) => this.#embedded?.call(act) ?? new Promise<never>(() => undefined),
      letBe: () => '',
      subscribe: () => () => undefined,
      close: () => undefined,
    });
  }

  #remote(life: Life, at: Place | undefined): Store {
    const clock = this.kernel.clockOf(life, 0);
    const links = this.servers.map(
      (server) =>
        new RemoteLink(
          ...([this.kernel, life, clock, this.random, server, this.#variant.leaseRest(), this.weather] as const),
          () => this.ledger.unanswered(life.name),
          (tasks) =>
            this.ledger.claimed(
              life.name,
              tasks.map(({ fence }) => fence.token),
            ),
        ),
    );
    if (at !== undefined) at.links = links;
    return overShards(links.map((link) => storeOver(link)));
  }

  #storeOf(at: Place, life: Life): Store {
    if (!this.isEmbedded) return this.#remote(life, at);
    const { shard } = this.servers[0]!;
    shard.queue(TENANT).adoptRunning();
    this.#embedded = new EmbeddedLink(this.kernel, life, shard);
    return storeOver(this.#embedded);
  }

  // ── dispatchers ────────────────────────────────────────────────────────────────────────────────────────────────

  startDispatcher(at: Place): void {
    const life = this.#live(at);
    const clock = this.kernel.clockOf(life, at.skew);
    const store = this.#variant.store(this.#storeOf(at, life));
    const starting = startDispatcher({
      store,
      tenant: TENANT,
      version: '0',
      clock,
      random: this.random,
      logLimits: LOG_LIMITS,
      claimer: this.isEmbedded && at.mode === 'local' ? 'local' : '',
      log: () => undefined,
      openExecutor: async (dispatcherId, events) => {
        const watched = this.#variant.events(this.#watchedEvents(life, events), store);
        const executor = await this.#openExecutor(at, life, dispatcherId, watched);
        return this.#variant.executor(this.#watchedExecutor(life, executor));
      },
    });
    starting.then(
      (dispatcher) => {
        if (at.life === life) at.program = dispatcher;
      },
      // It says why and ends; whoever runs it starts it again.
      () => this.kernel.after(500, life, () => this.#again(at, life)),
    );
  }

  #again(at: Place, life: Life): void {
    if (at.life !== life) return;
    this.kill(at);
    this.startDispatcher(at);
  }

  #openExecutor(at: Place, life: Life, dispatcherId: string, events: ExecutorEvents): Promise<Executor> {
    const clock = this.kernel.clockOf(life, at.skew);
    if (at.mode === 'local') {
      const openPool = (listener: PoolListener): Promise<SimulatedPool> => this.#openPool(at, life, listener);
      return openLocalExecutor({ dispatcherId, version: '0', labels: [], clock, events, openPool });
    }
    const options = { mode: at.mode, dispatcherId, host: at.name, port: 1, workerKey: '' };
    return openFleetExecutor(
      { ...options, clock, random: this.random, events },
      {
        openPort: (port) => Promise.resolve(this.network.bind(life, at.url, port)),
        deliveries: this.#variant.deliveries(),
      },
    );
  }

  /** What is given to a dispatcher, or adopted by it, shares its fate. */
  #watchedExecutor(life: Life, executor: Executor): Executor {
    const hand = executor.hand.bind(executor);
    executor.hand = (tasks) => {
      for (const { fence } of tasks) this.ledger.has(life.name, fence.token);
      hand(tasks);
    };
    return executor;
  }

  #watchedEvents(life: Life, events: ExecutorEvents): ExecutorEvents {
    return {
      ...events,
      adopt: (found) => {
        for (const { fence } of found) this.ledger.has(life.name, fence.token);
        return events.adopt(found);
      },
    };
  }

  // ── workers ────────────────────────────────────────────────────────────────────────────────────────────────────

  startWorker(at: Place, sameName: boolean): void {
    const life = this.#live(at);
    const starting = startWorker(
      {
        mode: at.mode === 'pull' ? 'pull' : 'push',
        urls: this.dispatchers.filter(({ mode }) => mode === at.mode).map(({ url }) => url),
        name: sameName ? at.name : life.name,
        host: at.name,
        version: '0',
        labels: [],
        workerKey: '',
        directory: '',
        clock: this.kernel.clockOf(life, at.skew),
        random: this.random,
        openPool: (listener) => this.#openPool(at, life, listener),
        log: () => undefined,
      },
      {
        lines: this.network.linesOf(life, at.name),
        results: new KeptResults(NO_DISK),
        share: this.#variant.share,
      },
    );
    void starting.then((worker) => {
      if (at.life === life) at.program = worker;
    });
  }

  async #openPool(at: Place, life: Life, listener: PoolListener): Promise<SimulatedPool> {
    const pool = new SimulatedPool(at.slots, this.kernel.clockOf(life, at.skew), listener, this.#userCode(life));
    at.pool = pool;
    return pool;
  }

  #userCode(life: Life): UserCode {
    return {
      begin: (call) => {
        this.ledger.has(life.name, call.key);
        this.ledger.started(call.key);
        const { behaviour, runs } = this.ledger.of(call.spec.id)!.plan;
        return { runs, outcome: outcomeOf(call, behaviour) };
      },
      over: (call) => this.ledger.stopped(call.key),
      ended: (call, outcome) => {
        if (outcome.is === 'lost') this.ledger.touchedAttempt(call.key);
      },
    };
  }

  // ── lives ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #live(at: Place): Life {
    at.generation += 1;
    at.life = newLife(`${at.name}.${at.generation}`);
    at.program = undefined;
    at.pool = undefined;
    return at.life;
  }

  /** It is gone without a word. */
  kill(at: Place): void {
    const { life } = at;
    if (life === undefined) return;
    this.ledger.afflicted(life.name);
    life.isAlive = false;
    at.pool?.die();
    for (const link of at.links) link.close();
    at.links = [];
    at.life = undefined;
    if (this.isEmbedded && this.dispatchers.includes(at)) this.#embedded = undefined;
  }

  #wireTap(): ConstructorParameters<typeof Network>[3] {
    return {
      workerSays: (life, items) => {
        if (!life.isAlive) return;
        this.ledger.note(() => `${life.name} says ${brief(items)}`);
        for (const item of items) {
          if (item.k === 'heartbeat' || item.k === 'register') for (const { t } of item.held) this.ledger.named(t);
        }
      },
      dispatcherSays: (life, items) => {
        this.ledger.note(() => `${life.name} is told ${brief(items)}`);
        for (const item of items) {
          if (item.k === 'tasks') for (const { t } of item.tasks) this.ledger.has(life.name, t);
        }
      },
      disturbed: (life) => this.ledger.touched(life.name),
    };
  }

  #look(): void {
    for (const { mode, pool, life } of this.dispatchers) {
      if (mode === 'local' && life?.isAlive) for (const { key } of pool?.held() ?? []) this.ledger.named(key);
    }
    for (const { pool, life, name, mode } of this.workers) {
      // A credit that was withdrawn may be spent by a message under way while another dispatcher has it already.
      const underWay = this.dispatchers.filter((one) => one.mode === mode).length - 1;
      if (pool !== undefined && pool.overrun > underWay && life?.isAlive === true && this.ledger.isUntouched(life.name))
        this.ledger.break(`W3: ${name} was sent more than it has room for`);
    }
    this.ledger.look(this.#running());
  }

  *#running(): Iterable<{ id: string; leaseUntil: number }> {
    for (const { shard } of this.servers) {
      const offset = shard.now() - this.kernel.now;
      for (const queue of shard.queues()) {
        for (const { spec, leaseUntil } of queue.running()) yield { id: spec.id, leaseUntil: leaseUntil - offset };
      }
    }
  }
}

function place(name: string, mode: Mode, slots: number, skew: number): Place {
  const nobody = { generation: 0, life: undefined, program: undefined, pool: undefined };
  return { name, url: `tcp://${name}:1`, mode, slots, skew, ...nobody, links: [] };
}

/** A message in a line: its kinds and the attempts that it names. */
function brief(items: readonly object[]): string {
  return JSON.stringify(items, (key, value: unknown) =>
    ['headers', 'runtimes', 'host', 'version', 'labels', 'part_bytes', 'id', 'args'].includes(key) ? undefined : value,
  );
}

const NO_DISK = { put: () => false, get: () => undefined, forget: () => undefined, close: () => undefined };

function outcomeOf(call: Call, behaviour: string): Outcome {
  const first = call.attempt === 1;
  if (behaviour === 'kills its runner' || (behaviour === 'kills its runner once' && first))
    return { is: 'lost', error: { type: 'RunnerDied', message: 'exit 1', traceback: '' } };
  if (behaviour === 'raises' || (behaviour === 'raises once' && first))
    return { is: 'failed', kind: 'raised', error: { type: 'ValueError', message: 'no', traceback: '' } };
  // The value tells which attempt made it.
  return { is: 'completed', result: { json: Buffer.from(JSON.stringify(call.key)) } };
}
