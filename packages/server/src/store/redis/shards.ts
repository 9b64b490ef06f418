// Acts and reads on the shards of one Redis: which keys, which script, how much at a time, and how sure (replicas).
import type { Redis } from 'ioredis';
import { shardOf } from '../../lifecycle/ids.ts';
import { StoreUnavailable } from '../store.ts';
import type { Confirmation } from './confirmation.ts';
import type { Connection } from './connection.ts';
import { HINT_CHANNELS } from './hints.ts';
import { loadLibrary, type ActName, type Library } from './library.ts';
import { OwedHints, serverOf } from './owed-hints.ts';
import { RecordHeaders } from './record-header.ts';
import type { Servers } from './servers.ts';
import { setLarge } from './set-large.ts';
import { tagOf } from './tags.ts';

export type Argument = string | number | Buffer;
/** What a script answers, arrays and all. */
export type Reply = Buffer | number | null | Reply[];

/** At most this many tasks and bytes go to one script, so that the server is never held up for long. */
export const SCRIPT_TASKS = 256;
export const SCRIPT_BYTES = 256 * 1024;
/** Up to here a payload rides in the script; a larger one is written before and read after. */
export const RIDES_IN_SCRIPT = 16 * 1024;
/** One of several shards does not keep those who can work on the others waiting for longer than this, ms. */
const ONE_OF_SEVERAL_MS = 1000;
/** And where replicas have to confirm, which they may do for as long as confirmation.ts says. */
const CONFIRMED_MS = 2500;
/** How long large bytes wait for the script that takes them over, ms: it follows at once, or is given up after RETRY_MS. */
const WAITING_MS = 60_000;

/** Done, but too few replicas have it; `value` = what the script answered. */
export class Unconfirmed extends StoreUnavailable {
  readonly value: Reply;

  constructor(confirmed: number | 'nobody knows', wanted: number, value: Reply) {
    super(
      confirmed === 'nobody knows'
        ? 'The sentinels are replacing the master: the write may have been accepted, repeat it with the same key.'
        : `Only ${confirmed} of ${wanted} replicas confirmed the write: it may have been accepted, repeat it with the same key.`,
    );
    this.value = value;
  }
}

/** Acts whose announcement somebody waits for, a dispatcher for work or a service for an end. */
const AWAITED: ReadonlySet<ActName> = new Set<ActName>(['submit', 'settle']);

/**
 * What follows in this turn is told to those who listen before it is answered. Redis writes to clients in the reverse order
 * in which they got something to read; whoever has an answer waiting already comes after all who are told of an act.
 */
function heardFirst(redis: Redis): void {
  redis.ping().catch(() => undefined);
}

export class Shards {
  readonly headers = new RecordHeaders();
  readonly #servers: Servers;
  readonly #waitReplicas: number;
  readonly #owed: OwedHints;
  readonly #library: Library;

  constructor(servers: Servers, library: Library, waitReplicas: number) {
    this.#library = library;
    this.#servers = servers;
    this.#waitReplicas = waitReplicas;
    this.#owed = new OwedHints(servers.isCluster);
  }

  get count(): number {
    return this.#servers.shards;
  }

  get servers(): Servers {
    return this.#servers;
  }

  /** The declared prefix of a shard's keys of a tenant. */
  prefix(shard: number, tenant: string): string {
    return `${tagOf(shard)}:${encodeURIComponent(tenant)}:`;
  }

  /** The shard that an id names; ids of other makers are in none, and are looked for in the first. */
  shardOf(id: string): number {
    const shard = shardOf(id) ?? 0;
    return shard < this.count ? shard : 0;
  }

  all(): number[] {
    return this.#servers.all();
  }

  /** How long an act of this shard may take where others could be asked meanwhile, ms; undefined = as long as any. */
  patience(shard: number): number | undefined {
    if (!this.all().some((other) => other !== shard && this.#servers.isReady(other))) return undefined;
    return this.#waitReplicas > 0 ? CONFIRMED_MS : ONE_OF_SEVERAL_MS;
  }

  /**
   * `args` may depend on whether the act was asked for before, without an answer. `durable`: the answer waits for as many replicas as were asked for. Ends that an act makes are announced when those have
   * them, whether its answer waits or not. @throws Unconfirmed where too few have it in time
   */
  act(
    name: ActName,
    shard: number,
    tenant: string,
    args: readonly Argument[] | ((repeats: boolean) => readonly Argument[]),
    durable: boolean,
    forMs?: number,
  ): Promise<Reply> {
    const called = this.#library.functions[name];
    const prefix = this.prefix(shard, tenant);
    let repeats = false;
    const run = async (redis: Redis, how: string): Promise<[Buffer[], Reply]> => {
      if (AWAITED.has(name)) heardFirst(redis);
      const all = typeof args === 'function' ? args(repeats) : args;
      repeats = true;
      return (await redis.callBuffer('FCALL', called, 1, prefix, how, ...all)) as [Buffer[], Reply];
    };
    if (this.#waitReplicas === 0) {
      const how = this.#servers.isCluster ? '2' : '0';
      const plain = async (redis: Redis, load: boolean): Promise<Reply> => {
        if (load) await loadLibrary(redis, this.#library);
        return (await run(redis, how))[1];
      };
      return this.#servers.run(shard, plain, forMs);
    }
    const replicated = async (redis: Redis, load: boolean, { confirmation }: Connection): Promise<Reply> => {
      if (load) await loadLibrary(redis, this.#library);
      const server = serverOf(redis);
      if (!durable) {
        const [told, value] = await run(redis, '1');
        this.#announceLater(shard, server, told);
        return value;
      }
      const { value, replicas } = await confirmation!.run((waiting) => run(waiting, '3'));
      const [told, answer] = value;
      this.#owed.owe(shard, server, told);
      this.#demand(shard, redis, server, replicas, answer);
      await this.#owed.pay(shard, redis);
      return answer;
    };
    return this.#servers.run(shard, replicated, forMs);
  }

  /** @throws Unconfirmed where these are too few replicas, or what they confirmed to `server` proves nothing */
  #demand(shard: number, redis: Redis, server: string, replicas: number, value: Reply): void {
    const confirmed = this.#isInDoubt(shard, redis, server) ? 'nobody knows' : replicas;
    if (confirmed === 'nobody knows' || confirmed < this.#waitReplicas)
      throw new Unconfirmed(confirmed, this.#waitReplicas, value);
  }

  /** `server`, which has just answered, is being replaced, or has been meanwhile: what replicas confirmed to it proves nothing. */
  #isInDoubt(shard: number, redis: Redis, server: string): boolean {
    return this.#servers.isReplaced(shard) || serverOf(redis) !== server;
  }

  /** What is no end is told at once; an end when replicas have it, and nobody waits for that here. */
  #announceLater(shard: number, server: string, told: readonly Buffer[]): void {
    if (told.length === 0) return;
    this.#owed.owe(shard, server, told);
    const confirmed = this.#servers.run(shard, async (redis, _load, { confirmation }) => {
      await this.#owed.pay(shard, redis, (channel) => channel !== HINT_CHANNELS.ends);
      if (!this.#owed.owes(shard)) return;
      const server = serverOf(redis);
      const replicas = await this.#replicasNow(shard, confirmation!);
      if (replicas >= this.#waitReplicas && !this.#isInDoubt(shard, redis, server)) await this.#owed.pay(shard, redis);
    });
    // It is owed, and told with the next one: whoever waits for it reads again in the meantime.
    confirmed.catch(() => undefined);
  }

  /** How many replicas have all that was written so far. WAIT waits for its link's last write, so there is one. */
  async #replicasNow(shard: number, confirmation: Confirmation): Promise<number> {
    const said = `${tagOf(shard)}:said`;
    return (await confirmation.run((waiting) => waiting.set(said, '1', 'PX', WAITING_MS))).replicas;
  }

  /**
   * Waits until as many replicas as were asked for have what the shard's server has; false where none were.
   * @throws Unconfirmed where too few have it in time
   */
  async confirm(shard: number): Promise<boolean> {
    if (this.#waitReplicas === 0) return false;
    return this.#servers.run(shard, async (redis, _load, { confirmation }) => {
      const server = serverOf(redis);
      this.#demand(shard, redis, server, await this.#replicasNow(shard, confirmation!), null);
      return true;
    });
  }

  /** All keys that `look` names are the shard's. */
  read<T>(shard: number, look: (redis: Redis) => Promise<T>, forMs?: number): Promise<T> {
    return this.#servers.run(shard, (redis) => look(redis), forMs);
  }

  /** As `read`, where the answer, or what is written, may be so large that others must not wait for it. */
  carry<T>(shard: number, act: (redis: Redis) => Promise<T>): Promise<T> {
    return this.#servers.run(shard, (_redis, _load, connection) => connection.carried(act));
  }

  /**
   * Leaves large bytes under `b:<name>` for the script that takes them over, or drops them where it refuses them. A name is of one
   * value: whoever leaves another one, be it another dispatcher's end of the same task, needs another name.
   */
  async leave(shard: number, tenant: string, name: string, bytes: Buffer, evenWhenFull: boolean): Promise<void> {
    const key = `${this.prefix(shard, tenant)}b:${name}`;
    try {
      if (bytes.length > SCRIPT_BYTES) await this.carry(shard, (redis) => setLarge(redis, key, bytes, WAITING_MS));
      else await this.read(shard, (redis) => redis.set(key, bytes, 'PX', WAITING_MS));
    } catch (fault) {
      if (!evenWhenFull || !isOutOfMemory(fault)) throw fault;
      for (let at = 0; at < bytes.length; at += SCRIPT_BYTES) {
        const piece = bytes.subarray(at, at + SCRIPT_BYTES);
        const isThere = await this.act('put', shard, tenant, [`b:${name}`, at, piece, WAITING_MS], false);
        if (isThere !== 1)
          throw new StoreUnavailable('Large bytes were lost on their way into the store; bring them again.');
      }
    }
  }
}

function isOutOfMemory(fault: unknown): boolean {
  return fault instanceof StoreUnavailable && fault.cause instanceof Error && fault.cause.message.startsWith('OOM');
}

/** Cuts a list into pieces that one script may take. */
export function pieces<T>(items: readonly T[], bytesOf: (item: T) => number): T[][] {
  const cut: T[][] = [];
  let bytes = Infinity;
  for (const item of items) {
    const size = bytesOf(item);
    const last = cut.at(-1);
    if (last === undefined || last.length >= SCRIPT_TASKS || bytes + size > SCRIPT_BYTES) {
      cut.push([item]);
      bytes = size;
    } else {
      last.push(item);
      bytes += size;
    }
  }
  return cut;
}

/**
 * Gives each item's answer at its place: items go to their shards in pieces, all at once, each piece to one script.
 * `act` answers one for each item of its piece.
 */
export async function scattered<T, R>(
  shards: Shards,
  items: readonly T[],
  idOf: (item: T) => string,
  bytesOf: (item: T) => number,
  act: (shard: number, piece: T[]) => Promise<R[]>,
): Promise<R[]> {
  const byShard = new Map<number, number[]>();
  for (const [i, item] of items.entries()) {
    const shard = shards.shardOf(idOf(item));
    const list = byShard.get(shard);
    if (list === undefined) byShard.set(shard, [i]);
    else list.push(i);
  }
  const answers: R[] = [];
  const runs = [...byShard].flatMap(([shard, indexes]) =>
    pieces(indexes, (i) => bytesOf(items[i]!)).map(async (piece) => {
      const replies = await act(
        shard,
        piece.map((i) => items[i]!),
      );
      for (const [n, i] of piece.entries()) answers[i] = replies[n]!;
    }),
  );
  await Promise.all(runs);
  return answers;
}

/** One look for the ids of each shard; answers in the order of the ids. */
export async function eachIn<R>(
  shards: Shards,
  ids: readonly string[],
  look: (redis: Redis, shard: number, these: readonly string[]) => Promise<R[]>,
): Promise<R[]> {
  const byShard = Map.groupBy(ids.keys(), (i) => shards.shardOf(ids[i]!));
  const answers: R[] = [];
  const reads = [...byShard].map(async ([shard, indexes]) => {
    const these = indexes.map((i) => ids[i]!);
    const found = await shards.read(shard, (redis) => look(redis, shard, these));
    for (const [n, i] of indexes.entries()) answers[i] = found[n]!;
  });
  await Promise.all(reads);
  return answers;
}

/** The records of tasks, null where there is none: one command a shard. */
export function recordsIn(shards: Shards, tenant: string, ids: readonly string[]): Promise<(Buffer | null)[]> {
  return eachIn(shards, ids, (redis, shard, these) => {
    const prefix = `${shards.prefix(shard, tenant)}t:`;
    return redis.mgetBuffer(these.map((id) => prefix + id));
  });
}
