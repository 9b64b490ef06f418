// What the store, or we ourselves, stumble over for what it holds: it costs that one attempt its content, and nobody else
// anything. On a real store, which refuses a fraction where a whole number must be.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Executor } from '../../src/dispatcher/index.ts';
import { LeaseKeeper } from '../../src/dispatcher/lease-keeper.ts';
import { Output } from '../../src/dispatcher/output.ts';
import { Settler } from '../../src/dispatcher/settler.ts';
import type { LogChunk, Outcome } from '../../src/lifecycle/outcome.ts';
import { StoreUnavailable, openEmbeddedStore, type ClaimedTask, type Store } from '../../src/store/index.ts';
import type { Ending } from '../../src/tasks/ending.ts';
import { LANE, NO_LIMITS, endsIn, submission } from '../store/submission.ts';

const TENANT = 'default';
let store: Store;
let dataDir: string;
let troubles: string[];
let settled: string[];

beforeEach(async () => {
  [troubles, settled] = [[], []];
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-stumbling-'));
  store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
});
afterEach(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function running(count: number): Promise<ClaimedTask[]> {
  const tasks = Array.from({ length: count }, () => submission());
  await store.submit(TENANT, 0, tasks, NO_LIMITS);
  return (await store.claim(TENANT, 'me', [{ lane: LANE, max: count }], count)).tasks;
}

function settler(on: Store): Settler {
  return new Settler({
    ...{ store: on, tenant: TENANT, clock: systemClock, random: () => 0.5, inProgress: () => 0 },
    onSettled: (tokens) => settled.push(...tokens),
    onTrouble: (sentence) => troubles.push(sentence),
  });
}

const value: Outcome = { is: 'completed', result: { json: Buffer.from('1') } };
const ending = ({ fence, spec }: ClaimedTask, startedAt: number, outcome: Outcome = value): Ending => ({
  ...{ fence, spec, retries: 0, outcome, worker: 'w', startedAt, logs: null },
});

it('an end that cannot be kept ends without its content; its neighbours settle', async () => {
  const [a, b, c] = (await running(3)) as [ClaimedTask, ClaimedTask, ClaimedTask];
  const one = settler(store);
  one.push([ending(a, 5), ending(b, 5.5), ending(c, 5)]);
  await one.flush(5_000);
  const ends = await endsIn(
    store,
    TENANT,
    [a, b, c].map(({ fence }) => fence.id),
  );
  expect(ends.map((end) => end?.state)).toEqual(['COMPLETED', 'FAILED', 'COMPLETED']);
  expect(ends[1]).toMatchObject({ kind: 'result_not_serializable' });
  expect(ends[1]!.error!.message).toMatch(/could not keep what was reported/);
  expect(settled.sort()).toEqual([a, b, c].map(({ fence }) => fence.token).sort());
  expect(troubles).toEqual([
    expect.stringMatching(new RegExp(`task ${b.fence.id} cannot be kept .*REAL.*without what`)),
  ]);
});

it('a loss that cannot be kept is a loss all the same', async () => {
  const [task] = (await running(1)) as [ClaimedTask];
  const one = settler(store);
  const message = Symbol('no text') as unknown as string;
  one.push([ending(task, 5, { is: 'lost', error: { type: 'WorkerLost', message, traceback: '' } })]);
  await one.flush(5_000);
  expect((await store.tasks(TENANT, [task.fence.id]))[0]).toMatchObject({ state: 'QUEUED', losses: 1 });
});

it('what cannot even be kept without its content is given up, and those behind it settle', async () => {
  const [a, b] = (await running(2)) as [ClaimedTask, ClaimedTask];
  const stumbling: Store = {
    ...store,
    settle: (tenant, settlements) =>
      settlements.some(({ fence }) => fence.id === a.fence.id)
        ? Promise.reject(new TypeError('no such thing'))
        : store.settle(tenant, settlements),
  };
  const one = settler(stumbling);
  one.push([ending(a, 5), ending(b, 5)]);
  await one.flush(5_000);
  expect(await store.states(TENANT, [a.fence.id, b.fence.id])).toEqual(['RUNNING', 'COMPLETED']);
  expect(settled.sort()).toEqual([a.fence.token, b.fence.token].sort());
  expect(troubles.at(-1)).toMatch(/given up/);
});

it('a lease that cannot be renewed costs the others nothing', async () => {
  const [a, b] = (await running(2)) as [ClaimedTask, ClaimedTask];
  const named = [a, b].map(({ fence }, i) => ({ fence, worker: 'w', startedAt: i === 0 ? 5.5 : 7 }));
  const dropped: string[] = [];
  const keeper = new LeaseKeeper({
    onTrusted: () => undefined,
    ...{ store, tenant: TENANT, clock: systemClock },
    executor: { named: () => named, drop: (tokens) => dropped.push(...tokens) } as Partial<Executor> as Executor,
    onTrouble: (sentence) => troubles.push(sentence),
  });
  await keeper.renew();
  const records = await store.tasks(TENANT, [a.fence.id, b.fence.id]);
  expect(records.map((record) => record?.startedAt)).toEqual([0, 7]);
  expect(troubles).toEqual([
    expect.stringMatching(new RegExp(`lease of task ${a.fence.id} cannot be renewed: .*REAL`)),
  ]);
  expect(dropped).toEqual([]);
});

it('output that the store takes no more is told of until it does, or until nothing is printed any more', async () => {
  const [task] = (await running(1)) as [ClaimedTask];
  let isAway = true;
  let asked = Promise.withResolvers<undefined>();
  const away: Store = {
    ...store,
    appendLogs: async (tenant, entries, limits) => {
      asked.resolve(undefined);
      if (isAway) throw new StoreUnavailable('away');
      await store.appendLogs(tenant, entries, limits);
    },
  };
  let later = 0;
  const lapses: (() => void)[] = [];
  const clock = {
    ...systemClock,
    mono: () => systemClock.mono() + later,
    after: (ms: number, act: () => void) =>
      ms < 1_000 ? systemClock.after(ms, act) : (lapses.push(act), () => undefined),
  };
  const output = new Output(away, TENANT, { headBytes: 10, tailBytes: 10 }, clock, () => undefined);
  const print = async (offset: number): Promise<void> => {
    asked = Promise.withResolvers();
    output.add(task.fence.id, 1, { stream: 'stdout', offset, bytes: Buffer.from('said') });
    await asked.promise;
  };
  const trouble = (): string => output.watchdog.trouble(clock.mono());
  await print(0);
  await expect.poll(() => lapses.length).toBe(1);
  expect(trouble()).toBe('');
  later = 20_000;
  await print(4);
  await expect.poll(() => lapses.length).toBe(2);
  expect(trouble()).toBe('keeping what calls print has not come round for 20 s');
  lapses[1]!();
  expect(trouble()).toBe('');
  isAway = false;
  await print(8);
  later = 60_000;
  await expect.poll(trouble).toBe('');
  output.stop();
});

it("output that cannot be kept costs the others' nothing", async () => {
  const [a, b] = (await running(2)) as [ClaimedTask, ClaimedTask];
  const output = new Output(store, TENANT, { headBytes: 10, tailBytes: 10 }, systemClock, (sentence) =>
    troubles.push(sentence),
  );
  const chunk: LogChunk = { stream: 'stdout', offset: 0, bytes: Buffer.from('said') };
  output.add(a.fence.id, 1, { ...chunk, stream: 'evil' as 'stdout' });
  output.add(b.fence.id, 1, chunk);
  await expect.poll(async () => (await store.logs(TENANT, b.fence.id))?.logs.stdout.head.toString()).toBe('said');
  expect(troubles).toEqual([expect.stringMatching(new RegExp(`^Output of task ${a.fence.id} cannot be kept`))]);
  output.stop();
});
