// The servers of a store: an act finds the one that has its shard, again where that helps.
//
//  R2  An act is repeated as faults.ts says, for RETRY_MS at most; then StoreUnavailable. A server that has been away
//      for longer is not waited for. Where less time is given, the answer itself is not waited for any longer, for there are
//      others to ask; the act may have been done.
//  R3  After every reconnect, whenever a shard is served by another server, and whenever a server stood still, took no writes or
//      its time jumps, the leases of the shards concerned are let be for one lease time.
import { EventEmitter, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { backoffMs } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { LeaseRest } from '../lease-rest.ts';
import type { Hint, StoreHealth } from '../store.ts';
import { StoreUnavailable } from '../store.ts';
import type { Link, StoreAddress } from './address.ts';
import { ClusterNodes } from './cluster.ts';
import { Connection, sentenceOf, type StoreEvents } from './connection.ts';
import { remedyFor } from './faults.ts';
import { HINT_CHANNELS } from './hints.ts';
import type { AnnouncedEntry } from './results/announced.ts';
import type { HintTopic } from './hints.ts';
import type { Layout } from './layout.ts';
import type { Library } from './library.ts';
import { OneServer, SentinelMaster } from './one-server.ts';
import type { ExpectedAof } from './server-facts.ts';
import { FACTS_KEY, tagOf } from './tags.ts';

export interface ServersOptions {
  address: StoreAddress;
  /** Wished for at the first start; undefined = as the store says, or 1. */
  shards: number | undefined;
  expectAof: ExpectedAof;
  /** Replicas that confirm a write before it is acknowledged or announced. */
  waitReplicas: number;
  leaseMs: number;
  clock: Clock;
  onError: (message: string) => void;
  /** What is listened for; a message that nobody here needs is a wake-up less. */
  topics: readonly HintTopic[];
  /** Loaded at every greeting, so that acts need only name them. */
  library: Library;
}

export const RETRY_MS = 3000;
const REPLACED = 'The sentinels are replacing the master of this Redis.';
const RETRY = { baseMs: 20, maxMs: 500, factor: 2 };
const PROBE_MS = 1000;
const REFUSAL_MS = 2000;
const MOVING_MS = 500;
/** How long a server that did not answer in time is taken for one that stands still; an answer, be it late, ends it. */
const STILL_MS = 5000;

export class Servers {
  readonly #options: ServersOptions;
  readonly #events: StoreEvents = new EventEmitter<{ changed: []; hint: [Hint, AnnouncedEntry?] }>().setMaxListeners(0);
  readonly #layout: Layout;
  /** By shard. */
  readonly #rests = new Map<number, LeaseRest>();
  /** Shards on their way to another server, or of one that stands still: until when that is believed. */
  readonly #doubted = new Map<number, number>();
  /** Shards of servers that did not answer in time, and have not since. */
  readonly #still = new Set<number>();
  #shards: number;
  #closed = false;

  constructor(options: ServersOptions) {
    this.#options = options;
    this.#shards = options.shards ?? 1;
    this.#layout = this.#makeLayout(options.address);
  }

  #makeLayout(address: StoreAddress): Layout {
    switch (address.is) {
      case 'server':
        return new OneServer(this.#connection(address.url, 'Redis', () => [this.#channels()]));
      case 'sentinel':
        return new SentinelMaster(
          address,
          this.#options.clock,
          (link) => this.#connection(link, 'Redis', () => [this.#channels()]),
          this.#options.onError,
          () => this.#settled(),
        );
      case 'cluster':
        return new ClusterNodes(address, {
          clock: this.#options.clock,
          shards: () => this.all(),
          connection: (link, name, own) =>
            this.#connection(link, name, () => own().map((shard) => this.#channels(`${tagOf(shard)}:`))),
          routed: (shard) => {
            this.#doubted.delete(shard);
            this.#restOf(shard).reconnected(this.#options.clock.mono());
            this.#events.emit('changed');
          },
        });
    }
  }

  /** Where nothing was asked while a master was being replaced, owners could not renew: they do first, as after a reconnect (R3). */
  #settled(): void {
    if (this.#options.waitReplicas === 0) return;
    for (const shard of this.all()) this.#restOf(shard).reconnected(this.#options.clock.mono());
    this.#events.emit('changed');
    this.#events.emit('hint', { is: 'reconnected' });
  }

  #channels(prefix = ''): string[] {
    return this.#options.topics.map((topic) => prefix + HINT_CHANNELS[topic]);
  }

  #connection(link: string | Link, name: string, channels: () => string[][]): Connection {
    const { expectAof, waitReplicas, clock, onError, library } = this.#options;
    const connection: Connection = new Connection({
      ...{ link, name, expectAof, waitReplicas, clock, onError, library, channels, events: this.#events },
      isCluster: this.isCluster,
      greeting: async (redis) => {
        if (this.#layout.of(0) === connection) await this.#agreeOnShards(redis);
      },
      greeted: () => {
        for (const shard of this.#of(connection)) this.#restOf(shard).reconnected(clock.mono());
      },
      deafened: () => this.#layout.deafened(connection),
    });
    return connection;
  }

  /**
   * Resolves after the first attempt, whether it succeeded or not; rejects where the server can never be the store, and
   * where it refuses the credentials: at a start that is a mistake, later it may be a password that is being changed.
   */
  async open(): Promise<void> {
    const refusal = await this.#layout.open();
    const wrong = this.#layout.all().flatMap(({ phase }) => {
      return phase.is === 'unfit' || (phase.is === 'away' && phase.isRefused) ? [phase.why] : [];
    });
    const why = refusal || wrong[0];
    if (why === undefined || why === '') return;
    this.close();
    throw new Error(why);
  }

  get isCluster(): boolean {
    return this.#options.address.is === 'cluster';
  }

  get shards(): number {
    return this.#shards;
  }

  all(): number[] {
    return Array.from({ length: this.#shards }, (_, shard) => shard);
  }

  /** Would an act on this shard be done at once, as far as is known? */
  isReady(shard: number): boolean {
    const isDoubted = this.#options.clock.mono() < (this.#doubted.get(shard) ?? 0);
    return !isDoubted && this.#layout.of(shard)?.phase.is === 'ready';
  }

  /** See `Layout`. */
  isReplaced(shard: number): boolean {
    return this.#layout.isReplaced(shard);
  }

  /** Runs an act, again where that helps (R2). `load` = give the server the library first. `forMs`: less time than is given to any. */
  async run<T>(
    shard: number,
    act: (redis: Redis, load: boolean, connection: Connection) => Promise<T>,
    forMs?: number,
  ): Promise<T> {
    const { clock } = this.#options;
    const deadline = clock.mono() + (forMs ?? RETRY_MS);
    let load = false;
    for (let attempt = 1; ; attempt += 1) {
      const connection = await this.#ready(shard, deadline);
      try {
        const acting = this.#acting(shard, connection, act(connection.gathered(), load, connection));
        return await (forMs === undefined ? acting : this.#inTime(connection, deadline, acting));
      } catch (fault) {
        const row = remedyFor(fault);
        if (row === undefined) throw fault;
        if (row.remedy === 'refuse' || clock.mono() >= deadline)
          throw new StoreUnavailable(row.sentence, { cause: fault });
        load = row.remedy === 'load';
        if (!load) await pause(backoffMs(RETRY, attempt, Math.random()));
      }
    }
  }

  /** What an act tells of its server, whoever still waits for it. */
  async #acting<T>(shard: number, connection: Connection, acting: Promise<T>): Promise<T> {
    const { incarnation } = connection;
    try {
      const answer = await acting;
      // Whoever left it alone may ask it again.
      if (this.#doubted.size > 0) this.#doubted.delete(shard);
      if (this.#still.has(shard)) this.#goesOn(connection);
      return answer;
    } catch (fault) {
      const remedy = remedyFor(fault)?.remedy;
      if (remedy === 'moving') this.#doubted.set(shard, this.#options.clock.mono() + MOVING_MS);
      if (remedy === 'reconnect') connection.reconnect(incarnation);
      if (remedy === 'look' || remedy === 'reconnect') this.#layout.look(shard, (fault as Error).message);
      throw fault;
    }
  }

  /** @throws StoreUnavailable where it is still under way at the deadline */
  async #inTime<T>(connection: Connection, deadline: number, acting: Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => {
        for (const shard of this.#of(connection)) {
          this.#doubted.set(shard, clock.mono() + STILL_MS);
          this.#still.add(shard);
        }
        late.reject(new StoreUnavailable('Redis does not answer in time.'));
      },
      Math.max(1, deadline - clock.mono()),
    );
    try {
      return await Promise.race([acting, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** It answers again, for all of its shards. */
  #goesOn(connection: Connection): void {
    for (const shard of this.#of(connection)) if (this.#still.delete(shard)) this.#doubted.delete(shard);
    this.#events.emit('hint', { is: 'reconnected' });
  }

  #of(connection: Connection): number[] {
    return this.all().filter((shard) => this.#layout.of(shard) === connection);
  }

  async #ready(shard: number, deadline: number): Promise<Connection> {
    for (;;) {
      const connection = this.#layout.of(shard);
      const phase = this.#closed ? ({ is: 'closed' } as const) : (connection?.phase ?? this.#layout.nowhere());
      if (phase.is === 'ready' && !this.#isInDoubt(shard)) return connection!;
      if (phase.is === 'ready') {
        const left = deadline - this.#options.clock.mono();
        if (left <= 0) throw new StoreUnavailable(REPLACED);
        await this.#changed(left);
        continue;
      }
      if (phase.is !== 'away') throw new StoreUnavailable(sentenceOf(phase));
      this.#layout.look();
      const left = Math.min(deadline, phase.since + RETRY_MS) - this.#options.clock.mono();
      if (left <= 0) throw new StoreUnavailable(sentenceOf(phase));
      await this.#changed(left);
    }
  }

  /** Where replicas are waited for, a master that is being replaced is not asked either: what it tells may be forgotten. */
  #isInDoubt(shard: number): boolean {
    return this.#options.waitReplicas > 0 && this.isReplaced(shard);
  }

  async #changed(withinMs: number): Promise<void> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const changed = once(this.#events, 'changed', { signal }).catch(() => undefined);
    await Promise.race([changed, pause(withinMs, undefined, { signal }).catch(() => undefined)]);
    waiting.abort();
  }

  /**
   * Why the shard's leases are to be let be, or '' (R3), by its server's time, which `ask` asks for. `until`: the time of the server up to
   * which they may be looked at: a sweep that arrives later was repeated after a reconnect, or stood in a queue.
   */
  async letBe(shard: number, ask: () => Promise<number>): Promise<{ why: string; until: number }> {
    const { clock, leaseMs } = this.#options;
    const asked = clock.mono();
    const serverMs = await ask();
    const why = this.#restOf(shard).why(serverMs, asked, clock.mono());
    return { why, until: why === '' ? serverMs + leaseMs / 2 : 0 };
  }

  /** Its server has done a sweep. */
  swept(shard: number): void {
    this.#restOf(shard).swept(this.#options.clock.mono());
  }

  #restOf(shard: number): LeaseRest {
    let rest = this.#rests.get(shard);
    if (rest === undefined) {
      rest = new LeaseRest(this.#options.leaseMs);
      rest.reconnected(this.#options.clock.mono());
      this.#rests.set(shard, rest);
    }
    return rest;
  }

  /** Hints as they come, and what entry of an event log an announcement is of. Who listens first is told first. */
  listen(onHint: (hint: Hint, entry?: AnnouncedEntry) => void): void {
    this.#events.on('hint', onHint);
  }

  /** Resolves once subscribed; where a server is away, without it: the subscription is made when it is back (R4). */
  async subscribe(onHint: (hint: Hint) => void): Promise<() => Promise<void>> {
    if (this.#closed) throw new StoreUnavailable('The store is closed.');
    this.listen(onHint);
    const isPending = (): boolean =>
      this.#layout.all().some(({ phase, isSubscribed }) => phase.is === 'ready' && !isSubscribed);
    while (!this.#isClosed() && isPending()) await once(this.#events, 'changed');
    return async () => void this.#events.off('hint', onHint);
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  /** The first shard has what belongs to the installation: without it the store is away, without another one a part of it. */
  async health(): Promise<StoreHealth> {
    const looks = this.#closed
      ? []
      : await Promise.all(this.#layout.all().map(async (one) => [one, await one.health()] as const));
    const found = new Map(looks);
    const details = this.all().map((shard) => {
      const connection = this.#layout.of(shard);
      if (this.#closed || connection === undefined)
        return sentenceOf(this.#closed ? { is: 'closed' } : this.#layout.nowhere());
      const { phase } = connection;
      // One that came meanwhile is judged by what it is.
      return found.get(connection)?.detail ?? (phase.is === 'ready' ? '' : sentenceOf(phase));
    });
    const away = this.all().filter((shard) => details[shard] !== '');
    if (away.length > 0) this.#layout.look();
    const well = looks.filter(([, { detail }]) => detail === '');
    const troubles = [this.#layout.trouble(), ...well.map(([{ trouble }]) => trouble)];
    return {
      ok: details[0] === '',
      detail: details[0] ?? '',
      version: looks[0]?.[1].version ?? 'redis',
      warnings: [...new Set([...looks.flatMap(([, one]) => one.warnings), ...partlyAway(away, details)])],
      troubles: troubles.filter((sentence) => sentence !== ''),
    };
  }

  /** '' or why a server takes no write that needs memory. */
  async refusal(): Promise<string> {
    const ready = this.all().filter((shard) => this.isReady(shard));
    const probes = (ready.length > 0 ? ready : this.all()).map(async (shard) => {
      if (this.#isInDoubt(shard)) return REPLACED;
      try {
        await this.run(shard, (redis) => redis.set(`${tagOf(shard)}:probe`, '1', 'PX', PROBE_MS), REFUSAL_MS);
        return '';
      } catch (fault) {
        return remedyFor(fault)?.sentence ?? (fault instanceof Error ? fault.message : String(fault));
      }
    });
    return (await Promise.all(probes)).find((sentence) => sentence !== '') ?? '';
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#layout.close();
    this.#events.emit('changed');
    this.#events.removeAllListeners('hint');
  }

  /** The number of shards is written once, by whoever comes first; a server at its maxmemory can only be asked. */
  async #agreeOnShards(redis: Redis): Promise<void> {
    const wished = this.#options.shards;
    let known = await redis.hget(FACTS_KEY, 'shards');
    if (known === null) {
      await redis.hsetnx(FACTS_KEY, 'shards', String(wished ?? 1));
      known = await redis.hget(FACTS_KEY, 'shards');
    }
    this.#shards = Number(known);
    if (wished !== undefined && wished !== this.#shards) {
      this.#options.onError(
        `The store has ${this.#shards} shards and keeps them; the ${wished} asked for are ignored.`,
      );
    }
  }
}

function partlyAway(away: readonly number[], details: readonly string[]): string[] {
  if (away.length === 0 || away.includes(0)) return [];
  const which = away.length === 1 ? `Shard ${away[0]} of the store is` : `Shards ${away.join(', ')} of the store are`;
  return [`${which} away, and the tasks there wait: ${details[away[0]!]}`];
}
