// The embedded store's own promises: one owner, nothing acknowledged lost at kill -9, a turn in one transaction, a full disk.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { smallDisk } from '../../../../test/harness/small-disk.ts';
import { systemClock } from '../../src/clock.ts';
import { StoreUnavailable, openEmbeddedStore } from '../../src/store/index.ts';
import type { Claim, Store } from '../../src/store/store.ts';
import { LANE, NO_LIMITS, completion, endsIn, submission } from './submission.ts';
import { sweptUntil, until } from './waiting.ts';

const T = 'default';
const CLAIM = [{ lane: LANE, max: 100 }];
const SUBMITTER = new URL('fixtures/endless-submitter.ts', import.meta.url).pathname;

let dataDir: string;
let opened: Store[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
  opened = [];
});
afterEach(async () => {
  for (const store of opened) await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function open(leaseMs = 60_000): Promise<Store> {
  const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock, leaseMs });
  opened.push(store);
  return store;
}

describe('3 one owner', () => {
  it('a second opener is told whose directory it is and what to do, and can open it after the first has closed', async () => {
    const first = await open();
    await expect(open()).rejects.toThrow(
      `The data directory ${dataDir} is in use by another mpcsfaas process: stop that one`,
    );
    await first.close();
    expect(await (await open()).health()).toMatchObject({ ok: true });
  });

  it('close is idempotent, lets acts finish and refuses later ones', async () => {
    const store = await open();
    const submitted = store.submit(T, 0, [submission()], NO_LIMITS);
    await Promise.all([store.close(), store.close()]);
    expect((await submitted)[0]).toMatchObject({ is: 'accepted' });
    await expect(store.submit(T, 0, [submission()], NO_LIMITS)).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(store.states(T, [])).rejects.toBeInstanceOf(StoreUnavailable);
    expect(await store.health()).toMatchObject({ ok: false });
  });
});

describe('3 after a standstill of the process', () => {
  it('owners renew before anything is swept; what nobody renews then goes back', async () => {
    let later = 0;
    const clock = { ...systemClock, mono: () => systemClock.mono() + later };
    const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock, leaseMs: 4_000 });
    opened.push(store);
    await store.submit(T, 0, [submission(), submission({ at_most_once: true })], NO_LIMITS);
    const lanes = [...CLAIM, { lane: submission({ at_most_once: true }).lane, max: 1 }];
    const { tasks } = await store.claim(T, 'me', lanes, 2);
    expect(await store.sweep(T)).toMatchObject({ skipped: '', abandoned: 0 });
    later += 5_000;
    expect(await store.sweep(T)).toMatchObject({
      skipped: expect.stringContaining('standstill') as string,
      abandoned: 0,
    });
    const renewals = tasks.map(({ fence }) => ({ fence, worker: 'w', startedAt: 1 }));
    expect(await store.renew(T, renewals)).toEqual([true, true]);
    const reports = [];
    for (let n = 0; n < 10; n += 1) {
      later += 500;
      reports.push(await store.sweep(T));
    }
    expect(reports.reduce((sum, { abandoned }) => sum + abandoned, 0)).toBe(2);
    expect(reports.at(-1)).toMatchObject({ skipped: '' });
  });
});

describe('11 what a COMMIT waits for', () => {
  // As SQLite numbers them: in FULL the log is on the disk before a COMMIT is over, in NORMAL at a checkpoint.
  it.each([
    ['normal', 1],
    ['full', 2],
  ] as const)('--sync %s', async (sync, synchronous) => {
    const opening = vi.spyOn(DatabaseSync.prototype, 'exec');
    try {
      const store = await openEmbeddedStore({ dataDir, sync, clock: systemClock });
      opened.push(store);
      await store.submit(T, 0, [submission()], NO_LIMITS);
      // The setting is a connection's own: the store's is asked itself.
      const connections = new Set(opening.mock.contexts as DatabaseSync[]);
      const own = [...connections].filter((db) => db.location()?.endsWith('store.db') === true);
      expect(own.map((db) => db.prepare('PRAGMA synchronous').get())).toEqual([{ synchronous }]);
      expect(own.map((db) => db.prepare('PRAGMA journal_mode').get())).toEqual([{ journal_mode: 'wal' }]);
    } finally {
      opening.mockRestore();
    }
  });
});

describe('6 the hint of a submit', () => {
  it('goes out once ahead of all that one turn submits; a claim that is asked for then takes all of it', async () => {
    const store = await open();
    const order: string[] = [];
    const claims: Promise<Claim>[] = [];
    await store.subscribe(({ is }) => {
      if (is !== 'work') return;
      order.push('hint');
      claims.push(store.claim(T, 'me', CLAIM, 100));
    });
    const tasks = Array.from({ length: 10 }, () => submission());
    const submitting = tasks.map(async (task) => {
      await store.submit(T, 0, [task], NO_LIMITS);
      order.push('submitted');
    });
    await Promise.all(submitting);
    expect(order).toEqual(['hint', ...tasks.map(() => 'submitted')]);
    const claimed = (await Promise.all(claims)).flatMap((claim) => claim.tasks.map(({ fence }) => fence.id));
    expect(claimed).toEqual(tasks.map(({ spec }) => spec.id));
  });
});

describe('its files', () => {
  const rights = (name: string): string => (statSync(join(dataDir, name)).mode & 0o777).toString(8);
  const FILES = ['store.db', 'store.db-wal', 'lock.db'];
  it("are their owner's alone, whatever the umask and the directory", async () => {
    const umask = process.umask(0);
    try {
      chmodSync(dataDir, 0o755);
      const store = await open();
      await store.submit(T, 0, [submission()], NO_LIMITS);
    } finally {
      process.umask(umask);
    }
    expect(FILES.map(rights)).toEqual(FILES.map(() => '600'));
  });

  it('become so where an earlier version left them to everybody', async () => {
    await (await open()).close();
    for (const name of ['store.db', 'lock.db']) chmodSync(join(dataDir, name), 0o644);
    const store = await open();
    await store.submit(T, 0, [submission()], NO_LIMITS);
    expect(FILES.map(rights)).toEqual(FILES.map(() => '600'));
  });
});

describe('11 kill -9', () => {
  it('loses nothing that was acknowledged, and frees the directory at once', async () => {
    const child = spawn(process.execPath, [SUBMITTER, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = once(child, 'exit');
    const said: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      said.push(line);
      if (said.length === 300) child.kill('SIGKILL');
    }
    await gone;
    const store = await open();
    const submitted = said
      .filter((line) => /^submitted .{36}$/.test(line))
      .map((line) => line.slice('submitted '.length));
    const settled = said.filter((line) => /^settled .{36}$/.test(line)).map((line) => line.slice('settled '.length));
    expect(submitted.length + settled.length).toBeGreaterThanOrEqual(300);
    expect((await store.states(T, submitted)).filter((state) => state === undefined)).toEqual([]);
    expect(new Set(await store.states(T, settled))).toEqual(new Set(['COMPLETED']));
    // Those in files, too.
    const ends = await endsIn(store, T, settled);
    expect(new Set(ends.map((end) => end?.state))).toEqual(new Set(['COMPLETED']));
    const args = await Promise.all(submitted.map((id) => store.args(T, id)));
    expect(args.every((some) => some?.length === 100_000 || some?.toString() === '[[1],{}]')).toBe(true);
    expect(args.some((some) => some?.length === 100_000)).toBe(true);
  });
});

describe('3 a new incarnation', () => {
  it('lets the owner of a RUNNING task renew and settle first', async () => {
    const first = await open();
    await first.submit(T, 0, [submission()], NO_LIMITS);
    const [claimed] = (await first.claim(T, 'me', CLAIM, 1)).tasks;
    await first.close();
    const second = await open();
    expect(await second.sweep(T)).toMatchObject({ abandoned: 0 });
    expect(await second.renew(T, [{ fence: claimed!.fence, worker: 'w', startedAt: 1 }])).toEqual([true]);
    expect(await second.settle(T, [completion(claimed!.fence)])).toEqual([{ is: 'accepted', state: 'COMPLETED' }]);
  });

  it('requeues after one lease time what nobody renews, at once what is abandoned', async () => {
    const first = await open();
    await first.submit(T, 0, [submission(), submission()], NO_LIMITS);
    await first.claim(T, 'local-1', CLAIM, 1);
    await first.claim(T, 'worker-1', CLAIM, 1);
    const counted = await first.stats(T);
    await first.close();
    const second = await open(300);
    expect(await second.stats(T)).toEqual(counted);
    expect(await second.abandon(T, 'local-1')).toBe(1);
    await sweptUntil(second, T, (report) => report.abandoned === 1);
    expect((await second.stats(T)).states).toEqual({ QUEUED: 2, DELAYED: 0, BLOCKED: 0, RUNNING: 0 });
  });
});

describe('a turn of the event loop', () => {
  it('is one transaction, and an act that fails takes no other with it', async () => {
    const store = await open();
    const [good, other] = [submission(), submission()];
    const bad = submission({ priority: 0.5 });
    const answers = await Promise.allSettled([
      store.submit(T, 0, [good], NO_LIMITS),
      store.submit(T, 0, [submission(), bad], NO_LIMITS),
      store.submit(T, 0, [other], NO_LIMITS),
    ]);
    expect(answers.map((answer) => answer.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await store.stats(T)).submitted).toBe(2);
    expect((await store.list(T, {}, 10, '')).ids.sort()).toEqual([good.spec.id, other.spec.id].sort());
  });
});

describe('10 a disk that is full', () => {
  it('lets running work end, and takes new work when it has room again', async ({ skip }) => {
    const disk = smallDisk(join(dataDir, 'disk'), 64);
    if ('reason' in disk) return skip(disk.reason);
    try {
      const store = await openEmbeddedStore({ dataDir: join(disk.path, 'data'), sync: 'normal', clock: systemClock });
      opened.push(store);
      const tasks = Array.from({ length: 50 }, () => submission());
      await store.submit(T, 0, tasks, NO_LIMITS);
      const running = (await store.claim(T, 'me', CLAIM, 50)).tasks;
      disk.fill();
      const large = (): Promise<unknown> => store.submit(T, 0, [submission({}, Buffer.alloc(700_000))], NO_LIMITS);
      await expect(large()).rejects.toThrow(/disk of the data directory is full/);
      const result = JSON.stringify('x'.repeat(100_000));
      // With new work that keeps on coming.
      const refused = Array.from({ length: 5 }, () => expect(large()).rejects.toThrow(/full/));
      const ends = await store.settle(
        T,
        running.map(({ fence }) => completion(fence, result)),
      );
      await Promise.all(refused);
      expect(new Set(ends.map(({ is }) => is))).toEqual(new Set(['accepted']));
      await expect(store.submit(T, 0, [submission()], NO_LIMITS)).rejects.toThrow(/full/);
      disk.free();
      await until(async () => ((await store.refusal()) === '' ? true : undefined));
      expect((await store.stats(T)).ended).toEqual({ COMPLETED: 50 });
      await store.close();
    } finally {
      disk.remove();
    }
  });

  it('refuses with a sentence, undoes the turn, and goes on by itself', async () => {
    const store = await open();
    const before = submission();
    await store.submit(T, 0, [before], NO_LIMITS);
    // The limit on the size of files stands for the disk's; it is this process's own, and lifted again.
    const limit = (bytes: string): unknown =>
      execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
    limit('2000000');
    try {
      const large = submission({}, Buffer.alloc(4_000_000));
      const refused = await store.submit(T, 0, [large], NO_LIMITS).catch((fault: unknown) => fault);
      expect(refused).toBeInstanceOf(StoreUnavailable);
      expect((refused as Error).message).toMatch(/disk of the data directory/);
      expect(await store.states(T, [before.spec.id, large.spec.id])).toEqual(['QUEUED', undefined]);
      // There is room for others.
      expect(await store.refusal()).toBe('');
      limit('300000');
      await store.submit(T, 0, [submission({}, Buffer.alloc(400_000))], NO_LIMITS).catch(() => undefined);
      expect(await store.refusal()).toMatch(/disk of the data directory/);
    } finally {
      limit('unlimited');
    }
    expect(await store.health()).toMatchObject({ ok: true });
    expect(await store.refusal()).toBe('');
    expect((await store.submit(T, 0, [submission({}, Buffer.alloc(4_000_000))], NO_LIMITS))[0]).toMatchObject({
      is: 'accepted',
    });
    expect((await store.stats(T)).submitted).toBe(2);
  });
});
