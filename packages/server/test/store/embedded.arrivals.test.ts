// What the embedded store writes late or not at all: rows of tasks that came in this very turn, and counters that the tables say.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/store.ts';
import { EVENTS_KEPT_MS } from '../../src/store/timing.ts';
import { LANE, NO_LIMITS, completion, retry, submission } from './submission.ts';

const T = 'default';
const CLAIM = [{ lane: LANE, max: 100 }];
// eslint-disable-next-line @typescript-eslint/unbound-method -- called on the statement that it is asked of
const original = StatementSync.prototype.run;

let dataDir: string;
let store: Store;
/** Added to the clock, ms. */
let later: number;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
  later = 0;
  store = await open();
});
afterEach(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

function open(): Promise<Store> {
  const clock = { ...systemClock, wall: () => systemClock.wall() + later };
  return openEmbeddedStore({ dataDir, sync: 'normal', clock });
}

/** Closes the store, looks at its file, and opens it again. */
async function reopened(look?: (db: DatabaseSync) => void): Promise<void> {
  await store.close();
  const db = new DatabaseSync(join(dataDir, 'store.db'));
  look?.(db);
  db.close();
  store = await open();
}

const many = (count: number): ReturnType<typeof submission>[] => Array.from({ length: count }, () => submission());
const idsOf = (tasks: readonly { spec: { id: string } }[]): string[] => tasks.map(({ spec }) => spec.id);

describe('what comes and is claimed in one turn', () => {
  it('runs, as much of it as was claimed, and the rest waits behind it; so it is after a start', async () => {
    const tasks = many(5);
    const [answers, claim] = await Promise.all([store.submit(T, 0, tasks, NO_LIMITS), store.claim(T, 'me', CLAIM, 3)]);
    expect(answers.map(({ is }) => is)).toEqual(tasks.map(() => 'accepted'));
    expect(idsOf(claim.tasks)).toEqual(idsOf(tasks.slice(0, 3)));
    await reopened();
    expect(await store.states(T, idsOf(tasks))).toEqual(['RUNNING', 'RUNNING', 'RUNNING', 'QUEUED', 'QUEUED']);
    expect((await store.tasks(T, idsOf(tasks)))[0]).toMatchObject({ attempt: 1, state: 'RUNNING' });
    await store.settle(
      T,
      claim.tasks.map(({ fence }) => completion(fence)),
    );
    const rest = await store.claim(T, 'me', CLAIM, 100);
    expect(idsOf(rest.tasks)).toEqual(idsOf(tasks.slice(3)));
  });

  it('is found by what looks for it in that turn', async () => {
    const [canceled, pinned, other] = many(3);
    const [, cancel, pin, claim] = await Promise.all([
      store.submit(T, 0, [canceled!, pinned!, other!], NO_LIMITS),
      store.cancel(T, [canceled!.spec.id]),
      store.pin(T, pinned!.spec.id, true),
      store.claim(T, 'me', CLAIM, 1),
    ]);
    expect([cancel, pin]).toEqual([[{ is: 'canceled', wasRunning: false }], true]);
    expect(idsOf(claim.tasks)).toEqual([pinned!.spec.id]);
    const records = await store.tasks(T, idsOf([canceled!, pinned!, other!]));
    expect(records.map((record) => [record?.state, record?.pinned])).toEqual([
      ['CANCELED', false],
      ['RUNNING', true],
      ['QUEUED', false],
    ]);
  });

  it('goes in one order with what waited, and what is too old ends', async () => {
    const first = many(1);
    await store.submit(T, 0, first, NO_LIMITS);
    const [held] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    await store.release(T, [{ fence: held!.fence, reason: 'handed_back', worker: '', message: '' }]);
    const [urgent, expired, plain] = [submission({ priority: 5 }), submission({ expires_at: 1 }), submission()];
    const [, claim] = await Promise.all([
      store.submit(T, 0, [plain, expired, urgent], NO_LIMITS),
      store.claim(T, 'me', CLAIM, 100),
    ]);
    expect(idsOf(claim.tasks)).toEqual(idsOf([urgent, ...first, plain]));
    expect((await store.tasks(T, [expired.spec.id]))[0]).toMatchObject({ state: 'FAILED', kind: 'expired' });
  });

  it('ends where it has expired, and is claimed by nobody', async () => {
    const [expired, plain] = [submission({ expires_at: 1 }), submission()];
    const [, claim] = await Promise.all([
      store.submit(T, 0, [expired, plain], NO_LIMITS),
      store.claim(T, 'me', CLAIM, 100),
    ]);
    expect(idsOf(claim.tasks)).toEqual([plain.spec.id]);
    expect(await store.states(T, idsOf([expired, plain]))).toEqual(['FAILED', 'RUNNING']);
    expect(await store.stats(T)).toMatchObject({ ended: { expired: 1 }, states: { QUEUED: 0, RUNNING: 1 } });
  });

  it('is accepted once, though it came before or comes twice, and its neighbours with it', async () => {
    const [known, twice, fresh] = many(3);
    await store.submit(T, 0, [known!], NO_LIMITS);
    await store.claim(T, 'me', CLAIM, 1);
    expect(await store.submit(T, 0, [known!], NO_LIMITS)).toMatchObject([{ is: 'accepted', id: known!.spec.id }]);
    const answers = await Promise.all([
      store.submit(T, 0, [fresh!], NO_LIMITS),
      store.submit(T, 0, [known!, twice!], NO_LIMITS),
      store.submit(T, 0, [twice!], NO_LIMITS),
      store.claim(T, 'me', CLAIM, 100),
    ]);
    expect(
      answers.slice(0, 3).flatMap((some) => (some as { is: string; id: string }[]).map(({ is, id }) => [is, id])),
    ).toEqual([fresh, known, twice, twice].map((task) => ['accepted', task!.spec.id]));
    expect(idsOf(answers[3].tasks)).toEqual(idsOf([fresh!, twice!]));
    expect(await store.stats(T)).toMatchObject({ submitted: 3, states: { QUEUED: 0, RUNNING: 3 } });
  });

  it('shares the bytes of a header that others have, too, be they read or from memory', async () => {
    await store.submit(T, 0, many(3), NO_LIMITS);
    const { tasks } = await store.claim(T, 'me', CLAIM, 2);
    const releases = tasks.map(({ fence }) => ({ fence, reason: 'handed_back', worker: '', message: '' }) as const);
    await store.release(T, releases);
    const [, claim] = await Promise.all([store.submit(T, 0, many(2), NO_LIMITS), store.claim(T, 'me', CLAIM, 100)]);
    expect([claim.tasks.length, new Set(claim.tasks.map(({ packed }) => packed)).size]).toEqual([5, 1]);
    expect(claim.tasks[0]!.packed).toBe(tasks[0]!.packed);
  });

  it('stays when a neighbour is undone', async () => {
    const tasks = many(2);
    const [, , claim] = await Promise.allSettled([
      store.submit(T, 0, tasks, NO_LIMITS),
      store.submit(T, 0, [submission(), submission({ priority: 0.5 })], NO_LIMITS),
      store.claim(T, 'me', CLAIM, 1),
    ]);
    expect(claim.status === 'fulfilled' && idsOf(claim.value.tasks)).toEqual(idsOf(tasks.slice(0, 1)));
    expect(await store.states(T, idsOf(tasks))).toEqual(['RUNNING', 'QUEUED']);
    expect(await store.stats(T)).toMatchObject({ submitted: 2, states: { QUEUED: 1, RUNNING: 1 } });
  });
});

it('a disk that turns out to be full when a turn is done again ends what runs all the same, and refuses what came', async () => {
  const [known, fresh] = many(2);
  await store.submit(T, 0, [known!], NO_LIMITS);
  const { tasks } = await store.claim(T, 'me', CLAIM, 1);
  const ran: string[] = [];
  // Neither a small disk nor a limit of file sizes can be full from one statement on: SQLite's answer is given in its place.
  const run = vi.spyOn(StatementSync.prototype, 'run').mockImplementation(function (this: StatementSync, ...values) {
    ran.push(this.sourceSQL);
    const isAgain = ran.includes('SAVEPOINT act');
    if (isAgain && this.sourceSQL.startsWith('INSERT INTO task'))
      throw Object.assign(new Error('full'), { errcode: 13 });
    return original.apply(this, values);
  });
  try {
    const [settled, submitted] = await Promise.allSettled([
      store.settle(
        T,
        tasks.map(({ fence }) => completion(fence)),
      ),
      store.submit(T, 0, [known!, fresh!], NO_LIMITS),
    ]);
    expect(ran).toContain('SAVEPOINT act');
    expect(settled).toEqual({ status: 'fulfilled', value: [{ is: 'accepted', state: 'COMPLETED' }] });
    expect(submitted).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnavailable' } });
  } finally {
    run.mockRestore();
  }
  expect(await store.states(T, idsOf([known!, fresh!]))).toEqual(['COMPLETED', undefined]);
});

describe('what is small is in the row of its task', () => {
  it('and what is not is in one of its own; both read the same', async () => {
    const [small, large] = [submission({}, Buffer.alloc(9, 'a')), submission({}, Buffer.alloc(900, 'b'))];
    await store.submit(T, 0, [small, large], NO_LIMITS);
    const { tasks } = await store.claim(T, 'me', CLAIM, 2);
    const results = ['"c"', JSON.stringify('d'.repeat(900))];
    await store.settle(
      T,
      tasks.map(({ fence }, n) => completion(fence, results[n])),
    );
    await reopened((db) => {
      const [inPayload, inEnding] = ['payload', 'ending'].map((table) => db.prepare(`SELECT n FROM ${table}`).all());
      expect([inPayload?.length, inEnding?.length]).toEqual([1, 1]);
    });
    expect(await Promise.all([small, large].map(({ spec }) => store.args(T, spec.id)))).toEqual([
      small.args,
      large.args,
    ]);
    const progress = await store.progress(T, idsOf([small, large]));
    expect(progress.map((one) => one?.is === 'ended' && one.end.result.json?.toString())).toEqual(results);
  });
});

describe('after a start', () => {
  it('the counters say what they said', async () => {
    await Promise.all([store.submit(T, 0, many(7), NO_LIMITS), store.submit('other', 0, many(1), NO_LIMITS)]);
    const { tasks } = await store.claim(T, 'me', CLAIM, 5);
    await store.settle(T, [completion(tasks[0]!.fence), retry(tasks[1]!.fence, 0), retry(tasks[2]!.fence, 60_000)]);
    const before = [await store.stats(T), await store.stats('other')];
    expect(before[0]).toMatchObject({ submitted: 7, states: { QUEUED: 3, DELAYED: 1, RUNNING: 2 } });
    await reopened();
    expect([await store.stats(T), await store.stats('other')]).toEqual(before);
  });

  it('what comes goes behind what waits, be it for a second attempt', async () => {
    const tasks = many(1);
    await store.submit(T, 0, tasks, NO_LIMITS);
    // Each retry takes a number of the queue's order, and no row.
    for (let n = 0; n < 5; n += 1) {
      const claim = await store.claim(T, 'me', CLAIM, 1);
      await store.settle(T, [retry(claim.tasks[0]!.fence, 0)]);
    }
    await reopened();
    const later = many(1);
    await store.submit(T, 0, later, NO_LIMITS);
    expect(idsOf((await store.claim(T, 'me', CLAIM, 2)).tasks)).toEqual(idsOf([...tasks, ...later]));
  });

  it('events go on from the last one, though all are older than what is kept', async () => {
    const end = async (): Promise<void> => {
      await store.submit(T, 0, many(1), NO_LIMITS);
      const { tasks } = await store.claim(T, 'me', CLAIM, 1);
      await store.settle(
        T,
        tasks.map(({ fence }) => completion(fence)),
      );
    };
    await end();
    await end();
    const { cursor } = await store.events(T, '', 10);
    later += EVENTS_KEPT_MS + 1000;
    await store.sweep(T);
    await reopened();
    expect(await store.events(T, cursor, 10)).toEqual({ items: [], cursor, reset: false });
    await end();
    const { items, reset } = await store.events(T, cursor, 10);
    expect([items.map((item) => Number(item.cursor)), reset]).toEqual([[Number(cursor) + 1], false]);
  });
});
