// A task is put back when it is due, not at the next regular sweep: on a real store, with a clock whose regular sweeps never come.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock, type LiveClock } from '../../src/clock.ts';
import { Sweeper } from '../../src/dispatcher/sweeper.ts';
import { openEmbeddedStore, type Store } from '../../src/store/index.ts';
import { NO_LIMITS, submission } from '../store/submission.ts';
import { until } from '../store/waiting.ts';

const TENANT = 'default';
let store: Store;
let dataDir: string;
let sweeper: Sweeper;
/** The first regular sweep; there is no second one. */
let regular: () => void;
let waits: number[];
/** How long the store stands still during a sweep, and whether it says that more is due. */
let standsMs: number;
let more: boolean;
let later = 0;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-sweeper-'));
  store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
  waits = [];
  const clock: LiveClock = {
    ...systemClock,
    mono: () => systemClock.mono() + later,
    every: (_, act) => {
      regular = act;
      return () => undefined;
    },
    after: (ms, act) => {
      waits.push(ms);
      return systemClock.after(ms, act);
    },
  };
  [standsMs, more] = [0, false];
  const sweep: Store['sweep'] = async (tenant) => {
    const report = await store.sweep(tenant);
    later += standsMs;
    return { ...report, more };
  };
  sweeper = new Sweeper({
    ...{ store: { ...store, sweep }, tenant: TENANT, clock, random: () => 0.5 },
    onTrouble: (sentence) => {
      throw new Error(sentence);
    },
  });
  sweeper.start();
});
afterEach(async () => {
  sweeper.stop();
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

it('what is due before the next regular sweep has one of its own', async () => {
  const due = (await store.now()) + 200;
  const task = submission({ not_before: due });
  await store.submit(TENANT, 0, [task], NO_LIMITS);
  const back = new Promise<void>((resolve) => void store.subscribe((hint) => hint.is === 'work' && resolve()));
  regular();
  await back;
  expect(await store.states(TENANT, [task.spec.id])).toEqual(['QUEUED']);
  expect(waits).toHaveLength(1);
  expect(waits[0]).toBeLessThanOrEqual(201);
});

it('what is due later is left to a regular sweep', async () => {
  await store.submit(TENANT, 0, [submission({ not_before: (await store.now()) + 60_000 })], NO_LIMITS);
  regular();
  // Behind the sweeper's own.
  await store.sweep(TENANT);
  expect(waits).toEqual([]);
});

it('one during which the store stood still is not rested from for as long', async () => {
  [standsMs, more] = [20_000, true];
  regular();
  await until(() => (waits.length > 0 ? true : undefined));
  expect(waits[0]).toBe(500);
});
