// The connection to one server, which may be moved to another place: a link for acts, one for hints, one for large bytes, so
// that nothing urgent is behind them. The one door to the client library, with sentinels.ts and cluster.ts.
//
//  R1  An act runs only on a greeted server: version, role and number of shards are known.
//  R4  Whoever listens is told 'reconnected' after every (re)subscription that may have missed something.
//  R5  No link is ever given up while the store is open: what the client library ends is begun anew.
import type { EventEmitter } from 'node:events';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { backoffMs } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { Watchdog } from '../../watchdog.ts';
import type { Hint } from '../store.ts';
import type { Link, Place } from './address.ts';
import { CARRYING_MS, Carrier, gathered } from './carrier.ts';
import { movedTo } from './cluster-view.ts';
import { Confirmation } from './confirmation.ts';
import { isAboutCredentials, remedyFor } from './faults.ts';
import { readHint } from './hints.ts';
import type { AnnouncedEntry } from './results/announced.ts';
import { loadLibrary, type Library } from './library.ts';
import { readServer, readWarnings } from './readings.ts';
import type { ExpectedAof, ServerFacts } from './server-facts.ts';
import { readWhole } from './whole-values.ts';
import { within } from './within.ts';

/** What all connections of a store tell: something about one has changed; a hint came. */
export type StoreEvents = EventEmitter<{ changed: []; hint: [Hint, AnnouncedEntry?] }>;

export interface ConnectionOptions {
  /** One server's URL, or what its links have in common wherever it is (`moveTo`). */
  link: string | Link;
  /** For messages: 'Redis', or which one. */
  name: string;
  isCluster: boolean;
  expectAof: ExpectedAof;
  /** Replicas that must have what is done through `confirmation`; 0 = nothing is. */
  waitReplicas: number;
  clock: Clock;
  onError: (message: string) => void;
  events: StoreEvents;
  /** Loaded at every greeting, so that acts need only name them. */
  library: Library;
  /** The channels that are to be heard here now, by the commands that subscribe to them. */
  channels: () => string[][];
  /** Before the first act on a server: what has to be known of it. */
  greeting: (redis: Redis) => Promise<void>;
  /** An act may run now; after each greeting. */
  greeted: () => void;
  /** The server has ended subscriptions, or refused one, for the slot is elsewhere. */
  deafened: () => void;
}

const RECONNECT = { baseMs: 50, maxMs: 1000, factor: 2 };
/** How long a command may take, ms. */
const COMMAND_MS = 5000;
/** How old what we know of the server's settings may be when somebody asks. */
const LOOK_AGAIN_MS = 30_000;
/** How soon a connection is made anew to a server that is no master, fell silent in the middle, or cannot be understood. */
const NEW_ONE_MS = 500;
/** Whoever asks how a server is wants to know soon. */
const HEALTH_MS = 1500;
const PING_MS = 2000;
const DEAF_MS = 8000;
/** What the client library says after the fault that was the cause. */
const CLOSED = 'Connection is closed.';

export type Phase =
  | { is: 'away'; since: number; why: string; isRefused: boolean }
  | { is: 'ready'; server: ServerFacts; warnings: string[]; warnedAt: number }
  | { is: 'unfit'; why: string }
  | { is: 'closed' };

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #redis: Redis;
  readonly #listener: Redis;
  /** Those that wait for replicas have a link of their own. */
  readonly #waiting: Redis | undefined;
  readonly confirmation: Confirmation | undefined;
  readonly #carrier = new Carrier(
    () => this.#makeCarrier(),
    (link) => this.#again(link),
  );
  /** To be tried again at once: their server has moved. */
  readonly #hurried = new Set<string>();
  #phase: Phase;
  #subscribed = false;
  #pinging = false;
  readonly #hearing = new Watchdog('the subscription to announcements', DEAF_MS);
  readonly #timer: NodeJS.Timeout;
  #greeting: Promise<void> = Promise.resolve();
  #greetings = 0;
  /** It was told that the server is away. */
  #missed = false;
  #incarnation = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#phase = { is: 'away', since: options.clock.mono(), why: 'not connected yet', isRefused: false };
    this.#redis = this.#link('mpcsfaas');
    this.#listener = this.#link('mpcsfaas-hints');
    if (options.waitReplicas > 0) {
      this.#waiting = this.#link('mpcsfaas-wait').on('error', () => undefined);
      this.confirmation = new Confirmation(this.#waiting, options.waitReplicas);
    }
    this.#watch();
    this.#hearing.begun(options.clock.mono());
    this.#timer = setInterval(() => this.#listenerAlive(), PING_MS).unref();
  }

  #links(): Redis[] {
    return [this.#redis, this.#listener, this.#waiting, this.#carrier.link].filter((link) => link !== undefined);
  }

  #link(connectionName: string, commandTimeout = COMMAND_MS): Redis {
    const { link } = this.#options;
    const settings = {
      lazyConnect: true,
      protocol: 2,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 3000,
      commandTimeout,
      // How soon a server that loads its data is asked again.
      maxLoadingRetryTime: 250,
      // A server that stands still says no goodbye.
      disconnectTimeout: 50,
      connectionName,
      retryStrategy: (attempt: number) =>
        this.#hurried.delete(connectionName) ? 1 : backoffMs(RECONNECT, attempt, Math.random()),
    } satisfies RedisOptions;
    const redis = typeof link === 'string' ? new Redis(link, settings) : new Redis({ ...link, ...settings });
    redis.on('end', () => this.#beginAnew(redis));
    return redis;
  }

  /** R5. The client library ends a link that was told to reconnect in the very moment in which it connects. */
  #beginAnew(redis: Redis): void {
    setTimeout(() => {
      if (this.#phase.is !== 'closed' && this.#phase.is !== 'unfit') redis.connect().catch(() => undefined);
    }, RECONNECT.baseMs).unref();
  }

  /** Nobody knows yet where the server is: `moveTo` will tell. */
  unplaced(why: string): void {
    this.#phase = this.#awaySince(why);
    this.#missed = true;
  }

  /** Resolves after the first attempt, whether it succeeded or not: `phase` tells. */
  async open(at?: Place): Promise<void> {
    if (at !== undefined) for (const { options } of this.#links()) Object.assign(options, at);
    this.#listener.connect().catch(() => undefined);
    this.#waiting?.connect().catch(() => undefined);
    await this.#redis.connect().catch((fault: unknown) => this.#away(fault));
    await this.#greeting;
    this.#missed = this.#phase.is === 'away';
  }

  get phase(): Phase {
    return this.#phase;
  }

  get isSubscribed(): boolean {
    return this.#subscribed;
  }

  /** For acts, while `phase` is ready. The commands of one turn leave in one write: the client writes each by itself. */
  gathered(): Redis {
    return gathered(this.#redis);
  }

  /** An act that carries large bytes, while `phase` is ready. */
  carried<T>(act: (redis: Redis) => Promise<T>): Promise<T> {
    return this.#carrier.run(() => this.gathered(), act);
  }

  #makeCarrier(): Redis {
    const carrier = this.#link('mpcsfaas-bytes', CARRYING_MS).on('error', () => undefined);
    carrier.on('connect', () => readWhole(carrier.stream));
    const { host, port } = this.#redis.options;
    Object.assign(carrier.options, { host, port });
    return carrier;
  }

  /** The server is at another place now. The links that know it already stay. */
  moveTo({ host, port }: Place): void {
    if (this.#phase.is === 'closed') return;
    for (const redis of this.#links()) {
      const { options } = redis;
      if (options.host === host && options.port === port && redis.status !== 'wait') continue;
      options.host = host;
      options.port = port;
      // Whoever waits for it waits for the new one; and from here on nothing is asked of the old one, which may still answer.
      if (redis === this.#redis) {
        if (this.#phase.is === 'ready') this.#away(new Error(`it is at ${host}:${port} now`));
        else this.#phase = this.#awaySince(`it is at ${host}:${port} now`);
      }
      this.#again(redis);
    }
  }

  /** Changes with each new connection of the link for acts. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** On a new connection, wherever the server is; unless the one that was found wanting is given up already. */
  reconnect(incarnation: number): void {
    if (incarnation !== this.#incarnation || this.#phase.is === 'closed') return;
    this.#incarnation += 1;
    this.#again(this.#redis);
    for (const other of [this.#waiting, this.#carrier.link]) if (other !== undefined) this.#again(other);
  }

  #again(redis: Redis): void {
    if (redis.status === 'wait' || redis.status === 'end' || redis.status === 'reconnecting') {
      redis.connect().catch(() => undefined);
      return;
    }
    this.#hurried.add(redis.options.connectionName ?? '');
    redis.disconnect(true);
  }

  /** Hears what is to be heard by now. */
  listenAgain(): void {
    if (this.#listener.status !== 'ready') return;
    void this.#listen().catch((fault: unknown) => {
      // That a slot is elsewhere has been told already (`deafened`).
      if (movedTo((fault as Error).message) === undefined) this.#listener.disconnect(true);
    });
  }

  /** '' or why it does not answer; and what of its settings may lose tasks. */
  async health(): Promise<{ detail: string; version: string; warnings: string[] }> {
    const phase = this.#phase;
    if (phase.is !== 'ready') return { detail: sentenceOf(phase), version: 'redis', warnings: [] };
    const { version } = phase.server;
    try {
      await within(HEALTH_MS, this.#redis.ping());
      await within(HEALTH_MS, this.#lookAgain(phase));
      return { detail: '', version, warnings: phase.warnings };
    } catch (fault) {
      return { detail: remedyFor(fault)?.sentence ?? String(fault), version, warnings: phase.warnings };
    }
  }

  /** '' or since when no announcement could have been heard. */
  get trouble(): string {
    return this.#hearing.trouble(this.#options.clock.mono());
  }

  /** A link that only listens learns by asking that its other end is gone. */
  #listenerAlive(): void {
    if (!this.#subscribed || this.#pinging) return;
    this.#pinging = true;
    this.#listener
      .ping()
      .then(
        () => this.#hearing.turned(this.#options.clock.mono()),
        () => this.#listener.disconnect(true),
      )
      .finally(() => (this.#pinging = false));
  }

  /** Settings may be changed while the server runs. */
  async #lookAgain(phase: Extract<Phase, { is: 'ready' }>): Promise<void> {
    const now = this.#options.clock.mono();
    if (now - phase.warnedAt < LOOK_AGAIN_MS) return;
    phase.warnedAt = now;
    phase.warnings = await readWarnings(this.#redis, this.#options.expectAof);
  }

  /** Idempotent. */
  close(): void {
    this.#phase = { is: 'closed' };
    clearInterval(this.#timer);
    for (const redis of this.#links()) redis.disconnect();
    this.#options.events.emit('changed');
  }

  #watch(): void {
    const { events, deafened } = this.#options;
    this.#redis.on('error', (fault: unknown) => this.#awayForANewOne(fault));
    this.#redis.on('close', () => {
      this.#incarnation += 1;
      this.#away(undefined);
    });
    this.#redis.on('ready', () => {
      this.#greeting = this.#greet().catch((fault: unknown) => this.#awayForANewOne(fault));
    });
    // The listener's faults are the same ones; its reconnects matter, its words do not.
    this.#listener.on('error', () => undefined);
    this.#listener.on('close', () => (this.#subscribed = false));
    let source = {};
    this.#listener.on('ready', () => {
      source = {};
      this.listenAgain();
    });
    this.#listener.on('moved', deafened);
    const hear = (_channel: Buffer, message: Buffer): void => {
      const heard = readHint(message);
      if (heard !== undefined) events.emit('hint', heard.hint, heard.entry && { ...heard.entry, source });
    };
    this.#listener.on('messageBuffer', hear).on('smessageBuffer', hear);
  }

  #away(fault: unknown): void {
    const phase = this.#phase;
    const { name, onError, events } = this.#options;
    if (phase.is === 'closed' || phase.is === 'unfit') return;
    const row = remedyFor(fault);
    const why = row?.remedy === 'refuse' ? row.sentence : fault instanceof Error ? fault.message : undefined;
    if (phase.is === 'ready') {
      this.#missed = true;
      onError(`The connection to ${name} is lost${why === undefined ? '' : ` (${why})`}; trying again.`);
      this.#phase = this.#awaySince(why ?? 'connection lost');
    } else if (isAboutCredentials(fault)) {
      phase.why = remedyFor(fault)!.sentence;
      if (!phase.isRefused && this.#greetings > 0) onError(phase.why);
      phase.isRefused = true;
    } else if (why !== undefined && !(phase.isRefused && why === CLOSED)) {
      phase.why = why;
      phase.isRefused = false;
    }
    events.emit('changed');
  }

  #awaySince(why: string): Phase {
    return { is: 'away', since: this.#options.clock.mono(), why, isRefused: false };
  }

  /** A connection that stays, after a greeting that failed or answers that make no sense, would never be ready: it is given up. */
  #awayForANewOne(fault: unknown): void {
    this.#away(fault);
    const incarnation = this.#incarnation;
    setTimeout(() => {
      if (incarnation !== this.#incarnation || this.#phase.is !== 'away') return;
      if (this.#redis.status === 'ready') this.#redis.disconnect(true);
    }, NEW_ONE_MS).unref();
  }

  /** R1. */
  async #greet(): Promise<void> {
    const { clock, expectAof, onError, events, library, name, isCluster, greeting, greeted } = this.#options;
    const { server, why } = await readServer(this.#redis, isCluster);
    if (why !== '') {
      this.#phase = { is: 'unfit', why };
      onError(why);
      for (const redis of this.#links()) redis.disconnect();
      events.emit('changed');
      return;
    }
    if (server.role !== 'master') throw new Error('this Redis is a replica');
    await loadLibrary(this.#redis, library);
    await greeting(this.#redis);
    const warnings = await readWarnings(this.#redis, expectAof);
    if (this.#phase.is === 'closed' || this.#redis.status !== 'ready') return;
    this.#phase = { is: 'ready', server, warnings, warnedAt: clock.mono() };
    if (this.#missed) onError(`The connection to ${name} is there again.`);
    this.#missed = false;
    greeted();
    events.emit('changed');
    if ((this.#greetings += 1) > 1) events.emit('hint', { is: 'reconnected' });
  }

  /** R4. */
  async #listen(): Promise<void> {
    const { channels, events, isCluster } = this.#options;
    for (const some of channels()) {
      await (isCluster ? this.#listener.ssubscribe(...some) : this.#listener.subscribe(...some));
    }
    this.#subscribed = true;
    this.#hearing.turned(this.#options.clock.mono());
    events.emit('changed');
    events.emit('hint', { is: 'reconnected' });
  }
}

export function sentenceOf(phase: Exclude<Phase, { is: 'ready' }>): string {
  if (phase.is === 'closed') return 'The store is closed.';
  return phase.is === 'unfit' || phase.isRefused ? phase.why : `Redis cannot be reached (${phase.why}).`;
}
