// A store of several shards, one of which is away: the ends and leases of the others are none the worse for it. On a real
// Cluster that goes on without one of its nodes.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startCluster, type ClusterNode, type RedisCluster } from '../../../../test/harness/cluster.ts';
import { systemClock } from '../../src/clock.ts';
import { adopt } from '../../src/dispatcher/adoption.ts';
import type { Executor } from '../../src/dispatcher/index.ts';
import { ClaimLoop } from '../../src/dispatcher/claim-loop.ts';
import { LeaseKeeper } from '../../src/dispatcher/lease-keeper.ts';
import { Settler } from '../../src/dispatcher/settler.ts';
import { newId } from '../../src/lifecycle/ids.ts';
import type { RuntimeSnapshot } from '../../src/lifecycle/runtime.ts';
import { openRedisStore, type ClaimedTask, type Renewal, type Store } from '../../src/store/index.ts';
import { slotOfTag } from '../../src/store/redis/cluster-view.ts';
import type { Ending } from '../../src/tasks/ending.ts';
import { LANE, NO_LIMITS, submission } from '../store/submission.ts';
import { until } from '../store/waiting.ts';

const AWAY_WORDS = /^Shard 3 of the store is away, and the tasks there wait: /;
const AWAY = expect.stringMatching(AWAY_WORDS) as string;
const SHARDS = 4;
const PYTHON = { runtime: 'python', version: '3.11.2', dill: '0.3.6', broken: '' } as unknown as RuntimeSnapshot;
/** Each test has its own: what others left is swept, and waits again. */
let tenant: string;
let tests = 0;
let cluster: RedisCluster;
let store: Store;
/** The node that goes away, one shard of its own, and one of another's. */
let node: ClusterNode;
let away: number;
let there: number;

beforeAll(async () => {
  cluster = await startCluster();
  for (const { admin } of cluster.nodes) await admin.config('SET', 'cluster-require-full-coverage', 'no');
  store = await openRedisStore({ url: cluster.url, shards: SHARDS, clock: systemClock, onError: () => undefined });
  const owners = await Promise.all(
    Array.from({ length: SHARDS }, (_, shard) => cluster.ownerOf(slotOfTag(`{s${shard}}`))),
  );
  away = 3;
  node = owners[away]!;
  expect(owners[0]).not.toBe(node);
  there = owners.findIndex((owner) => owner !== node);
});
afterAll(async () => {
  await store.close();
  await cluster.stop();
});

let troubles: string[];
let isAway: boolean;
beforeEach(() => {
  [troubles, isAway] = [[], false];
  tenant = `t${(tests += 1)}`;
});
afterEach(async () => {
  await comesBack();
  // A master that was restarted refuses everything for two seconds more, and its server is looked for every now and then.
  await until(() => store.states(tenant, [newId(Date.now(), away)]).catch(() => undefined));
});

async function goesAway(): Promise<void> {
  await node.kill();
  isAway = true;
}
async function comesBack(): Promise<void> {
  if (isAway) await node.restart();
  isAway = false;
}

async function running(shard: number, count: number): Promise<ClaimedTask[]> {
  const tasks = Array.from({ length: count }, () => submission({ id: newId(Date.now(), shard) }));
  await store.submit(tenant, shard, tasks, NO_LIMITS);
  const { tasks: claimed } = await store.claim(tenant, 'me', [{ lane: LANE, max: count }], count);
  expect(claimed).toHaveLength(count);
  return claimed;
}

const tokens = (tasks: readonly ClaimedTask[]): string[] => tasks.map(({ fence }) => fence.token);

it('ends of the others are settled meanwhile, and its own when it is back', async () => {
  // More than a batch of its own come first.
  const [late, soon] = [await running(away, 300), await running(there, 300)];
  await goesAway();
  const settled: string[] = [];
  const settler = new Settler({
    ...{ store, tenant, clock: systemClock, random: Math.random, inProgress: () => 600 - settled.length },
    onSettled: (some) => settled.push(...some),
    onTrouble: (sentence) => troubles.push(sentence),
  });
  const outcome = { is: 'completed', result: { json: Buffer.from('1') } } as const;
  settler.push(
    [...late, ...soon].map(({ fence, spec }): Ending => ({
      ...{ fence, spec, retries: 0, outcome, worker: 'w', startedAt: 5, logs: null },
    })),
  );
  await until(() => settled.length >= soon.length || undefined);
  expect(settled).toEqual(tokens(soon));
  await until(() => (troubles.length > 0 ? true : undefined));
  expect(troubles).toEqual([expect.stringMatching(/^Ends of 256 tasks wait for the store/)]);
  const mono = systemClock.mono();
  expect([...settler.watchdogs].map((dog) => dog.trouble(mono + 6_000)).filter((one) => one !== '')).toEqual([
    expect.stringMatching(/^bringing ends into shard 3 of the store has not come round/),
  ]);

  await comesBack();
  await settler.flush(30_000);
  expect(settled).toEqual([...tokens(soon), ...tokens(late)]);
  const ids = [...late, ...soon].map(({ fence }) => fence.id);
  expect(new Set(await store.states(tenant, ids))).toEqual(new Set(['COMPLETED']));
});

it('leases of the others are renewed meanwhile, and its own when it is back', async () => {
  const [late, soon] = [await running(away, 1), await running(there, 1)];
  const dropped: string[] = [];
  let trusted = 0;
  // Time passes where the test says so: a machine that stands still costs no trust here.
  let mono = 0;
  let held = [...late, ...soon];
  const named = (): Renewal[] => held.map(({ fence }) => ({ fence, worker: 'w', startedAt: 5 }));
  const executor: Partial<Executor> = { named, drop: (some) => dropped.push(...some) };
  const keeper = new LeaseKeeper({
    ...{ store, tenant, clock: { ...systemClock, mono: () => mono }, executor: executor as Executor },
    onTrusted: () => (trusted += 1),
    onTrouble: (sentence) => troubles.push(sentence),
  });
  await keeper.renew();
  await goesAway();
  const first = keeper.renew();
  // Where a renewal comes to the store, the store tells what is not ours any more.
  await store.cancel(tenant, [soon[0]!.fence.id]);
  await until(() => {
    void keeper.renew();
    return dropped.length > 0 ? true : undefined;
  });
  expect(dropped).toEqual(tokens(soon));
  await first;
  mono = 4_000;
  await until(() => {
    void keeper.renew();
    return keeper.trusts(there) ? true : undefined;
  });
  // What it holds in that shard may not be its own any more.
  expect(keeper.trusts(away)).toBe(false);
  expect(keeper.trouble).toMatch(/^leases could not be renewed/);
  // With all of the others ended, it is seen whether they are there.
  [held, mono] = [[...late], 8_000];
  await until(() => {
    void keeper.renew();
    return keeper.trusts(there) && keeper.trusts() ? true : undefined;
  });
  expect(keeper.trusts(away)).toBe(false);
  const before = trusted;
  await comesBack();
  await until(async () => {
    await keeper.renew();
    return keeper.trusts(away) ? true : undefined;
  });
  expect([trusted - before, keeper.trouble, troubles]).toEqual([1, '', []]);
  expect(dropped).not.toContain(tokens(late)[0]);
});

it('who holds nothing goes on with the others meanwhile', async () => {
  let mono = 0;
  const clock = { ...systemClock, mono: () => mono };
  const executor: Partial<Executor> = { named: () => [] };
  const keeper = new LeaseKeeper({
    ...{ store, tenant, clock, executor: executor as Executor },
    onTrusted: () => undefined,
    onTrouble: (sentence) => troubles.push(sentence),
  });
  await goesAway();
  mono = 10_000;
  expect(keeper.trusts()).toBe(false);
  await until(async () => {
    await keeper.renew();
    return keeper.trusts() ? true : undefined;
  });
  expect(troubles).toEqual([]);
});

it('what waits in the others is claimed meanwhile, and nothing of one that is not trusted', async () => {
  const tasks = [away, there].map((shard) => submission({ id: newId(Date.now(), shard) }));
  for (const task of tasks) await store.submit(tenant, task === tasks[0] ? away : there, [task], NO_LIMITS);
  const claim = async (from: (shard: number) => boolean): Promise<string[]> => {
    const answer = await store.claim(tenant, 'me', [{ lane: LANE, max: 9 }], 9, from);
    return answer.tasks.map(({ fence }) => fence.id);
  };
  expect(await claim((shard) => shard !== away)).toEqual([tasks[1]!.spec.id]);
  expect(await claim(() => false)).toEqual([]);
  expect(await claim(() => true)).toEqual([tasks[0]!.spec.id]);
});

it('the store is there meanwhile, with a warning, and knows where what is new is not to go', async () => {
  expect(await store.health()).toMatchObject({ ok: true, warnings: expect.not.arrayContaining([AWAY]) as string[] });
  await goesAway();
  await until(async () => ((await store.health()).warnings.some((one) => AWAY_WORDS.test(one)) ? true : undefined));
  expect(await store.health()).toMatchObject({ ok: true, troubles: [] });
  expect([store.isReady(away), store.isReady(there), await store.refusal()]).toEqual([false, true, '']);
  await comesBack();
  await until(() => store.isReady(away) || undefined);
  await until(async () => ((await store.health()).warnings.some((one) => AWAY_WORDS.test(one)) ? undefined : true));
});

it('where one stands still, what comes into the others is claimed all the while, and its own when it goes on', async () => {
  const claimed: string[] = [];
  const late: string[] = [];
  const loop = new ClaimLoop({
    ...{ store, tenant, claimer: 'loop', clock: systemClock, random: Math.random },
    offers: () => [{ runtimes: [PYTHON], labels: [], slots: 1, free: 9, credits: 9, held: 0 }],
    mayClaim: () => true,
    isFull: () => false,
    onClaimed: (tasks) => claimed.push(...tasks.map(({ fence }) => fence.id)),
    onLate: (tasks) => late.push(...tasks.map(({ fence }) => fence.id)),
    onTrouble: (sentence) => troubles.push(sentence),
  });
  const unsubscribe = await store.subscribe((hint) => {
    if (hint.is === 'work') loop.hint(hint.lanes);
    if (hint.is === 'reconnected') loop.wake(true);
  });
  const comes = async (shard: number): Promise<string> => {
    const task = submission({ id: newId(Date.now(), shard) });
    await store.submit(tenant, shard, [task], NO_LIMITS);
    return task.spec.id;
  };
  const has = (id: string) => (): true | undefined => claimed.includes(id) || undefined;
  loop.start();
  await until(has(await comes(away)));
  await until(has(await comes(there)));
  node.signal('SIGSTOP');
  try {
    const began = performance.now();
    for (let n = 0; n < 10; n += 1) await until(has(await comes(there)));
    // A command that is not answered times out after 5 s: nobody has waited for one.
    expect(performance.now() - began).toBeLessThan(4_500);
  } finally {
    node.signal('SIGCONT');
  }
  const own = await until(async () => comes(away).catch(() => undefined));
  await until(has(own));
  await loop.stop();
  await unsubscribe();
});

it('where one stands still, a sweep of the others is not long in coming, so that they do not seem to have stood still', async () => {
  const replicated = await openRedisStore({
    ...{ url: cluster.url, shards: SHARDS, clock: systemClock, onError: () => undefined },
    waitReplicas: 1,
  });
  try {
    await until(async () => ((await replicated.sweep(tenant)).skipped === '' ? true : undefined));
    node.signal('SIGSTOP');
    const began = performance.now();
    expect(await replicated.sweep(tenant)).toMatchObject({ skipped: '' });
    // Half of a lease.
    expect(performance.now() - began).toBeLessThan(2_000);
  } finally {
    node.signal('SIGCONT');
    await replicated.close();
  }
});

it('what a worker holds of the others is adopted meanwhile', async () => {
  const [late, soon] = [await running(away, 1), await running(there, 1)];
  await goesAway();
  const found = [...late, ...soon].map(({ fence }) => ({ fence, worker: 'w', startedAt: 5 }));
  const [unsure, ours] = await adopt(store, tenant, found, () => undefined);
  expect(unsure).toBe('unsure');
  expect(ours).toMatchObject({ retries: 0, spec: { id: soon[0]!.fence.id } });
});
