// The Redis store: one Lua function an act, beside the file that calls it.
//   address, servers (which server has a shard, retries), layout: one-server, sentinels, cluster, cluster-view  |  connection (to one server), carrier (its large bytes), within
//   faults (the table of retries)  server-facts, readings, inspect (what a server is)  shards (keys, batches), tags  library  record
//   queue/ submit claim tickets hold settle cancel sweep depths  |  results/ records listing logs events places announced
//   functions/ functions code  |  fleet  |  hints, record-header, header-bytes, end-bytes, squeeze (bytes at rest and in flight)
import type { Clock } from '../../clock.ts';
import type { Store } from '../store.ts';
import { LEASE_MS } from '../timing.ts';
import { parseAddress, withoutPassword } from './address.ts';
import { deleteKey, fact, fleet, listKeys, putKey, report, retract } from './fleet.ts';
import { codeBytes } from './functions/code.ts';
import { deleteFunction, findFunction, listFunctions, registerFunction } from './functions/functions.ts';
import { abandon, cancel } from './queue/cancel.ts';
import { claim } from './queue/claim.ts';
import { Tickets } from './queue/tickets.ts';
import { lanesWithWork, queueStats } from './queue/depths.ts';
import { release, renew } from './queue/hold.ts';
import { settle } from './queue/settle.ts';
import { cameBefore, submit } from './queue/submit.ts';
import { serverTime, Sweeps } from './queue/sweep.ts';
import { Announced } from './results/announced.ts';
import { eventsAfter } from './results/events.ts';
import { listTasks } from './results/listing.ts';
import { appendLogs, taskLogs } from './results/logs.ts';
import { pinTask, taskArgs, taskProgress, taskRecords, taskStates } from './results/records.ts';
import type { HintTopic } from './hints.ts';
import { readLibrary } from './library.ts';
import type { ExpectedAof } from './server-facts.ts';
import { Servers } from './servers.ts';
import { Shards } from './shards.ts';

export interface RedisOptions {
  /** As address.ts has it. */
  url: string;
  /** Written at the first start; afterwards what is written counts. 1. */
  shards?: number;
  /** Replicas that confirm a write before it is acknowledged or announced. 0. */
  waitReplicas?: number;
  /** What /readyz warns about when the server's append-only file does less. 'none'. */
  expectAof?: ExpectedAof;
  /** How long a claim or renewal holds; 4000. */
  leaseMs?: number;
  /** What `subscribe` hears of, beside reconnections; all. */
  topics?: readonly HintTopic[];
  clock: Clock;
  /** Told once for each loss of the connection, for its return, and for each setting that cannot be. */
  onError: (message: string) => void;
}

/**
 * Opens the store. Resolves also where Redis is away: verbs throw StoreUnavailable until it is there. Rejects with one
 * sentence where the server is too old.
 */
export async function openRedisStore(options: RedisOptions): Promise<Store> {
  const { url, clock, onError, shards: wished, waitReplicas = 0, expectAof = 'none', leaseMs = LEASE_MS } = options;
  const { topics = ['work', 'ends'] } = options;
  const library = readLibrary();
  const address = parseAddress(url);
  if (address === undefined) throw new Error(`${withoutPassword(url)} is no address of a Redis.`);
  const announced = new Announced();
  const servers = new Servers({
    address,
    shards: wished,
    expectAof,
    waitReplicas,
    leaseMs,
    clock,
    onError,
    topics,
    library,
  });
  servers.listen((hint, entry) => {
    if (entry !== undefined) announced.add(entry);
    if (hint.is === 'reconnected') announced.forget();
  });
  await servers.open();
  const shards = new Shards(servers, library, waitReplicas);
  const sweeps = new Sweeps(shards, leaseMs);
  const tickets = new Tickets(clock);
  const prefixesOf = (tenant: string): string[] => shards.all().map((shard) => shards.prefix(shard, tenant));

  return {
    kind: 'redis',
    get shards() {
      return servers.shards;
    },
    now: () => serverTime(shards, 0),
    health: () => servers.health(),
    refusal: () => servers.refusal(),
    close: async () => servers.close(),

    isReady: (shard) => servers.isReady(shard),
    submit: (tenant, shard, tasks, limits) => submit(shards, tenant, shard, tasks, limits),
    cameBefore: (tenant, shard, keys) => cameBefore(shards, tenant, shard, keys),
    claim: (tenant, claimer, lanes, max, from) => claim(shards, tickets, leaseMs, tenant, claimer, lanes, max, from),
    renew: (tenant, renewals) => renew(shards, leaseMs, tenant, renewals),
    release: (tenant, releases) => release(shards, tenant, releases),
    settle: (tenant, settlements) => settle(shards, tenant, settlements),
    cancel: (tenant, ids) => cancel(shards, tenant, ids),
    abandon: (tenant, claimer) => abandon(shards, tenant, claimer),
    sweep: (tenant) => sweeps.sweep(tenant),
    lanes: (tenant) => lanesWithWork(shards, tenant),
    stats: (tenant) => queueStats(shards, tenant),
    subscribe: (onHint) => servers.subscribe(onHint),

    tasks: (tenant, ids) => taskRecords(shards, tenant, ids),
    states: (tenant, ids) => taskStates(shards, tenant, ids),
    progress: (tenant, ids) => taskProgress(shards, tenant, ids),
    args: (tenant, id) => taskArgs(shards, tenant, id),
    list: (tenant, filter, limit, cursor) => listTasks(shards, tenant, filter, limit, cursor),
    pin: (tenant, id, pinned) => pinTask(shards, tenant, id, pinned),
    appendLogs: (tenant, entries, limits) => appendLogs(shards, tenant, entries, limits),
    logs: (tenant, id) => taskLogs(shards, tenant, id),
    events: (tenant, after, limit) => eventsAfter(shards, announced, tenant, after, limit),
    announced: (tenant, after, limit) => announced.after(after, prefixesOf(tenant), limit),

    register: (tenant, fn) => registerFunction(shards, tenant, fn),
    findFunction: (tenant, ref) => findFunction(shards, tenant, ref),
    listFunctions: (tenant, limit, cursor) => listFunctions(shards, tenant, limit, cursor),
    deleteFunction: (tenant, ref) => deleteFunction(shards, tenant, ref),
    code: (tenant, digests) => codeBytes(shards, tenant, digests),

    report: (snapshot, ttlMs) => report(shards, snapshot, ttlMs),
    retract: (id) => retract(shards, id),
    fleet: () => fleet(shards),
    putKey: (key) => putKey(shards, key),
    listKeys: () => listKeys(shards),
    deleteKey: (id) => deleteKey(shards, id),
    fact: (name, value) => fact(shards, name, value),
  };
}
