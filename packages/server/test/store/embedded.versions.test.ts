// A data directory of an earlier schema version: opened, read and gone on with as one of this version.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/store.ts';
import { LANE, NO_LIMITS, completion, endsIn, submission } from './submission.ts';

const VERSION_2 = readFileSync(new URL('fixtures/version-2.sql', import.meta.url), 'utf8');
const WRITTEN_AT = 1_764_000_000_000;
const YEAR_MS = 366 * 24 * 3_600_000;
const T = 'default';
const CLAIM = [{ lane: LANE, max: 100 }];
const idOf = (n: number): string => `019ab6d0-1000-7000-8000-${String(n).padStart(12, '0')}`;
const [WON, FAILED, CANCELED, RUNNING, LONGER, WAITING, KEYED, DELAYED] = [1, 2, 3, 4, 5, 6, 7, 8].map(idOf) as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
];

let dataDir: string;
let opened: Store[];
let now: number;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
  opened = [];
  now = WRITTEN_AT + 1000;
});
afterEach(async () => {
  for (const store of opened) await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function open(): Promise<Store> {
  const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: { ...systemClock, wall: () => now } });
  opened.push(store);
  return store;
}

function inFile<T>(work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(join(dataDir, 'store.db'));
  try {
    return work(db);
  } finally {
    db.close();
  }
}

const rowsIn = (table: string): number =>
  inFile((db) => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']));

describe.each([
  [1, `${VERSION_2} DROP TABLE payload_file; PRAGMA user_version = 1;`],
  [2, VERSION_2],
])('a data directory of schema version %d', (_, sql) => {
  beforeEach(() => inFile((db) => db.exec(sql)));

  it('says what it said', async () => {
    const store = await open();
    expect(await store.stats(T)).toEqual({
      submitted: 8,
      ended: { COMPLETED: 2, lost: 1, canceled: 1 },
      requeued: {},
      states: { QUEUED: 2, DELAYED: 1, BLOCKED: 0, RUNNING: 1 },
      queuedBytes: 24,
      lanes: [{ lane: LANE, waiting: 2, oldestAt: WRITTEN_AT }],
    });
    const ends = await endsIn(store, T, [WON, FAILED, CANCELED, LONGER, RUNNING]);
    expect(ends.map((end) => end && { ...end.result, error: end.error?.type })).toEqual([
      { json: Buffer.from('42'), error: undefined },
      { error: 'WorkerLost' },
      { error: 'TaskCanceled' },
      { json: Buffer.from(JSON.stringify('b'.repeat(600))), error: undefined },
      undefined,
    ]);
    const [failed, waiting] = await store.tasks(T, [FAILED, WAITING]);
    expect(failed).toMatchObject({ state: 'FAILED', kind: 'lost', losses: 1, error: { type: 'WorkerLost' } });
    expect(failed?.history).toHaveLength(1);
    expect(waiting).toMatchObject({ state: 'QUEUED', spec: { group: 'g', tags: ['t'], function_name: 'double' } });
    expect(await store.args(T, WON)).toEqual(Buffer.from('[[1],{}]'));
    expect(await store.args(T, LONGER)).toEqual(Buffer.alloc(600, 'a'));
    expect((await store.events(T, '2', 10)).items.map(({ id }) => id)).toHaveLength(2);
  });

  it('reads what was large and in a row', async () => {
    inFile((db) => db.exec(`UPDATE payload SET args = zeroblob(200000); UPDATE task SET args_bytes = 200000`));
    const store = await open();
    expect(await store.args(T, WAITING)).toEqual(Buffer.alloc(200_000));
    const { tasks } = await store.claim(T, 'me', CLAIM, 1);
    expect(tasks.map(({ args }) => args)).toEqual([Buffer.alloc(200_000)]);
  });

  it('goes on: what waits is claimed in its order before what comes now, and a key is known', async () => {
    const store = await open();
    const repeated = { ...submission(), key: { name: 'k', content: 'c' } };
    expect(await store.submit(T, 0, [repeated], NO_LIMITS)).toEqual([{ is: 'replayed', id: KEYED }]);
    const fresh = submission();
    await store.submit(T, 0, [fresh], NO_LIMITS);
    const { tasks } = await store.claim(T, 'me', CLAIM, 100);
    expect(tasks.map(({ fence, args }) => [fence.id, args.toString()])).toEqual(
      [WAITING, KEYED, fresh.spec.id].map((id) => [id, '[[1],{}]']),
    );
    await store.settle(
      T,
      tasks.map(({ fence }, n) => completion(fence, String(n))),
    );
    expect((await endsIn(store, T, [WAITING])).map((end) => end?.result.json?.toString())).toEqual(['0']);
    expect((await store.events(T, '4', 10)).items.map(({ cursor }) => cursor)).toEqual(['5', '6', '7']);
    expect(await store.abandon(T, 'me')).toBe(1);
    expect(await store.states(T, [RUNNING])).toEqual(['QUEUED']);
  });

  it('counts right after what ran then has ended, an act was undone and another start', async () => {
    let store = await open();
    await store.cancel(T, [RUNNING]);
    const wrong = store.submit(T, 0, [submission(), submission({ priority: 0.5 })], NO_LIMITS);
    await expect(wrong).rejects.toThrow();
    const right = { submitted: 8, states: { QUEUED: 2, DELAYED: 1, RUNNING: 0 }, ended: { canceled: 2 } };
    expect(await store.stats(T)).toMatchObject(right);
    await store.close();
    store = await open();
    expect(await store.stats(T)).toMatchObject(right);
  });

  it('leaves nothing of its tasks when their time is over', async () => {
    const store = await open();
    await store.cancel(T, [RUNNING, WAITING, KEYED, DELAYED]);
    now += YEAR_MS + 1000;
    expect(await store.sweep(T)).toMatchObject({ deleted: 8 });
    expect(await store.stats(T)).toMatchObject({ submitted: 8, ended: { COMPLETED: 2, lost: 1, canceled: 5 } });
    await store.close();
    const tables = ['task', 'payload', 'ending', 'history', 'log', 'request_key', 'payload_file'];
    expect(tables.map(rowsIn)).toEqual(tables.map(() => 0));
  });
});

it('a change of version that cannot be made leaves the file as it was, and free to be put right', async () => {
  inFile((db) => db.exec(`${VERSION_2} PRAGMA user_version = 1;`));
  await expect(open()).rejects.toThrow(/store.db cannot be opened \(.*payload_file.*\)/);
  inFile((db) => {
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
    db.exec('DROP TABLE payload_file');
  });
  const store = await open();
  expect(await store.stats(T)).toMatchObject({ submitted: 8 });
});

it('a data directory of a newer version is refused by name', async () => {
  await (await open()).close();
  inFile((db) => db.exec('PRAGMA user_version = 1000000'));
  await expect(open()).rejects.toThrow(
    `The data directory ${dataDir} was written by a newer mpcsfaas; run that version or a new directory.`,
  );
});
