// A Python without dill: it is brought once, and where it cannot be, a sentence says what to do; source runs anyway.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inspectRuntimes } from '../../src/runner/index.ts';
import { dilled, makeCall, pickled, PYTHON, source, TestPool, unpickled, valueOf } from './harness.ts';

/** An interpreter that sees neither the system's packages nor pip. */
let bare: string;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'provision-test-'));
  const made = spawnSync(PYTHON, ['-m', 'venv', '--without-pip', join(folder, 'venv')]);
  if (made.status !== 0) throw new Error(`this test needs the module venv: ${made.stderr.toString()}`);
  bare = join(folder, 'venv/bin/python');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A PATH with an apt-get that packs what this machine has, in the place of Debian's mirror. */
function mirror(): string {
  const bin = join(folder, 'bin');
  const tree = join(folder, 'tree');
  mkdirSync(bin, { recursive: true });
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
  const packages = join(tree, 'usr/lib/python3/dist-packages');
  mkdirSync(packages, { recursive: true });
  const copy = `import dill, cloudpickle, os, shutil, sys
for m in (dill, cloudpickle):
    shutil.copytree(os.path.dirname(m.__file__), os.path.join(sys.argv[1], m.__name__), dirs_exist_ok=True)`;
  expect(spawnSync(PYTHON, ['-c', copy, packages]).status).toBe(0);
  const control = 'Package: python3-dill\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: a test\n';
  writeFileSync(join(tree, 'DEBIAN/control'), control);
  writeFileSync(join(bin, 'apt-get'), `#!/bin/sh\nexec dpkg-deb -b ${tree} python3-dill_1_all.deb\n`);
  chmodSync(join(bin, 'apt-get'), 0o755);
  return `${bin}:/usr/bin:/bin`;
}

const noop = source('def f(): return "source runs"');

test('dill is brought in the background, once, and pickled calls wait for it', async () => {
  const pool = await TestPool.open({ python: bare, environment: { PATH: mirror() } });
  const fn = dilled('lambda x: x + 1');
  pool.pool.provideCode(fn.digest, fn.bytes);
  const call = makeCall(fn, pickled('((41,), {})'));
  pool.submit(call);
  expect(valueOf(await pool.run(pool.call(noop)))).toBe('source runs');
  const { outcome } = await pool.end(call);
  expect(outcome.is === 'completed' && unpickled(outcome.result.pickle)).toBe('42');
  expect(existsSync(join(pool.dataDir, 'python-packages/dill/__init__.py'))).toBe(true);

  // Again with the same data directory and no way to bring anything: it is there.
  const { dataDir } = pool;
  await pool.pool.stop(0);
  const again = await TestPool.open({ python: bare, dataDir, environment: { PATH: join(folder, 'none') } });
  again.pool.provideCode(fn.digest, fn.bytes);
  expect((await again.run(makeCall(fn, pickled('((1,), {})')))).outcome.is).toBe('completed');
  expect(again.pool.runtimes[0]).toMatchObject({
    runtime: 'python',
    pickles: '',
    dill: expect.stringMatching(/^\d/) as string,
  });
  await again.close();
  await pool.close();
});

test('where dill cannot be brought, pickled calls go back with what to do, and source runs', async () => {
  const environment = { PATH: join(folder, 'none') };
  const dataDir = join(folder, 'data');
  const before = await inspectRuntimes({ python: bare, pythonPath: [], dataDir, environment });
  expect(before[0]).toMatchObject({ runtime: 'python', version: expect.stringMatching(/^3\./) as string });
  expect(before[0]?.advice).toMatch(/^pickled functions need dill: .*pip install dill cloudpickle/);

  const pool = await TestPool.open({ python: bare, dataDir, environment });
  const fn = dilled('lambda: 1');
  pool.pool.provideCode(fn.digest, fn.bytes);
  const { outcome } = await pool.run(makeCall(fn, pickled('((), {})')));
  expect(outcome).toEqual({ is: 'released', reason: 'runner_unavailable' });
  const [python] = pool.pool.runtimes;
  expect(python).toMatchObject({ broken: '', pickles_soon: false, dill: '' });
  expect(python!.pickles).toMatch(/dill is not importable in .*: install it there/);
  expect(valueOf(await pool.run(pool.call(noop)))).toBe('source runs');
  await pool.close();
});

test('a stop ends what brings dill, and leaves nothing of it', async () => {
  const bin = join(folder, 'endless');
  const started = join(folder, 'started');
  mkdirSync(bin);
  expect(spawnSync('mkfifo', [started]).status).toBe(0);
  const script = `#!/bin/sh\ntouch half.deb\nmkdir deep\necho $$ > ${started}\nexec sleep 600\n`;
  writeFileSync(join(bin, 'apt-get'), script, { mode: 0o755 });
  const dataDir = join(folder, 'stopped');
  const pool = await TestPool.open({ python: bare, dataDir, environment: { PATH: `${bin}:/usr/bin:/bin` } });
  const pid = Number(await readFile(started, 'utf8'));
  await pool.pool.stop(0);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect(readdirSync(dataDir, { recursive: true })).toEqual(['runners']);
});

test('inspectRuntimes says what is there, and what to do about a Python that is not', async () => {
  const look = { pythonPath: ['/somewhere'], dataDir: join(folder, 'data'), environment: process.env };
  const [python, javascript] = await inspectRuntimes({ ...look, python: PYTHON });
  expect(python).toMatchObject({ advice: '', importPath: ['/somewhere'] });
  expect(python?.packages.map((one) => one.name)).toEqual(['dill', 'cloudpickle']);
  expect(python?.packages.every((one) => one.version !== '' && one.from !== '')).toBe(true);
  expect(javascript).toMatchObject({ executable: process.execPath, version: process.versions.node, advice: '' });
  const [none] = await inspectRuntimes({ ...look, python: '/nowhere' });
  expect(none?.advice).toBe('there is no Python at /nowhere: correct --python');
});
