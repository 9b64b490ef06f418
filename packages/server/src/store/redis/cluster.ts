// The nodes of a Cluster: each shard is one slot, so each has one server; a connection to every server that has one.
//
//  K1  Nothing is sent to a slot that is on its way (ASK): the keys of a shard are in two places then, and a script would
//      see half of them. Scripts declare the shard's prefix, which is no key, so the server itself refuses them meanwhile.
//  K2  Where a shard is, is looked up whenever something says that it may have moved, and while any server is away; a look that no
//      node answers is no look, and the next one is due.
//  K3  A node that gives a slot away ends its subscriptions, also where the slot is back before anybody has looked: after the
//      next look all that is found there is subscribed to again.
import { Redis } from 'ioredis';
import type { Clock } from '../../clock.ts';
import { Watchdog } from '../../watchdog.ts';
import { spelled, type Link, type Place, type StoreAddress } from './address.ts';
import { masterOf, movedTo, newestOf, readView, slotOfTag, type ClusterView } from './cluster-view.ts';
import type { Connection, Phase } from './connection.ts';
import type { Layout } from './layout.ts';
import { tagOf } from './tags.ts';

export interface ClusterParts {
  clock: Clock;
  shards: () => number[];
  /** `own` = the shards that the server has now. */
  connection: (link: Link, name: string, own: () => number[]) => Connection;
  /** The shard is served by another server than before. */
  routed: (shard: number) => void;
}

const PATIENCE_MS = 1000;
const LOOK_MS = 250;
const UNKNOWN_MS = 5_000;

export class ClusterNodes implements Layout {
  readonly #parts: ClusterParts;
  readonly #link: Link;
  /** Named by the address, and all that were told of since. */
  readonly #places = new Map<string, Place>();
  /** By `host:port`. */
  readonly #connections = new Map<string, Connection>();
  readonly #routes = new Map<number, Connection>();
  /** K3 */
  readonly #deafened = new Set<Connection>();
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #lookedAt = -Infinity;
  #nowhere: Extract<Phase, { is: 'away' }>;
  #timer: NodeJS.Timeout | undefined;
  #refusal = '';
  #closed = false;
  /** It rests while no look is wanted. */
  readonly #watchdog = new Watchdog('looking where the shards of the Cluster are', UNKNOWN_MS);

  constructor({ nodes, credentials, tls }: Extract<StoreAddress, { is: 'cluster' }>, parts: ClusterParts) {
    this.#parts = parts;
    this.#link = { ...credentials, ...(tls && { tls: {} }) };
    for (const node of nodes) this.#places.set(spelled(node), node);
    this.#nowhere = { is: 'away', since: parts.clock.mono(), why: 'no node of the Cluster answers', isRefused: false };
  }

  async open(): Promise<string> {
    await this.#lookOnce();
    const first = this.#routes.get(0);
    if (first !== undefined) {
      // The first shard tells how many there are.
      await first.open();
      await this.#lookOnce();
      await Promise.all(this.all().flatMap((one) => (one === first ? [] : [one.open()])));
    }
    this.#timer = setInterval(() => {
      if (this.#lookAgain || this.#deafened.size > 0 || this.#isWanting()) void this.#lookOnce();
    }, LOOK_MS).unref();
    return first === undefined ? this.#refusal : '';
  }

  of(shard: number): Connection | undefined {
    return this.#routes.get(shard);
  }

  all(): Connection[] {
    return [...this.#connections.values()];
  }

  nowhere(): Extract<Phase, { is: 'away' }> {
    return this.#nowhere;
  }

  look(shard?: number, said = ''): void {
    const moved = movedTo(said);
    // Whoever had the slot knows best where it went; the others are asked all the same.
    if (shard !== undefined && moved?.place !== undefined && moved.slot === slotOfTag(tagOf(shard))) {
      this.#route(shard, moved.place);
    }
    this.#watchdog.begun(this.#parts.clock.mono());
    // Many acts may wait for one server.
    if (this.#looking !== undefined || this.#parts.clock.mono() - this.#lookedAt < LOOK_MS) this.#lookAgain = true;
    else void this.#lookOnce();
  }

  deafened(connection: Connection): void {
    this.#deafened.add(connection);
    this.look();
  }

  isReplaced(): boolean {
    // A Cluster's own manual failover waits until the replica has everything.
    return false;
  }

  trouble(): string {
    return this.#watchdog.trouble(this.#parts.clock.mono());
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const connection of this.#connections.values()) connection.close();
  }

  #isWanting(): boolean {
    return this.#parts.shards().some((shard) => this.#routes.get(shard)?.phase.is !== 'ready');
  }

  #lookOnce(): Promise<void> {
    if (this.#looking !== undefined) return this.#looking;
    this.#lookAgain = false;
    this.#lookedAt = this.#parts.clock.mono();
    this.#watchdog.begun(this.#lookedAt);
    this.#looking = this.#ask().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #ask(): Promise<void> {
    const views = await Promise.all([...this.#places.values()].map((place) => this.#viewOf(place)));
    const view = newestOf(views.filter((one) => one !== undefined));
    if (this.#closed) return;
    if (view === undefined) {
      this.#lookAgain = true;
      return;
    }
    for (const { master } of view.ranges) this.#places.set(spelled(master), master);
    for (const shard of this.#parts.shards()) {
      const place = masterOf(view, slotOfTag(tagOf(shard)));
      if (place !== undefined) this.#route(shard, place);
      else this.#nowhere.why = `no node of the Cluster has shard ${shard}`;
    }
    this.#leaveUnused();
    const deafened = this.all().filter((connection) => this.#deafened.has(connection));
    this.#deafened.clear();
    for (const connection of deafened) connection.listenAgain();
    this.#looked();
  }

  /** What was asked for meanwhile is still to be done; where a server is still away, the next look begins by itself. */
  #looked(): void {
    if (this.#lookAgain) this.#watchdog.turned(this.#parts.clock.mono());
    else this.#watchdog.rests();
  }

  async #viewOf(place: Place): Promise<ClusterView | undefined> {
    const redis = new Redis({
      ...{ ...this.#link, ...place, lazyConnect: true, protocol: 2, enableReadyCheck: false, retryStrategy: null },
      ...{ connectTimeout: PATIENCE_MS, commandTimeout: PATIENCE_MS, disconnectTimeout: 50, maxRetriesPerRequest: 0 },
      connectionName: 'mpcsfaas-cluster',
    });
    let why = '';
    redis.on('error', (fault: Error) => (why ||= fault.message));
    try {
      await redis.connect();
      const [info, slots] = await Promise.all([redis.cluster('INFO'), redis.cluster('SLOTS')]);
      return readView(info, slots, place);
    } catch (fault) {
      why ||= (fault as Error).message;
      if (/cluster support disabled/.test(why)) {
        this.#refusal = `The Redis at ${spelled(place)} is no node of a Cluster: name it as redis://${spelled(place)}.`;
      }
      this.#nowhere.why = `${spelled(place)}: ${why}`;
      return undefined;
    } finally {
      redis.disconnect();
    }
  }

  #route(shard: number, place: Place): void {
    const name = spelled(place);
    const before = this.#routes.get(shard);
    let connection = this.#connections.get(name);
    const isNew = connection === undefined;
    if (connection === undefined) {
      const own = (): number[] => this.#parts.shards().filter((one) => this.#routes.get(one) === connection);
      connection = this.#parts.connection({ ...this.#link, ...place }, `Redis ${name}`, own);
      this.#connections.set(name, connection);
    }
    if (before === connection) return;
    this.#routes.set(shard, connection);
    this.#parts.routed(shard);
    if (before === undefined && this.#timer === undefined) return;
    if (isNew) void connection.open();
    else connection.listenAgain();
  }

  /** A node without a shard of ours is left. */
  #leaveUnused(): void {
    const used = new Set(this.#parts.shards().map((shard) => this.#routes.get(shard)));
    for (const [name, connection] of this.#connections) {
      if (used.has(connection)) continue;
      this.#connections.delete(name);
      connection.close();
    }
  }
}
