// The connection to one Redis: the one door to the client library.
//
//  R1  An act runs only on a greeted server: version, role and number of shards are known.
//  R2  An act is repeated as faults.ts says, for RETRY_MS at most; then StoreUnavailable. A server that has been away
//      for longer is not waited for.
//  R3  After every reconnect, and whenever the server's time jumps, leases are let be for one lease time.
//  R4  Whoever listens is told 'reconnected' after every (re)subscription that may have missed something.
import { setTimeout as pause } from 'node:timers/promises';
import { EventEmitter, once } from 'node:events';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { backoffMs } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { LeaseRest } from '../lease-rest.ts';
import type { Hint } from '../store.ts';
import { StoreUnavailable } from '../store.ts';
import { isAboutCredentials, remedyFor } from './faults.ts';
import { HINT_CHANNELS, readHint } from './hints.ts';
import type { HintTopic } from './hints.ts';
import { readServer, readWarnings } from './readings.ts';
import type { Script } from './scripts.ts';
import type { ExpectedAof, ServerFacts } from './server-facts.ts';

export interface ConnectionOptions {
  url: string;
  /** Wished for at the first start; undefined = as the store says, or 1. */
  shards: number | undefined;
  expectAof: ExpectedAof;
  leaseMs: number;
  clock: Clock;
  onError: (message: string) => void;
  /** What is listened for; a message that nobody here needs is a wake-up less. */
  topics: readonly HintTopic[];
  /** Loaded at every greeting, so that acts need only name them. */
  scripts: readonly Script[];
}

const RETRY_MS = 3000;
const RETRY = { baseMs: 20, maxMs: 500, factor: 2 };
const RECONNECT = { baseMs: 50, maxMs: 1000, factor: 2 };
/** How old what we know of the server's settings may be when somebody asks. */
const LOOK_AGAIN_MS = 30_000;
const PROBE_MS = 1000;
/** What the client library says after the fault that was the cause. */
const CLOSED = 'Connection is closed.';

type Phase =
  | { is: 'away'; since: number; why: string; isRefused: boolean }
  | { is: 'ready'; server: ServerFacts; warnings: string[]; warnedAt: number }
  | { is: 'unfit'; why: string }
  | { is: 'closed' };

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #redis: Redis;
  readonly #listener: Redis;
  readonly #events = new EventEmitter<{ changed: []; hint: [Hint] }>().setMaxListeners(0);
  #phase: Phase;
  #shards: number;
  #subscribed = false;
  #greeting: Promise<void> = Promise.resolve();
  #greetings = 0;
  readonly #leaseRest: LeaseRest;
  /** It was told that the server is away. */
  #missed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#shards = options.shards ?? 1;
    this.#leaseRest = new LeaseRest(options.leaseMs);
    this.#phase = { is: 'away', since: options.clock.mono(), why: 'not connected yet', isRefused: false };
    const settings = {
      lazyConnect: true,
      protocol: 2,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 3000,
      commandTimeout: 5000,
      retryStrategy: (attempt: number) => backoffMs(RECONNECT, attempt, Math.random()),
    } satisfies RedisOptions;
    this.#redis = new Redis(options.url, { ...settings, connectionName: 'mpcsfaas' });
    this.#listener = new Redis(options.url, { ...settings, connectionName: 'mpcsfaas-hints' });
    this.#watch();
  }

  /**
   * Resolves after the first attempt, whether it succeeded or not; rejects where the server can never be the store, and
   * where it refuses the credentials: at a start that is a mistake, later it may be a password that is being changed.
   */
  async open(): Promise<void> {
    this.#listener.connect().catch(() => undefined);
    await this.#redis.connect().catch((fault: unknown) => this.#away(fault));
    await this.#greeting;
    const phase = this.#phase;
    if (phase.is !== 'unfit' && !(phase.is === 'away' && phase.isRefused)) {
      this.#missed = phase.is === 'away';
      return;
    }
    this.close();
    throw new Error(phase.why);
  }

  get shards(): number {
    return this.#shards;
  }

  /** Runs an act, again where that helps (R2). `load` = send the script's text, not its digest. */
  async run<T>(act: (redis: Redis, load: boolean) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const deadline = clock.mono() + RETRY_MS;
    let load = false;
    for (let attempt = 1; ; attempt += 1) {
      await this.#ready(deadline);
      this.#gather();
      try {
        return await act(this.#redis, load);
      } catch (fault) {
        const row = remedyFor(fault);
        if (row === undefined) throw fault;
        if (row.remedy === 'refuse' || clock.mono() >= deadline)
          throw new StoreUnavailable(row.sentence, { cause: fault });
        if (row.remedy === 'reconnect') this.#redis.disconnect(true);
        load = row.remedy === 'load';
        if (!load) await pause(backoffMs(RETRY, attempt, Math.random()));
      }
    }
  }

  /** The commands of one turn leave in one write: the client writes each by itself, a system call a command. */
  #gather(): void {
    const { stream } = this.#redis;
    if (stream.writableCorked > 0) return;
    stream.cork();
    process.nextTick(() => stream.uncork());
  }

  async #ready(deadline: number): Promise<void> {
    for (;;) {
      const phase = this.#phase;
      if (phase.is === 'ready') return;
      if (phase.is === 'closed') throw new StoreUnavailable('The store is closed.');
      if (phase.is === 'unfit') throw new StoreUnavailable(phase.why);
      const left = Math.min(deadline, phase.since + RETRY_MS) - this.#options.clock.mono();
      if (left <= 0) throw new StoreUnavailable(sentenceOf(phase));
      const waiting = new AbortController();
      const changed = once(this.#events, 'changed', { signal: waiting.signal }).catch(() => undefined);
      await Promise.race([changed, pause(left, undefined, { signal: waiting.signal }).catch(() => undefined)]);
      waiting.abort();
    }
  }

  /** Why leases are to be let be, or '' (R3). `serverMs` = the server's time just now. */
  letBe(serverMs: number): string {
    return this.#leaseRest.why(serverMs, this.#options.clock.mono());
  }

  /** Resolves once subscribed; where Redis is away, at once: the subscription is made when it is back (R4). */
  async subscribe(onHint: (hint: Hint) => void): Promise<() => Promise<void>> {
    if (this.#phase.is === 'closed') throw new StoreUnavailable('The store is closed.');
    this.#events.on('hint', onHint);
    while (this.#phase.is === 'ready' && !this.#subscribed) await once(this.#events, 'changed');
    return async () => void this.#events.off('hint', onHint);
  }

  async health(): Promise<{ ok: boolean; detail: string; version: string; warnings: string[] }> {
    const phase = this.#phase;
    if (phase.is !== 'ready') {
      const why = phase.is === 'closed' ? 'The store is closed.' : phase.is === 'unfit' ? phase.why : sentenceOf(phase);
      return { ok: false, detail: why, version: 'redis', warnings: [] };
    }
    const { version } = phase.server;
    try {
      await this.#redis.ping();
      await this.#lookAgain(phase);
      return { ok: true, detail: '', version, warnings: phase.warnings };
    } catch (fault) {
      return { ok: false, detail: remedyFor(fault)?.sentence ?? String(fault), version, warnings: phase.warnings };
    }
  }

  /** Settings may be changed while the server runs. */
  async #lookAgain(phase: Extract<Phase, { is: 'ready' }>): Promise<void> {
    const now = this.#options.clock.mono();
    if (now - phase.warnedAt < LOOK_AGAIN_MS) return;
    phase.warnedAt = now;
    phase.warnings = await readWarnings(this.#redis, this.#options.expectAof);
  }

  /** '' or why the server takes no write that needs memory. */
  async refusal(): Promise<string> {
    try {
      await this.run((redis) => redis.set(PROBE_KEY, '1', 'PX', PROBE_MS));
      return '';
    } catch (fault) {
      return fault instanceof Error ? fault.message : String(fault);
    }
  }

  /** Idempotent. */
  close(): void {
    this.#phase = { is: 'closed' };
    this.#redis.disconnect();
    this.#listener.disconnect();
    this.#events.emit('changed');
    this.#events.removeAllListeners('hint');
  }

  #watch(): void {
    const noted = (fault: unknown): void => this.#away(fault);
    this.#redis.on('error', noted);
    this.#redis.on('close', () => this.#away(undefined));
    this.#redis.on('ready', () => {
      this.#greeting = this.#greet().catch((fault: unknown) => this.#greetAgain(fault));
    });
    // The listener's faults are the same ones; its reconnects matter, its words do not.
    this.#listener.on('error', () => undefined);
    this.#listener.on('close', () => (this.#subscribed = false));
    this.#listener.on('ready', () => void this.#listen().catch(() => this.#listener.disconnect(true)));
    this.#listener.on('messageBuffer', (_channel: Buffer, message: Buffer) => {
      const hint = readHint(message);
      if (hint !== undefined) this.#events.emit('hint', hint);
    });
  }

  #away(fault: unknown): void {
    const phase = this.#phase;
    if (phase.is === 'closed' || phase.is === 'unfit') return;
    const why = fault instanceof Error ? fault.message : undefined;
    if (phase.is === 'ready') {
      this.#missed = true;
      this.#options.onError(`The connection to Redis is lost${why === undefined ? '' : ` (${why})`}; trying again.`);
      const since = this.#options.clock.mono();
      this.#phase = { is: 'away', since, why: why ?? 'connection lost', isRefused: false };
    } else if (isAboutCredentials(fault)) {
      phase.why = remedyFor(fault)!.sentence;
      if (!phase.isRefused && this.#greetings > 0) this.#options.onError(phase.why);
      phase.isRefused = true;
    } else if (why !== undefined && !(phase.isRefused && why === CLOSED)) {
      phase.why = why;
      phase.isRefused = false;
    }
    this.#events.emit('changed');
  }

  /** A greeting that failed leaves a connection that would never be ready: it is given up for a new one. */
  #greetAgain(fault: unknown): void {
    this.#away(fault);
    setTimeout(() => {
      if (this.#phase.is === 'away') this.#redis.disconnect(true);
    }, RECONNECT.maxMs).unref();
  }

  /** R1. */
  async #greet(): Promise<void> {
    const { clock, expectAof, onError } = this.#options;
    const { server, why } = await readServer(this.#redis);
    if (why !== '') {
      this.#phase = { is: 'unfit', why };
      onError(why);
      this.#redis.disconnect();
      this.#listener.disconnect();
      this.#events.emit('changed');
      return;
    }
    if (server.role !== 'master') throw new Error('this Redis is a replica');
    await this.#agreeOnShards();
    await Promise.all(this.#options.scripts.map(({ text }) => this.#redis.script('LOAD', text)));
    const warnings = await readWarnings(this.#redis, expectAof);
    if (this.#phase.is === 'closed') return;
    this.#phase = { is: 'ready', server, warnings, warnedAt: clock.mono() };
    if (this.#missed) onError('The connection to Redis is there again.');
    this.#missed = false;
    this.#leaseRest.reconnected(clock.mono());
    this.#events.emit('changed');
    if ((this.#greetings += 1) > 1) this.#events.emit('hint', { is: 'reconnected' });
  }

  /** The number of shards is written once, by whoever comes first. */
  async #agreeOnShards(): Promise<void> {
    const wished = this.#options.shards;
    await this.#redis.hsetnx(FACTS_KEY, 'shards', String(wished ?? 1));
    this.#shards = Number(await this.#redis.hget(FACTS_KEY, 'shards'));
    if (wished !== undefined && wished !== this.#shards) {
      this.#options.onError(
        `The store has ${this.#shards} shards and keeps them; the ${wished} asked for are ignored.`,
      );
    }
  }

  /** R4. */
  async #listen(): Promise<void> {
    await this.#listener.subscribe(...this.#options.topics.map((topic) => HINT_CHANNELS[topic]));
    this.#subscribed = true;
    this.#events.emit('changed');
    this.#events.emit('hint', { is: 'reconnected' });
  }
}

function sentenceOf({ why, isRefused }: Extract<Phase, { is: 'away' }>): string {
  return isRefused ? why : `Redis cannot be reached (${why}).`;
}

const PROBE_KEY = '{s0}:probe';
/** Facts of the installation, in the first shard. */
export const FACTS_KEY = '{s0}:facts';
