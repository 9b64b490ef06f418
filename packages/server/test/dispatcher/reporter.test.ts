// The report of a dispatcher on a real store: what it meets does not end it, nor the dispatcher.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Executor } from '../../src/dispatcher/index.ts';
import { Reporter } from '../../src/dispatcher/reporter.ts';
import { openEmbeddedStore, type Store } from '../../src/store/index.ts';
import { until } from '../store/waiting.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

it('a fault is told once, and the reports after it go through', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-reports-'));
  const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
  const troubles: string[] = [];
  let tries = 0;
  let broken = true;
  const fault = (): Promise<never> => Promise.reject(new TypeError('no such thing'));
  const stumbling: Store = {
    ...store,
    fleet: () => (broken ? fault() : store.fleet()),
    report: (snapshot, ttlMs) => {
      tries += 1;
      return broken ? fault() : store.report(snapshot, ttlMs);
    },
  };
  const reporter = new Reporter({
    store: stumbling,
    executor: { mode: 'local', address: '', workers: () => [] } as Partial<Executor> as Executor,
    clock: systemClock,
    dispatcherId: 'me',
    version: '1',
    histograms: {},
    troubles: () => [],
    onTrouble: (sentence) => troubles.push(sentence),
  });
  closing.push(async () => {
    await reporter.stop();
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  await reporter.start();
  await until(() => tries >= 2 || undefined);
  expect(troubles).toEqual([expect.stringMatching(/report.*TypeError: no such thing/)]);
  expect(reporter.watchdog.trouble(systemClock.mono() + 6_000)).toMatch(/the report has not come round/);
  broken = false;
  reporter.report();
  await until(async () => (await store.fleet()).find(({ id }) => id === 'me'));
});
