// The store's interface over one shard in memory. How an act gets there and its answer back is the caller's: at once for the
// conformance suite, over a network that loses and delays for the simulation.
import { hasHistory } from '../../../packages/server/src/store/history.ts';
import { STATE_CODE, endOf, hasEnded, stateOf } from '../../../packages/server/src/store/state-code.ts';
import { statsFrom } from '../../../packages/server/src/store/queue-stats.ts';
import { addChunks, emptyLogs } from '../../../packages/server/src/store/stream-log.ts';
import { jumpTo, matches, stopAt } from '../../../packages/server/src/store/task-filter.ts';
import type {
  ClaimedTask,
  Hint,
  ResultStore,
  Store,
  TaskFilter,
  TaskProgress,
} from '../../../packages/server/src/store/store.ts';
import type { MemoryQueue } from './memory-queue.ts';
import type { MemoryShard } from './memory-shard.ts';
import { recordOf, type MemoryTask } from './memory-task.ts';

export interface StoreLink {
  /** Does `act` at the shard and brings its answer; rejects with StoreUnavailable where either did not get through. */
  call<T>(act: (shard: MemoryShard) => T): Promise<T>;
  /** These were given out to whoever is at this end, who may never hear of it. */
  claimed?: (tasks: readonly ClaimedTask[]) => void;
  /** Why leases are let be in a sweep, or ''. */
  letBe(): string;
  subscribe(onHint: (hint: Hint) => void): () => void;
  close(): void;
}

export function storeOver(link: StoreLink): Store {
  const call = <T>(act: (shard: MemoryShard) => T): Promise<T> => link.call(act);
  return {
    kind: 'memory',
    shards: 1,
    isReady: () => true,
    now: () => call((shard) => shard.now()),
    health: () =>
      call(() => ({ ok: true, detail: '', version: 'memory 1', warnings: [], troubles: [] })).catch(
        (fault: unknown) => ({
          ok: false,
          detail: String(fault),
          version: 'memory 1',
          warnings: [],
          troubles: [],
        }),
      ),
    refusal: async () => '',
    close: async () => link.close(),

    submit: (tenant, _shard, tasks, limits) => call((shard) => shard.queue(tenant).submit(tasks, limits)),
    cameBefore: (tenant, _shard, keys) =>
      call((shard) => keys.filter((key) => shard.queue(tenant).keys.has(key)).length),
    claim: claimsOver(link),
    renew: (tenant, renewals) => call((shard) => shard.queue(tenant).renew(renewals)),
    release: (tenant, releases) => call((shard) => shard.queue(tenant).release(releases)),
    settle: (tenant, settlements) => call((shard) => shard.queue(tenant).settle(settlements)),
    cancel: (tenant, ids) => call((shard) => shard.queue(tenant).cancel(ids)),
    abandon: (tenant, claimer) => call((shard) => shard.queue(tenant).abandon(claimer)),
    sweep: (tenant) => call((shard) => shard.sweep(tenant, link.letBe())),
    lanes: (tenant) => call((shard) => shard.queue(tenant).lanes()),
    stats: (tenant) => call((shard) => statsFrom(shard.queue(tenant).counters, shard.queue(tenant).lanes())),
    subscribe: async (onHint) => {
      const unsubscribe = link.subscribe(onHint);
      return async () => unsubscribe();
    },

    tasks: (tenant, ids) => call((shard) => found(shard.queue(tenant), ids, recordOf)),
    states: (tenant, ids) => call((shard) => found(shard.queue(tenant), ids, ({ state }) => stateOf(state))),
    progress: (tenant, ids) => call((shard) => found(shard.queue(tenant), ids, progressOf)),
    args: (tenant, id) => call((shard) => shard.queue(tenant).tasks.get(id)?.args),
    list: (tenant, filter, limit, cursor) => call((shard) => listed(shard.queue(tenant), filter, limit, cursor)),
    pin: (tenant, id, pinned) => call((shard) => pin(shard.queue(tenant).tasks.get(id), pinned)),
    appendLogs: (tenant, entries, limits) => call((shard) => appendLogs(shard.queue(tenant), entries, limits)),
    logs: (tenant, id) => call((shard) => shard.queue(tenant).tasks.get(id)?.logs),
    announced: () => undefined,
    events: (tenant, after, limit) => call((shard) => eventsAfter(shard.queue(tenant), after, limit)),

    register: (tenant, fn) => call((shard) => shard.functions(tenant).register(fn, shard.now())),
    findFunction: (tenant, ref) => call((shard) => shard.functions(tenant).find(ref)),
    listFunctions: (tenant, limit, cursor) => call((shard) => shard.functions(tenant).list(limit, cursor)),
    deleteFunction: (tenant, ref) => call((shard) => shard.functions(tenant).delete(ref, shard.now())),
    code: (tenant, digests) => call((shard) => digests.map((digest) => shard.functions(tenant).code(digest))),

    report: (snapshot, ttlMs) =>
      call((shard) => void shard.dispatchers.set(snapshot.id, { until: shard.now() + ttlMs, snapshot })),
    retract: (id) => call((shard) => void shard.dispatchers.delete(id)),
    fleet: () =>
      call((shard) =>
        [...shard.dispatchers.values()]
          .filter(({ until }) => until > shard.now())
          .map(({ snapshot }) => snapshot)
          .sort((a, b) => (a.id < b.id ? -1 : 1)),
      ),
    putKey: (key) => call((shard) => void shard.keys.set(key.id, key)),
    listKeys: () => call((shard) => [...shard.keys.values()].sort((a, b) => (a.id < b.id ? -1 : 1))),
    deleteKey: (id) => call((shard) => shard.keys.delete(id)),
    fact: (name, value) =>
      call((shard) => {
        if (!shard.facts.has(name)) shard.facts.set(name, value);
        return shard.facts.get(name)!;
      }),
  };
}

/** A claim whose answer did not come is answered first by the next one (docs/decisions/0044). */
function claimsOver(link: StoreLink): Store['claim'] {
  let unanswered: readonly ClaimedTask[] = [];
  return async (tenant, claimer, lanes, max) => {
    const before = unanswered;
    let handed = before;
    unanswered = [];
    try {
      return await link.call((shard) => {
        const queue = shard.queue(tenant);
        const again = queue.handOutAgain(before);
        const claim = again.length > 0 ? { tasks: again, more: true, owes: false } : queue.claim(claimer, lanes, max);
        handed = claim.tasks;
        link.claimed?.(handed);
        return claim;
      });
    } catch (fault) {
      unanswered = handed;
      throw fault;
    }
  };
}

function found<T>(queue: MemoryQueue, ids: readonly string[], look: (task: MemoryTask) => T): (T | undefined)[] {
  return ids.map((id) => {
    const task = queue.tasks.get(id);
    return task && look(task);
  });
}

function progressOf({ spec, state: code, attempt, kind, error, result, endedAt }: MemoryTask): TaskProgress {
  if (!hasEnded(code)) return { is: 'open', state: stateOf(code) };
  const { id, result_as: resultAs, runtime } = spec;
  const state = endOf(code);
  const end = { id, state, kind, error, result, resultAs, runtime, endedAt };
  return { is: 'ended', end: { ...end, hasHistory: hasHistory(state, kind, attempt) } };
}

function listed(
  queue: MemoryQueue,
  filter: TaskFilter,
  limit: number,
  cursor: string,
): { ids: string[]; nextCursor: string } {
  const [from, until] = [jumpTo(filter, cursor), stopAt(filter)];
  const states = filter.states && new Set<number>(filter.states.map((state) => STATE_CODE[state]));
  const ids = [...queue.tasks.values()]
    .filter(({ spec, state, submittedAt }) => {
      const { id, function_id: functionId, tags, group } = spec;
      const isInGroup = filter.group === undefined || (group === filter.group && group !== '');
      return id < from && id >= until && isInGroup && matches(filter, states, { state, submittedAt, functionId, tags });
    })
    .map(({ spec }) => spec.id)
    .sort()
    .reverse();
  return { ids: ids.slice(0, limit), nextCursor: ids.length > limit ? ids[limit - 1]! : '' };
}

/** Unpinned, an ended task has the rest of its retention left, if any. */
function pin(task: MemoryTask | undefined, pinned: boolean): boolean {
  if (task === undefined) return false;
  task.pinned = pinned;
  task.deleteAt = pinned || task.endedAt === 0 ? 0 : task.endedAt + task.spec.result_ttl_ms;
  return true;
}

/** Output of another attempt than the current one, or of a task that has ended, comes too late. */
function appendLogs(
  queue: MemoryQueue,
  entries: Parameters<ResultStore['appendLogs']>[1],
  limits: Parameters<ResultStore['appendLogs']>[2],
): void {
  for (const { id, attempt, chunks } of entries) {
    const task = queue.tasks.get(id);
    if (task?.attempt !== attempt || hasEnded(task.state)) continue;
    const before = task.logs?.attempt === attempt ? task.logs.logs : emptyLogs();
    task.logs = { attempt, logs: addChunks(before, chunks, limits) };
  }
}

/** A cursor is the number of the last end seen. */
function eventsAfter(
  { events }: MemoryQueue,
  after: string,
  limit: number,
): Awaited<ReturnType<ResultStore['events']>> {
  const newest = String(events.length);
  if (after === '') return { items: [], cursor: newest, reset: false };
  if (!/^\d+$/.test(after) || Number(after) > events.length) return { items: [], cursor: newest, reset: true };
  const items = events.slice(Number(after), Number(after) + limit).map(({ end: _end, ...told }, at) => ({
    ...told,
    cursor: String(Number(after) + at + 1),
  }));
  return { items, cursor: items.at(-1)?.cursor ?? newest, reset: false };
}
