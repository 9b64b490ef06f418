// A task is put back when it is due, not at the next regular sweep: on a real store, with a clock whose regular sweeps never come.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock, type LiveClock } from '../../src/clock.ts';
import { Sweeper } from '../../src/dispatcher/sweeper.ts';
import { openEmbeddedStore, type Store } from '../../src/store/index.ts';
import { NO_LIMITS, submission } from '../store/submission.ts';

const TENANT = 'default';
let store: Store;
let dataDir: string;
let sweeper: Sweeper;
/** The first regular sweep; there is no second one. */
let regular: () => void;
let waits: number[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-sweeper-'));
  store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
  waits = [];
  const clock: LiveClock = {
    ...systemClock,
    every: (_, act) => {
      regular = act;
      return () => undefined;
    },
    after: (ms, act) => {
      waits.push(ms);
      return systemClock.after(ms, act);
    },
  };
  sweeper = new Sweeper({
    ...{ store, tenant: TENANT, clock, random: () => 0.5 },
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
