// A dispatcher on a store of two shards, one of which is away: its tasks wait, those of the other go on. Two real embedded
// stores stand for the two.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock, type LiveClock } from '../../src/clock.ts';
import { startDispatcher, type Dispatcher, type Executor } from '../../src/dispatcher/index.ts';
import { LeaseKeeper } from '../../src/dispatcher/lease-keeper.ts';
import { newId } from '../../src/lifecycle/ids.ts';
import {
  openEmbeddedStore,
  StoreUnavailable,
  type ClaimedTask,
  type Renewal,
  type Store,
} from '../../src/store/index.ts';
import { overShards } from '../../../../test/simulation/store/sharded.ts';
import { NO_LIMITS, submission } from '../store/submission.ts';
import { until } from '../store/waiting.ts';

const T = 'default';
const HERE = 0;
const AWAY = 1;
let store: Store;
let isAway: boolean;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  isAway = false;
  store = overShards([await opened(), awayable(await opened())]);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function opened(): Promise<Store> {
  const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-shards-'));
  const one = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
  closing.push(async () => {
    await one.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return one;
}

/** The same, whose acts on the queue are refused while it is away, as of one that cannot be reached. */
function awayable(one: Store): Store {
  const there = <T>(act: () => Promise<T>): Promise<T> =>
    isAway ? Promise.reject(new StoreUnavailable('it is away')) : act();
  return {
    ...one,
    now: () => there(() => one.now()),
    claim: (...args) => there(() => one.claim(...args)),
    renew: (...args) => there(() => one.renew(...args)),
    settle: (...args) => there(() => one.settle(...args)),
    sweep: (...args) => there(() => one.sweep(...args)),
    lanes: (...args) => there(() => one.lanes(...args)),
  };
}

async function submit(shard: number): Promise<string> {
  const task = submission({ id: newId(Date.now(), shard) });
  await store.submit(T, shard, [task], NO_LIMITS);
  return task.spec.id;
}

/** A clock whose monotonic time can be set forward. */
function hurried(): { clock: LiveClock; pass: (ms: number) => void } {
  let ahead = 0;
  const clock = { ...systemClock, mono: (): number => systemClock.mono() + ahead };
  const pass = (ms: number): void => {
    ahead += ms;
  };
  return { clock, pass };
}

it('leases of a shard that is away are not trusted after 3 s, those of the other are', async () => {
  const time = hurried();
  const named: Renewal[] = [];
  const trusted: number[][] = [];
  const keeper = new LeaseKeeper({
    ...{ store, tenant: T, clock: time.clock },
    executor: { named: () => named, drop: () => undefined } as Partial<Executor> as Executor,
    onTrusted: () => trusted.push(keeper.trusted),
    onTrouble: () => undefined,
  });
  await submit(HERE);
  const { tasks } = await store.claim(T, 'me', [{ lane: submission().lane, max: 1 }], 1);
  named.push({ fence: tasks[0]!.fence, worker: 'w', startedAt: 7 });
  isAway = true;
  time.pass(3_500);
  await keeper.renew();
  expect(keeper.trusted).toEqual([HERE]);
  expect((await store.tasks(T, [tasks[0]!.fence.id]))[0]).toMatchObject({ startedAt: 7 });
  isAway = false;
  await keeper.renew();
  expect(trusted).toEqual([[HERE], [HERE, AWAY]]);
});

it('claims and ends go on in one shard while the other is away, and in both when it is back', async () => {
  const time = hurried();
  const given: ClaimedTask[] = [];
  const settled: string[] = [];
  const troubles: string[] = [];
  let end: ((task: ClaimedTask) => void) | undefined;
  const dispatcher: Dispatcher = await startDispatcher({
    ...{ store, tenant: T, version: '1', clock: time.clock, random: () => 0.5, claimer: '' },
    logLimits: { headBytes: 10, tailBytes: 10 },
    log: (_, message) => troubles.push(message),
    openExecutor: (_, events) => {
      end = ({ fence, spec, retries }) =>
        events.ended([
          {
            ...{ fence, spec, retries, worker: 'w', startedAt: 1, logs: null },
            outcome: { is: 'completed', result: { json: Buffer.from('1') } },
          },
        ]);
      const runtimes = [
        { runtime: 'python' as const, version: '3.11.2', broken: '', pickles: '', pickles_soon: false },
      ];
      return Promise.resolve({
        ...{ mode: 'local', address: '', attempts: 9 },
        offers: () => [{ runtimes, labels: [], free: 9, credits: 9, held: 0 }],
        hand: (tasks) => given.push(...tasks),
        named: () => [],
        drop: () => undefined,
        dropTasks: () => undefined,
        settled: (tokens) => settled.push(...tokens),
        workers: () => [],
        drain: () => Promise.resolve(),
        close: () => Promise.resolve(),
      } satisfies Executor);
    },
  });
  closing.push(() => dispatcher.stop(0));
  const has = (id: string) => () => given.find(({ fence }) => fence.id === id);
  const before = await until(has(await submit(AWAY)));

  isAway = true;
  time.pass(3_500);
  await until(() => dispatcher.troubles().find((one) => /leases could not be renewed.*in 1 of 2 shards/.test(one)));
  // Its end waits for its shard; the next ones do not wait for it.
  end!(before);
  for (let n = 0; n < 3; n += 1) {
    const task = await until(has(await submit(HERE)));
    end!(task);
    await until(() => settled.includes(task.fence.token) || undefined);
  }
  expect(settled).not.toContain(before.fence.token);

  isAway = false;
  await until(() => settled.includes(before.fence.token) || undefined);
  await until(has(await submit(AWAY)));
  await until(() => dispatcher.troubles().every((one) => !/leases/.test(one)) || undefined);
});
