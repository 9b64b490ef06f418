// Pickled tasks that wait where no worker reads pickles: on a real store, on a clock of the test's own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Unreadable } from '../../src/dispatcher/unreadable.ts';
import {
  openEmbeddedStore,
  StoreUnavailable,
  type DispatcherSnapshot,
  type Store,
  type WorkerSnapshot,
  type ClaimedTask,
} from '../../src/store/index.ts';
import type { Ending } from '../../src/tasks/ending.ts';
import { NO_LIMITS, submission } from '../store/submission.ts';

const TENANT = 'default';
let store: Store;
let dataDir: string;
let now: number;
let here: WorkerSnapshot[];
let ended: Ending[];
let troubles: string[];
let mayClaim: boolean;
/** What reading the reports meets. */
let fault: Error | undefined;
let unreadable: Unreadable;
/** What the next claim brings of an earlier one (docs/decisions/0044). */
let owes: ClaimedTask[];

const worker = (id: string, pickles: string, state: WorkerSnapshot['state'] = 'ready'): WorkerSnapshot => ({
  ...{ id, mode: 'push', host: 'h', pid: 1, version: '1', dispatcher: 'me', slots: 1, busy: 0, waiting: 0, credits: 1 },
  ...{ labels: [], state, registeredAt: 0, seenAt: 0 },
  runtimes: [{ runtime: 'python', version: '3.11.2', broken: '', pickles }],
});
const bare = worker('bare', 'dill is not importable');
const able = (state?: WorkerSnapshot['state']): WorkerSnapshot => worker('able', '', state);

async function report(id: string, ...workers: WorkerSnapshot[]): Promise<void> {
  const snapshot: DispatcherSnapshot = {
    ...{ id, mode: 'push', host: 'h', pid: 1, version: '1', address: '', startedAt: 0, seenAt: 0, histograms: {} },
    workers: workers.map((one) => ({ ...one, dispatcher: id })),
  };
  await store.report(snapshot, 600_000);
}

/** A look every second, for so long. */
async function looks(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    now += 1_000;
    await unreadable.look();
  }
}

beforeEach(async () => {
  [now, here, ended, troubles, mayClaim, fault, owes] = [1e6, [bare], [], [], true, undefined, []];
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-unreadable-'));
  store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
  unreadable = new Unreadable({
    store: {
      ...store,
      fleet: () => (fault === undefined ? store.fleet() : Promise.reject(fault)),
      claim: async (...args) => {
        const answer = await store.claim(...args);
        return { ...answer, tasks: [...owes.splice(0), ...answer.tasks] };
      },
    },
    ...{ tenant: TENANT, dispatcherId: 'me', claimer: 'me', clock: { mono: () => now, wall: () => now } },
    workers: () => here,
    mayClaim: () => mayClaim,
    end: (endings) => void ended.push(...endings),
    onTrouble: (sentence) => void troubles.push(sentence),
  });
  await store.submit(TENANT, 0, [submission()], NO_LIMITS);
  await report('me', bare);
});
afterEach(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

it('end with what to install, once the fleet has been watched for ten seconds, and those that come later at once', async () => {
  await looks(10);
  expect(ended).toEqual([]);
  await looks(1);
  expect(ended.map(({ outcome }) => outcome)).toEqual([
    {
      is: 'failed',
      kind: 'load_failed',
      error: { type: 'ModuleNotFoundError', message: 'dill is not importable', traceback: '' },
    },
  ]);
  await store.submit(TENANT, 0, [submission()], NO_LIMITS);
  await looks(1);
  expect(ended).toHaveLength(2);
});

it('are ended alone: what an earlier claim was owed, of another lane, goes back', async () => {
  const owed = submission({ at_most_once: true });
  await store.submit(TENANT, 0, [owed], NO_LIMITS);
  const { tasks: before } = await store.claim(TENANT, 'me', [{ lane: owed.lane, max: 1 }], 1);
  owes = before;
  await looks(11);
  expect(ended.map(({ fence, outcome }) => [fence.id === owed.spec.id, outcome.is])).toEqual([
    [true, 'released'],
    [false, 'failed'],
  ]);
});

describe('are left to a worker that reads them', () => {
  it.each([['lost'], ['draining']] as const)('and is %s', async (state) => {
    here = [bare, able(state)];
    await looks(90);
    expect(ended).toEqual([]);
  });

  it('and was here ten seconds ago', async () => {
    here = [bare, able()];
    await looks(60);
    here = [bare];
    await looks(10);
    expect(ended).toEqual([]);
    await looks(1);
    expect(ended).toHaveLength(1);
  });

  it("and is another dispatcher's, or was ten seconds ago", async () => {
    await report('other', able('lost'));
    await looks(60);
    await store.retract('other');
    await looks(10);
    expect(ended).toEqual([]);
    await looks(1);
    expect(ended).toHaveLength(1);
  });

  it('also where a newer report of it says otherwise', async () => {
    await report('other', able());
    await report('third', worker('able', 'dill was there'));
    await looks(60);
    expect(ended).toEqual([]);
  });
});

describe('wait for another ten seconds', () => {
  const disturbances: Record<string, () => Promise<void>> = {
    'reports could not be read': async () => {
      fault = new StoreUnavailable('away');
      await looks(7);
      fault = undefined;
    },
    'reports could not be written': async () => {
      await store.retract('me');
      await looks(7);
      await report('me', bare);
    },
    'this dispatcher stood still': async () => {
      now += 10_000;
    },
    'this dispatcher could not claim': async () => {
      mayClaim = false;
      await looks(7);
      mayClaim = true;
    },
  };
  it.each(Object.entries(disturbances))('where %s', async (_, disturbance) => {
    await looks(7);
    await disturbance();
    await looks(10);
    expect(ended).toEqual([]);
    await looks(1);
    expect(ended).toHaveLength(1);
  });
});

it('a look that does not succeed is told, a fault once, and not looking is no trouble', async () => {
  const trouble = (): string => unreadable.watchdog.trouble(now);
  await looks(1);
  expect(trouble()).toBe('');
  fault = new TypeError('no such thing');
  await looks(6);
  expect(troubles).toEqual([expect.stringMatching(/pickles that nobody reads met a fault.*no such thing/)]);
  expect(trouble()).toBe('the look for pickles that nobody reads has not come round for 6 s');
  here = [able()];
  await looks(1);
  expect(trouble()).toBe('');
});
