// Several shards as one store: tasks go by the shard in their id; claims take the shard with the best priority first.
import { shardOf } from '../../../packages/server/src/lifecycle/ids.ts';
import type { Claim, LaneQuota, Store } from '../../../packages/server/src/store/store.ts';

/** The first shard also holds what belongs to the installation. */
export function overShards(shards: readonly Store[]): Store {
  const [first] = shards as [Store];
  if (shards.length === 1) return first;
  /** Shards whose last claim was not answered. */
  const owing = new Set<Store>();
  const of = (id: string): Store => shards[shardOf(id) ?? 0] ?? first;

  /** Each item to its shard, all at once; the answers at the items' places. */
  async function scattered<T, R>(
    items: readonly T[],
    idOf: (item: T) => string,
    act: (store: Store, part: T[]) => Promise<R[]>,
  ): Promise<R[]> {
    const answers: R[] = [];
    const parts = Map.groupBy(items.keys(), (at) => of(idOf(items[at]!)));
    const calls = [...parts].map(async ([store, places]) => {
      const part = await act(
        store,
        places.map((at) => items[at]!),
      );
      places.forEach((at, n) => (answers[at] = part[n]!));
    });
    await Promise.all(calls);
    return answers;
  }

  return {
    ...first,
    shards: shards.length,
    submit: (tenant, shard, tasks, limits) => shards[shard]!.submit(tenant, shard, tasks, limits),
    cameBefore: (tenant, shard, keys) => shards[shard]!.cameBefore(tenant, shard, keys),
    claim: async (tenant, claimer, lanes, max, from = () => true) => {
      const left = new Map(lanes.map(({ lane, max: quota }) => [lane, quota]));
      const claimed: Claim = { tasks: [], more: false, owes: false };
      const { tasks } = claimed;
      let answers = 0;
      let fault: Error | undefined;
      const take = async (store: Store, quotas: LaneQuota[], wanted: number): Promise<void> => {
        try {
          const got = await store.claim(tenant, claimer, quotas, wanted);
          answers += 1;
          owing.delete(store);
          for (const { lane } of got.tasks) left.set(lane, (left.get(lane) ?? 0) - 1);
          tasks.push(...got.tasks);
          claimed.more ||= got.more;
        } catch (thrown) {
          // What is claimed already is handed out.
          fault = thrown as Error;
          claimed.owes = true;
          owing.add(store);
        }
      };
      for (const store of [...owing]) await take(store, [], 0);
      if (lanes.length === 0) return claimed;
      for (const [shard, store] of shards.entries()) {
        if (!from(shard)) continue;
        const quotas = [...left].filter(([, quota]) => quota > 0).map(([lane, quota]) => ({ lane, max: quota }));
        if (quotas.length === 0 || tasks.length >= max) return { ...claimed, more: true };
        await take(store, quotas, max - tasks.length);
      }
      if (fault !== undefined && answers === 0) throw fault;
      return claimed;
    },
    renew: (tenant, renewals) => scattered(renewals, byFence, (store, part) => store.renew(tenant, part)),
    release: (tenant, releases) => scattered(releases, byFence, (store, part) => store.release(tenant, part)),
    settle: (tenant, settlements) => scattered(settlements, byFence, (store, part) => store.settle(tenant, part)),
    cancel: (tenant, ids) => scattered(ids, itself, (store, part) => store.cancel(tenant, part)),
    tasks: (tenant, ids) => scattered(ids, itself, (store, part) => store.tasks(tenant, part)),
    states: (tenant, ids) => scattered(ids, itself, (store, part) => store.states(tenant, part)),
    progress: (tenant, ids) => scattered(ids, itself, (store, part) => store.progress(tenant, part)),
    abandon: async (tenant, claimer) => {
      const counts = await Promise.all(shards.map((store) => store.abandon(tenant, claimer)));
      return counts.reduce((sum, one) => sum + one, 0);
    },
    sweep: async (tenant) => {
      const nothing = { skipped: '', promoted: 0, expired: 0, abandoned: 0, deleted: 0 };
      const report = { ...nothing, more: false, nextMs: Number.POSITIVE_INFINITY };
      for (const { more, nextMs } of await reached(
        shards.map((store) => store.sweep(tenant)),
        shards.length,
      )) {
        report.more ||= more;
        report.nextMs = Math.min(report.nextMs, nextMs);
      }
      return report;
    },
    lanes: async (tenant) =>
      (
        await reached(
          shards.map((store) => store.lanes(tenant)),
          1,
        )
      ).flat(),
    appendLogs: (tenant, entries, limits) =>
      Promise.all(entries.map((entry) => of(entry.id).appendLogs(tenant, [entry], limits))).then(() => undefined),
    health: async () => {
      const all = await Promise.all(shards.map((store) => store.health()));
      return all.find(({ ok }) => !ok) ?? all[0]!;
    },
    subscribe: async (onHint) => {
      const subscriptions = await Promise.all(shards.map((store) => store.subscribe(onHint)));
      return async () => {
        for (const unsubscribe of subscriptions) await unsubscribe();
      };
    },
    close: async () => {
      for (const store of shards) await store.close();
    },
  };
}

/** The answers of those that can be reached, once all have been tried. @throws what stood in the way, where fewer than so many can */
async function reached<T>(calls: readonly Promise<T>[], least: number): Promise<T[]> {
  const ends = await Promise.allSettled(calls);
  const answers = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined && answers.length < least) throw failed.reason;
  return answers;
}

const byFence = ({ fence }: { fence: { id: string } }): string => fence.id;
const itself = (id: string): string => id;
