// Large payloads of the embedded store: in files of their own, read the same ever after, gone with their tasks, never taken for others.
import {
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallDisk } from '../../../../test/harness/small-disk.ts';
import { systemClock } from '../../src/clock.ts';
import { PayloadFiles } from '../../src/store/embedded/payload-files.ts';
import { FILE_BYTES } from '../../src/store/embedded/payloads.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import type { ClaimedTask, Store } from '../../src/store/store.ts';
import { LANE, NO_LIMITS, completion, endsIn, submission } from './submission.ts';

const T = 'default';
const LARGE = FILE_BYTES;

let dataDir: string;
let opened: Store[];
/** Added to the clock, ms. */
let later: number;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
  opened = [];
  later = 0;
});
afterEach(async () => {
  for (const store of opened) await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function open(sync: 'normal' | 'full' = 'normal'): Promise<Store> {
  const clock = { ...systemClock, mono: () => systemClock.mono() + later, wall: () => systemClock.wall() + later };
  const store = await openEmbeddedStore({ dataDir, sync, clock });
  opened.push(store);
  return store;
}

async function reopened(store: Store): Promise<Store> {
  await store.close();
  return open();
}

const files = (): string[] => readdirSync(join(dataDir, 'payloads')).sort();
const pathOf = (name: string): string => join(dataDir, 'payloads', name);
const bytesOf = (length: number, fill: string): Buffer => Buffer.alloc(length, fill);
const textOf = (length: number): string => JSON.stringify('x'.repeat(length - 2));

async function submitted(store: Store, args: Buffer, options = {}): Promise<string> {
  const task = submission(options, args);
  await store.submit(T, 0, [task], NO_LIMITS);
  return task.spec.id;
}

async function claimed(store: Store, max = 1): Promise<ClaimedTask[]> {
  return (await store.claim(T, 'me', [{ lane: LANE, max }], max)).tasks;
}

async function settled(store: Store, json: string): Promise<string> {
  const [task] = await claimed(store);
  await store.settle(T, [completion(task!.fence, json)]);
  return task!.fence.id;
}

describe('a large payload', () => {
  it.each(['normal', 'full'] as const)('is in a file, a small one is in none (--sync %s)', async (sync) => {
    const store = await open(sync);
    await submitted(store, bytesOf(LARGE - 1, 'a'));
    await settled(store, textOf(LARGE - 1));
    expect(files()).toEqual([]);
    await submitted(store, bytesOf(LARGE, 'a'));
    expect(files()).toHaveLength(1);
    await settled(store, textOf(LARGE));
    expect(files()).toHaveLength(2);
    const rights = [...files().map(pathOf), join(dataDir, 'payloads')].map((path) => statSync(path).mode & 0o777);
    expect(rights).toEqual([0o600, 0o600, 0o700]);
  });

  it('is read the same by the first claim, by one after a restart, and as the result of its task', async () => {
    let store = await open();
    const args = [bytesOf(LARGE, 'a'), bytesOf(3 * LARGE + 1, 'b'), bytesOf(10, 'c')];
    for (const some of args) await submitted(store, some);
    const [first] = await claimed(store);
    expect(first!.args).toEqual(args[0]);
    store = await reopened(store);
    const others = await claimed(store, 3);
    expect(others.map((task) => task.args)).toEqual(args.slice(1));
    const results = [textOf(5 * LARGE), textOf(7)];
    await store.settle(
      T,
      others.map(({ fence }, at) => completion(fence, results[at])),
    );
    const ids = others.map(({ fence }) => fence.id);
    store = await reopened(store);
    const ends = await endsIn(store, T, ids);
    expect(ends.map((end) => end?.result.json?.toString())).toEqual(results);
    expect(await Promise.all(ids.map((id) => store.args(T, id)))).toEqual(args.slice(1));
  });

  it('of no bytes, or beside another form, is what it was', async () => {
    let store = await open();
    const id = await submitted(store, Buffer.alloc(0));
    const [task] = await claimed(store);
    const result = { json: Buffer.from('1'), pickle: bytesOf(2 * LARGE, 'p') };
    await store.settle(T, [{ ...completion(task!.fence), is: 'end', result } as never]);
    store = await reopened(store);
    expect((await endsIn(store, T, [id]))[0]?.result).toEqual(result);
    expect(await store.args(T, id)).toEqual(Buffer.alloc(0));
  });
});

describe('a file', () => {
  it('stands where their directory should be: one sentence', async () => {
    writeFileSync(join(dataDir, 'payloads'), 'x');
    await expect(open()).rejects.toThrow(/payloads cannot be made \(.*\): put it right, or name another directory/);
  });

  it('that cannot be removed harms nobody', async () => {
    const store = await open();
    await submitted(store, bytesOf(LARGE, 'a'), { expires_at: Date.now() + 1, result_ttl_ms: 1_000 });
    const [name] = files();
    rmSync(pathOf(name!));
    mkdirSync(pathOf(name!));
    later += 2_000;
    await store.sweep(T);
    later += 20_000;
    await store.sweep(T);
    await store.sweep(T);
    const id = await submitted(store, bytesOf(LARGE, 'b'));
    expect(await store.args(T, id)).toEqual(bytesOf(LARGE, 'b'));
  });

  it('is written over by another payload when its task is gone, and removed when none comes', async () => {
    const store = await open();
    const first = await submitted(store, bytesOf(LARGE, 'a'), { result_ttl_ms: 1_000 });
    await settled(store, textOf(LARGE));
    const before = files();
    later += 1_001;
    expect(await store.sweep(T)).toMatchObject({ deleted: 1 });
    expect(await store.states(T, [first])).toEqual([undefined]);
    expect(files()).toEqual(before);
    const ids = [await submitted(store, bytesOf(LARGE + 9, 'b')), await submitted(store, bytesOf(LARGE, 'c'))];
    expect(files()).toEqual(before);
    const args = await Promise.all(ids.map((id) => store.args(T, id)));
    expect(args).toEqual([bytesOf(LARGE + 9, 'b'), bytesOf(LARGE, 'c')]);
    await store.cancel(T, ids);
    later += 3_600_001;
    await store.sweep(T);
    expect(files()).toEqual(before);
    later += 10_001;
    await store.sweep(T);
    expect(files()).toEqual([]);
  });

  it('that nobody names is removed at a start; what is none of ours stays', async () => {
    const store = await open();
    await submitted(store, bytesOf(LARGE, 'a'));
    const [own] = files();
    for (const name of ['777', 'notes.txt']) writeFileSync(pathOf(name), 'x');
    await reopened(store);
    expect(files()).toEqual([own, 'notes.txt']);
  });

  it('that is gone leaves its number to the row that names it', async () => {
    let store = await open();
    const lost = await submitted(store, bytesOf(LARGE, 'a'), { result_ttl_ms: 1_000 });
    const [name] = files();
    await store.close();
    rmSync(pathOf(name!));
    store = await open();
    const id = await submitted(store, bytesOf(LARGE, 'b'));
    await store.cancel(T, [lost]);
    later += 1_001;
    await store.sweep(T);
    await submitted(store, bytesOf(LARGE, 'c'));
    expect(await store.args(T, id)).toEqual(bytesOf(LARGE, 'b'));
  });

  it('is free again when what wrote it is undone', async () => {
    const store = await open();
    const bad = submission({ priority: 0.5 });
    const acts = [
      store.submit(T, 0, [submission({}, bytesOf(LARGE, 'a'))], NO_LIMITS),
      store.submit(T, 0, [submission({}, bytesOf(LARGE, 'b')), bad], NO_LIMITS),
    ];
    expect((await Promise.allSettled(acts)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    const before = files();
    const id = await submitted(store, bytesOf(LARGE, 'c'));
    expect(files()).toEqual(before);
    expect(await store.args(T, id)).toEqual(bytesOf(LARGE, 'c'));
  });
});

describe('a file that is gone, cut short or another one', () => {
  const spoil: [string, (name: string) => void][] = [
    ['gone', (name) => rmSync(pathOf(name))],
    ['cut short', (name) => truncateSync(pathOf(name), LARGE - 1)],
    ['another', (name) => copyFileSync(pathOf('1'), pathOf(name))],
    ['in part another', (name) => writeSync(openSync(pathOf(name), 'r+'), bytesOf(4096, 'z'), 0, 4096, 8192)],
    ['no file', (name) => (rmSync(pathOf(name)), mkdirSync(pathOf(name)))],
  ];
  it.each(spoil)('ends the task whose arguments it had, with a sentence (%s)', async (_, spoiled) => {
    let store = await open();
    await submitted(store, bytesOf(LARGE, 'a'));
    const id = await submitted(store, bytesOf(LARGE, 'b'));
    const small = await submitted(store, bytesOf(10, 'c'));
    await store.close();
    spoiled('2');
    store = await open();
    expect((await claimed(store, 3)).map(({ fence }) => fence.id)).not.toContain(id);
    const [end, other] = await store.progress(T, [id, small]);
    expect(other).toMatchObject({ is: 'open', state: 'RUNNING' });
    expect(end).toMatchObject({
      end: {
        state: 'FAILED',
        kind: 'lost',
        error: { message: expect.stringContaining('arguments are lost') as string },
      },
    });
  });

  it.each(spoil)('makes a failure with a sentence of the result it had (%s)', async (_, spoiled) => {
    let store = await open();
    await submitted(store, bytesOf(LARGE, 'a'));
    await submitted(store, bytesOf(10, 'b'));
    await claimed(store);
    const id = await settled(store, textOf(LARGE));
    spoiled('2');
    // The first time it is read from memory.
    expect((await endsIn(store, T, [id]))[0]).toMatchObject({ state: 'COMPLETED' });
    store = await reopened(store);
    const error = { message: expect.stringContaining('result is lost') as string };
    expect((await endsIn(store, T, [id]))[0]).toMatchObject({ state: 'FAILED', kind: 'lost', error, result: {} });
  });
});

describe('free files', () => {
  const OWNER = { n: 1, part: 'args' } as const;
  it('are so many bytes at most', () => {
    const some = new PayloadFiles(dataDir, 'normal', () => 0);
    const written = Array.from({ length: 5 }, () => some.write(OWNER, Buffer.alloc(64))!);
    for (const { file } of written) some.free(file, 100 * 1024 * 1024);
    expect(files()).toHaveLength(2);
  });

  it('are not taken for a payload of another size: half of a file is used at least', () => {
    const some = new PayloadFiles(dataDir, 'normal', () => 0);
    some.free(some.write(OWNER, Buffer.alloc(1_000))!.file, 1_000);
    some.write(OWNER, Buffer.alloc(100));
    expect(files()).toHaveLength(2);
    some.write(OWNER, Buffer.alloc(600));
    expect(files()).toHaveLength(2);
  });

  it('that cannot be written over are left for a new one', () => {
    const some = new PayloadFiles(dataDir, 'normal', () => 0);
    const { file } = some.write(OWNER, Buffer.alloc(1_000))!;
    some.free(file, 1_000);
    rmSync(pathOf(String(file)));
    const filed = some.write(OWNER, bytesOf(1_000, 'a'))!;
    expect(filed.file).toBe(file + 1);
    expect(some.read(filed, OWNER)).toEqual(bytesOf(1_000, 'a'));
    expect(some.read(filed, { ...OWNER, part: 'json' })).toBeUndefined();
  });

  it('make room for tasks on a disk that has none', async ({ skip }) => {
    const disk = smallDisk(join(dataDir, 'disk'), 64);
    if ('reason' in disk) return skip(disk.reason);
    try {
      const data = join(disk.path, 'data');
      const clock = { ...systemClock, mono: () => 0, wall: () => systemClock.wall() + later };
      const store = await openEmbeddedStore({ dataDir: data, sync: 'normal', clock });
      opened.push(store);
      const names = (): string[] => readdirSync(join(data, 'payloads'));
      const ids = [];
      for (let n = 0; n < 5; n += 1)
        ids.push(await submitted(store, Buffer.alloc(4_000_000), { result_ttl_ms: 1_000 }));
      await store.cancel(T, ids);
      later += 1_001;
      await store.sweep(T);
      expect(names()).toHaveLength(5);
      disk.fill();
      const tasks = Array.from({ length: 500 }, () => submission({}, Buffer.alloc(10_000)));
      const answers = await store.submit(T, 0, tasks, NO_LIMITS);
      expect(new Set(answers.map(({ is }) => is))).toEqual(new Set(['accepted']));
      expect(names()).toEqual([]);
      await expect(submitted(store, Buffer.alloc(40_000_000))).rejects.toThrow(/full/);
      expect(names()).toEqual([]);
      await store.close();
    } finally {
      disk.remove();
    }
  });

  it('make room on a disk that has none; where that is not enough, nothing is left of the try', ({ skip }) => {
    const disk = smallDisk(join(dataDir, 'disk'), 16);
    if ('reason' in disk) return skip(disk.reason);
    try {
      const some = new PayloadFiles(disk.path, 'normal', () => 0);
      const names = (): string[] => readdirSync(join(disk.path, 'payloads'));
      some.free(some.write(OWNER, Buffer.alloc(1_000_000))!.file, 1_000_000);
      disk.fill();
      const filed = some.write(OWNER, bytesOf(300_000, 'a'))!;
      expect(some.read(filed, OWNER)).toEqual(bytesOf(300_000, 'a'));
      expect(some.write(OWNER, Buffer.alloc(4_000_000))).toBeUndefined();
      expect(names()).toEqual([String(filed.file)]);
    } finally {
      disk.remove();
    }
  });
});
