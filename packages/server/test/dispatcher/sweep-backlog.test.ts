// Many finished tasks that are due at once, on each store under a real sweeper: they go little by little, and what is asked
// for meanwhile is answered in between.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Sweeper } from '../../src/dispatcher/sweeper.ts';
import { openEmbeddedStore, openRedisStore, type Store } from '../../src/store/index.ts';
import type { StoreUnderTest } from '../store/conformance.ts';
import { startRedis } from '../store/redis-server.ts';
import { LANE, NO_LIMITS, completion, submission } from '../store/submission.ts';
import { until } from '../store/waiting.ts';

const TENANT = 'default';
const DUE = 20_000;
const AT_ONCE = 200;
/** As its contract has it. */
const MOST_A_SWEEP = 256;

const onError = (message: string): never => {
  throw new Error(message);
};

const STORES: Record<string, () => Promise<StoreUnderTest>> = {
  embedded: async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-sweep-backlog-'));
    const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
    const remove = async (): Promise<void> => {
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    };
    return { store, remove };
  },
  Redis: async () => {
    const server = await startRedis();
    const store = await openRedisStore({ url: server.url, shards: 1, clock: systemClock, onError });
    const remove = async (): Promise<void> => {
      await store.close();
      await server.remove();
    };
    return { store, remove };
  },
};

let opened: StoreUnderTest;
let sweeper: Sweeper;
afterEach(async () => {
  sweeper.stop();
  await opened.remove();
});

/** Tasks that have ended and are kept for no longer; their ids. */
async function due(store: Store): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < DUE) {
    const tasks = Array.from({ length: AT_ONCE }, () => submission({ result_ttl_ms: 1 }));
    const batch = tasks.map(({ spec }) => spec.id);
    await store.submit(TENANT, 0, tasks, NO_LIMITS);
    await store.cancel(TENANT, batch);
    ids.push(...batch);
  }
  return ids;
}

it.each(Object.entries(STORES))('%s: 20,000 tasks past their retention', async (_, open) => {
  opened = await open();
  const { store } = opened;
  const ids = await due(store);

  const deleted: number[] = [];
  const sweep: Store['sweep'] = async (tenant) => {
    const report = await store.sweep(tenant);
    deleted.push(report.deleted);
    return report;
  };
  const total = (): number => deleted.reduce((sum, one) => sum + one, 0);
  sweeper = new Sweeper({
    ...{ store: { ...store, sweep }, tenant: TENANT, clock: systemClock, random: () => 0.5 },
    onTrouble: onError,
  });
  sweeper.start();
  await until(() => (total() > 0 ? true : undefined));

  // By sweeps and not by time: on a loaded machine both take longer.
  const waits: number[] = [];
  const meanwhile = async <T>(call: Promise<T>): Promise<T> => {
    const before = deleted.length;
    const answer = await call;
    waits.push(deleted.length - before);
    return answer;
  };
  let rounds = 0;
  const from = deleted.length;
  for (; total() < DUE; rounds += 1) {
    const task = submission();
    await meanwhile(store.submit(TENANT, 0, [task], NO_LIMITS));
    const { tasks } = await meanwhile(store.claim(TENANT, 'me', [{ lane: LANE, max: 1 }], 1));
    expect(tasks.map(({ fence }) => fence.id)).toEqual([task.spec.id]);
    const settled = await meanwhile(store.settle(TENANT, [completion(tasks[0]!.fence)]));
    expect(settled).toEqual([{ is: 'accepted', state: 'COMPLETED' }]);
  }
  const sweeps = deleted.length - from;

  expect(Math.max(...deleted)).toBe(MOST_A_SWEEP);
  // The one that is under way, and one that was sent before the call.
  expect(Math.max(...waits)).toBeLessThanOrEqual(2);
  // Most of the store is left to the work.
  expect(rounds).toBeGreaterThan(2 * sweeps);

  expect(total()).toBe(DUE);
  for (let at = 0; at < ids.length; at += AT_ONCE)
    expect((await store.states(TENANT, ids.slice(at, at + AT_ONCE))).filter((state) => state !== undefined)).toEqual(
      [],
    );
  expect((await store.stats(TENANT)).ended).toEqual({ canceled: DUE, COMPLETED: rounds });
});
