// A store that takes no ends, though it hands out work (a master without its replicas): what waits for it has a bound.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { systemClock, type LiveClock } from '../../src/clock.ts';
import { startDispatcher, type Executor, type ExecutorEvents } from '../../src/dispatcher/index.ts';
import { openEmbeddedStore, type Store } from '../../src/store/index.ts';
import { NO_LIMITS, submission } from '../store/submission.ts';
import { until } from '../store/waiting.ts';

const TENANT = 'default';
/** What may wait, what is on its way to the store meanwhile, and what one claim may add. */
const BOUND = 4096 + 256 + 256;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function opened(): Promise<Store> {
  const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-backlog-'));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
  closers.push(() => store.close());
  return store;
}

/** Somebody with room for ever, who has done everything at once. */
function instant(events: ExecutorEvents): Executor {
  const runtimes = [{ runtime: 'python', version: '3.11.2', dill: true, broken: '' }] as never;
  return {
    mode: 'push',
    address: '',
    attempts: Number.POSITIVE_INFINITY,
    offers: () => [{ runtimes, labels: [], slots: 1, free: 256, credits: 256, held: 0 }],
    hand: (tasks) =>
      events.ended(
        tasks.map(({ fence, spec, retries }) => ({
          ...{ fence, spec, retries, worker: 'w', startedAt: 1, logs: null },
          outcome: { is: 'completed', result: { json: Buffer.from('1') } },
        })),
      ),
    named: () => [],
    drop: () => undefined,
    dropTasks: () => undefined,
    settled: () => undefined,
    workers: () => [],
    drain: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

it('nothing more is claimed while thousands of ends wait, and all ends once they are taken', async () => {
  const store = await opened();
  const ids: string[] = [];
  for (let n = 0; n < 24; n += 1) {
    const tasks = Array.from({ length: 256 }, () => submission());
    ids.push(...tasks.map(({ spec }) => spec.id));
    await store.submit(TENANT, 0, tasks, NO_LIMITS);
  }
  const taken = Promise.withResolvers<undefined>();
  let claimed = 0;
  // From then on no time passes: what sleeps is woken, or sleeps on.
  let isFull = false;
  const clock: LiveClock = {
    ...systemClock,
    after: (ms, act) => (isFull && ms > 5 ? () => undefined : systemClock.after(ms, act)),
  };
  const stubborn: Store = {
    ...store,
    claim: async (...args) => {
      const claim = await store.claim(...args);
      claimed += claim.tasks.length;
      return claim;
    },
    settle: async (...args) => {
      await taken.promise;
      return store.settle(...args);
    },
  };
  let wake = (): void => undefined;
  const dispatcher = await startDispatcher({
    ...{ store: stubborn, tenant: TENANT, version: 'test', clock, random: () => 0.5, claimer: '' },
    logLimits: { maxBytes: 1, maxChunks: 1 } as never,
    openExecutor: (_, events) => {
      wake = () => events.capacity();
      return Promise.resolve(instant(events));
    },
    log: () => undefined,
  });
  closers.push(() => dispatcher.stop(0));
  await until(() => claimed > 4096 || undefined);
  isFull = true;
  for (let n = 0; n < 200; n += 1) {
    wake();
    await turn();
  }
  expect(claimed).toBeLessThanOrEqual(BOUND);
  taken.resolve(undefined);
  await until(async () => (await store.states(TENANT, ids)).every((state) => state === 'COMPLETED') || undefined);
  expect(claimed).toBe(ids.length);
}, 30_000);
