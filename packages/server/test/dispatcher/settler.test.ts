// Ends that are slow on their way into the store, or cannot get there: whom they hold up, and whom not.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Settler } from '../../src/dispatcher/settler.ts';
import { newId } from '../../src/lifecycle/ids.ts';
import { StoreUnavailable, openEmbeddedStore, type ClaimedTask, type Store } from '../../src/store/index.ts';
import type { Ending } from '../../src/tasks/ending.ts';
import { LANE, NO_LIMITS, submission } from '../store/submission.ts';
import { until } from '../store/waiting.ts';

const TENANT = 'default';
const MIB = 2 ** 20;

let store: Store;
let settled: string[];
const closers: (() => unknown)[] = [];
beforeEach(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-settler-'));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
  closers.push(() => store.close());
  settled = [];
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function settlerOf(instead: Partial<Store>): Settler {
  const settler = new Settler({
    ...{ store: { ...store, ...instead }, tenant: TENANT, clock: systemClock, random: Math.random },
    inProgress: () => Number.POSITIVE_INFINITY,
    onSettled: (tokens) => settled.push(...tokens),
    onTrouble: () => undefined,
  });
  closers.push(() => settler.close());
  return settler;
}

async function claimed(count: number): Promise<ClaimedTask[]> {
  const tasks = Array.from({ length: count }, () => submission());
  await store.submit(TENANT, 0, tasks, NO_LIMITS);
  return (await store.claim(TENANT, 'me', [{ lane: LANE, max: count }], count)).tasks;
}

function completed({ fence, spec }: Pick<ClaimedTask, 'fence' | 'spec'>, bytes: number): Ending {
  const outcome = { is: 'completed', result: { json: Buffer.alloc(bytes, '1') } } as const;
  return { fence, spec, retries: 0, outcome, worker: 'w', startedAt: 5, logs: null };
}

it('a large end on its way holds up none of the small ones', async () => {
  const [large, ...small] = await claimed(300);
  const onItsWay = Promise.withResolvers<undefined>();
  const settler = settlerOf({
    settle: async (tenant, settlements) => {
      if (settlements.some(({ fence }) => fence.token === large!.fence.token)) await onItsWay.promise;
      return store.settle(tenant, settlements);
    },
  });
  settler.push([completed(large!, 2 * MIB), ...small.map((task) => completed(task, 1))]);
  await until(() => settled.length === small.length || undefined);
  expect(settled).not.toContain(large!.fence.token);
  onItsWay.resolve(undefined);
  await settler.flush(30_000);
  expect(settled).toContain(large!.fence.token);
});

it('large ends travel a few at a time, so that one that is late takes few others back with it', async () => {
  const tasks = await claimed(10);
  const sizes: number[] = [];
  const settler = settlerOf({
    settle: (tenant, settlements) => {
      sizes.push(settlements.length);
      return store.settle(tenant, settlements);
    },
  });
  settler.push(tasks.map((task, at) => completed(task, at === 0 ? 20 * MIB : 3 * MIB)));
  await settler.flush(30_000);
  expect(sizes).toEqual([1, 2, 2, 2, 2, 1]);
});

it('a shard that takes no ends is full at last, and the others are not', () => {
  const settler = settlerOf({
    shards: 2,
    settle: () => Promise.reject(new StoreUnavailable('away')),
  });
  const { spec } = submission();
  const of = (shard: number): Ending => {
    const fence = { id: newId(Date.now(), shard), attempt: 1, token: '0123456789abcdef' };
    return completed({ fence, spec }, 1);
  };
  settler.push(Array.from({ length: 4096 }, () => of(1)));
  settler.push(Array.from({ length: 100 }, () => of(0)));
  expect([settler.hasTooMuch, settler.isFull(0), settler.isFull(1)]).toEqual([true, false, true]);
});
