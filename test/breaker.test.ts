// A worker whose Python cannot start, or cannot read pickles, takes no such tasks, says so, and comes back by itself when it
// is repaired. Its tasks go elsewhere, uncharged.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endsOf, get, post, recordOf, registerSource, type TaskRecord } from './harness/http.ts';
import { marked } from './harness/leftovers.ts';
import { start, type Program } from './harness/program.ts';
import { startSystem, type Form, type System } from './harness/system.ts';

const PYTHON = '/usr/bin/python3';

let folder: string;
let system: System;
const workers: Program[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'breaker-test-'));
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** An interpreter of its own that can be broken and repaired. `args`: more of venv's. */
function ownPython(name: string, ...args: string[]): string {
  const made = spawnSync(PYTHON, ['-m', 'venv', '--without-pip', ...args, join(folder, name)]);
  if (made.status !== 0) throw new Error(`this test needs the module venv: ${made.stderr.toString()}`);
  return join(folder, name, 'bin/python3');
}

async function startWorker(
  mode: string,
  python: string,
  path = process.env['PATH']!,
  ...more: string[]
): Promise<Program> {
  const dataDir = mkdtempSync(join(folder, 'worker-'));
  const args = ['worker', mode, system.dispatcherUrl, '--slots', '2', '--data-dir', dataDir, '--python', python];
  const program = start('mpcsfaas', [...args, ...more], { PATH: path });
  workers.push(program);
  await program.says(/Registered with/);
  return program;
}

interface Worker {
  worker_id: string;
  pid: number;
  waiting: number;
  runtimes: { runtime: string; broken: string | null; pickles: string | null; dill: string | null }[];
}

/** A process that was just found may have ended with the one that was killed before it. */
function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What /v1/workers says of the worker with this pid. */
async function workerOf(pid: number): Promise<Worker | undefined> {
  const { body } = await get<{ items: Worker[] }>(`${system.url}/v1/workers`);
  return body.items.find((worker) => worker.pid === pid);
}

/** And of its Python. */
async function pythonOf(pid: number): Promise<Partial<Worker['runtimes'][number]>> {
  return (await workerOf(pid))?.runtimes.find(({ runtime }) => runtime === 'python') ?? {};
}

async function until(look: () => Promise<unknown>, expected: unknown): Promise<void> {
  await expect.poll(look, { timeout: 40_000, interval: 50 }).toEqual(expected);
}

async function submit(name: string, args: unknown[][], options = {}): Promise<string[]> {
  const tasks = args.map((each) => ({ function: name, args: each, options }));
  const { status, body } = await post<{ task_ids: string[] }>(`${system.url}/v1/tasks/batch`, { tasks });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.task_ids;
}

/** Ends of all; and that nothing was charged to any, which workers had them. */
async function valuesOf(ids: string[]): Promise<{ values: unknown[]; losses: number[]; had: Set<string | null> }> {
  const ends = await endsOf(system.url, ids);
  const records = await Promise.all(
    ids.map((id) => get<{ losses: number; worker: string | null }>(`${system.url}/v1/tasks/${id}`)),
  );
  return {
    values: ids.map((id) => ends.get(id)?.value),
    losses: records.map(({ body }) => body.losses),
    had: new Set(records.map(({ body }) => body.worker)),
  };
}

const numbers = Array.from({ length: 40 }, (_, n) => [n]);

describe.each(['redis push', 'redis pull'] as Form[])('%s', (form) => {
  const mode = form.split(' ')[1]!;

  it('an interpreter that breaks is out, its tasks run elsewhere, and it is back when it is repaired', async () => {
    system = await startSystem({ form, workers: 0 });
    await registerSource(system.url, 'next', 'import time\ndef next(n):\n    time.sleep(0.01)\n    return n + 1\n');
    const python = ownPython('fragile', '--system-site-packages');
    const fragile = await startWorker(mode, python);
    const [warm] = await submit('next', [[1]]);
    expect((await valuesOf([warm!])).values).toEqual([2]);

    // Its program is gone, and so is everything that was made of it.
    renameSync(python, `${python}.away`);
    symlinkSync('/bin/false', python);
    const dataDir = readdirSync(folder).find((name) => name.startsWith('worker-'))!;
    const tasks = submit('next', numbers);
    for (const { pid } of marked(join(folder, dataDir))) if (pid !== fragile.pid) killIfAlive(pid);
    await until(async () => /ended at once/.test((await pythonOf(fragile.pid)).broken ?? ''), true);
    const whole = await startWorker(mode, PYTHON);
    const { values } = await valuesOf(await tasks);
    expect(values).toEqual(numbers.map(([n]) => n! + 1));
    // From now on it is asked for nothing, and charged with nothing.
    const after = await valuesOf(await submit('next', numbers));
    expect(after.values).toEqual(numbers.map(([n]) => n! + 1));
    expect(new Set(after.losses)).toEqual(new Set([0]));
    expect(after.had.size).toBe(1);

    rmSync(python);
    renameSync(`${python}.away`, python);
    await until(() => pythonOf(fragile.pid), {
      runtime: 'python',
      version: expect.any(String) as string,
      broken: null,
      pickles: null,
      dill: expect.any(String) as string,
    });
    await whole.stop();
    expect((await valuesOf(await submit('next', numbers))).values).toEqual(numbers.map(([n]) => n! + 1));
  });
});

describe.each(['redis push', 'redis pull'] as Form[])('%s', (form) => {
  const mode = form.split(' ')[1]!;

  it('what a worker holds whose runners cannot start is released, uncharged, and runs elsewhere', async () => {
    system = await startSystem({ form, workers: 0 });
    await registerSource(system.url, 'next', 'def next(n):\n    return n + 1\n');
    const python = ownPython('fragile', '--system-site-packages');
    const fragile = await startWorker(mode, python);
    expect((await valuesOf(await submit('next', [[1]]))).values).toEqual([2]);

    // Nothing runs. From now on each start hangs at first, and once the gate is there each fails at once: it cannot be that the
    // worker is out of order before it has got anything.
    const gate = join(folder, 'gate');
    rmSync(python);
    writeFileSync(python, `#!/bin/sh\nwhile [ ! -e ${gate} ]; do sleep 0.02; done\nexit 1\n`, { mode: 0o755 });
    const dataDir = join(
      folder,
      readdirSync(folder).find((name) => name.startsWith('worker-'))!,
    );
    const before = marked(dataDir).filter(({ pid }) => pid !== fragile.pid);
    for (const { pid } of before) killIfAlive(pid);
    await until(async () => marked(dataDir).some(({ command }) => command.startsWith(`/bin/sh ${python}`)), true);
    expect((await pythonOf(fragile.pid)).broken).toBe(null);

    const held = await submit('next', [[0], [1]]);
    await until(async () => (await workerOf(fragile.pid))?.waiting, 2);
    await startWorker(mode, PYTHON);
    const others = submit('next', numbers);
    writeFileSync(gate, '');
    const ids = [...held, ...(await others)];
    expect((await valuesOf(ids)).values).toEqual([0, 1, ...numbers.map(([n]) => n!)].map((n) => n + 1));
    await until(async () => /ended at once/.test((await pythonOf(fragile.pid)).broken ?? ''), true);

    const records = await Promise.all(ids.map((id) => recordOf(system.url, id)));
    // What was claimed for it in the very moment in which it said that it is out may come back unsent, too.
    const ways = ['runner_unavailable', 'unclaimed_answer'];
    const reasonsOf = ({ attempts }: TaskRecord): string[] => attempts.map(({ reason }) => reason);
    for (const record of records) {
      expect(record).toMatchObject({ status: 'COMPLETED', losses: 0 });
      expect(reasonsOf(record).filter((reason) => !ways.includes(reason))).toEqual([]);
    }
    // Of what it held for certain none had another way out.
    for (const record of records.slice(0, 2)) expect(reasonsOf(record)).toContain('runner_unavailable');
  });
});

it('an interpreter that is not there yet: its worker waits for it', async () => {
  system = await startSystem({ form: 'redis push', workers: 0 });
  await registerSource(system.url, 'one', 'def one():\n    return 1\n');
  const python = ownPython('late', '--system-site-packages');
  renameSync(python, `${python}.away`);
  const late = await startWorker('push', python);
  await until(
    async () => /there is no Python at .*: correct --python/.test((await pythonOf(late.pid)).broken ?? ''),
    true,
  );
  const ids = await submit('one', [[]]);
  const { body } = await get<{ waits: { detail: string } }>(`${system.url}/v1/tasks/${ids[0]!}`);
  expect(body.waits.detail).toMatch(
    /^No connected worker has python\. One is out of order: there is no Python at .*\.$/,
  );
  renameSync(`${python}.away`, python);
  expect((await valuesOf(ids)).values).toEqual([1]);
});

// The builtin `len`, as dill and cloudpickle pickle it.
const LEN = 'gASVFAAAAAAAAACMCGJ1aWx0aW5zlIwDbGVulJOULg==\n';
/** Who was seen no longer ago counts as one that may be back, ms; and so long the fleet is watched before anything fails. */
const BACK_WITHIN_MS = 10_000;

it('without dill pickled tasks go elsewhere; where nobody has it they fail with what to do; brought by hand, they run', async () => {
  system = await startSystem({ form: 'redis push', workers: 0 });
  await registerSource(system.url, 'one', 'def one():\n    return 1\n');
  const registered = await post<{ function_id: string }>(`${system.url}/register_function`, {
    name: 'len',
    payload: LEN,
  });
  const len = registered.body.function_id;
  // Neither pip nor apt-get: nothing can be brought.
  const python = ownPython('bare');
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  symlinkSync('/usr/bin/mkfifo', join(empty, 'mkfifo'));
  const bare = await startWorker('push', python, empty, '--label', 'bare');
  const stuck = {
    runtime: 'python',
    broken: null,
    pickles: expect.stringMatching(/^dill is not importable in/) as string,
  };
  await expect.poll(() => pythonOf(bare.pid), { timeout: 40_000 }).toMatchObject(stuck);
  const whole = await startWorker('push', PYTHON);

  const lists = Array.from({ length: 40 }, (_, n) => [new Array<number>(n).fill(0)]);
  const shared = await valuesOf(await submit(len, lists));
  expect(shared.values).toEqual(lists.map(([list]) => list!.length));
  expect(new Set(shared.losses)).toEqual(new Set([0]));
  expect(shared.had.size).toBe(1);

  // What fits this one alone fails at the next look for what nobody will ever run: by its end it is known that there was one.
  const looked = async (): Promise<void> => {
    const ids = await submit(len, [['abc']], { labels: ['bare'] });
    expect((await endsOf(system.url, ids)).get(ids[0]!)?.error).toMatchObject({ kind: 'load_failed' });
  };
  // From then on the fleet has been watched for long enough.
  await looked();
  // Not to be heard for a moment is no reason to give up what only it can run.
  const stoppedAt = performance.now();
  whole.signal('SIGSTOP');
  // More than it is given ahead.
  const patient = await submit(
    len,
    Array.from({ length: 1000 }, () => ['abc']),
  );
  await until(async () => (await pythonOf(whole.pid)).pickles, undefined);
  await looked();
  expect(performance.now() - stoppedAt, 'this machine was too busy for the test').toBeLessThan(BACK_WITHIN_MS);
  whole.signal('SIGCONT');
  const ended = await endsOf(system.url, patient);
  expect(patient.filter((id) => ended.get(id)!.value !== 3)).toEqual([]);

  // Ten seconds after it was last seen.
  await whole.stop();
  const [never, source] = [...(await submit(len, [['abc']])), ...(await submit('one', [[]]))] as [string, string];
  const ends = await endsOf(system.url, [never, source]);
  expect(ends.get(source)?.value).toBe(1);
  expect(ends.get(never)?.error).toMatchObject({
    kind: 'load_failed',
    type: 'ModuleNotFoundError',
    message: expect.stringMatching(/^dill is not importable in .*: install it there/) as string,
  });

  // As `pip install dill` would.
  const [lib] = readdirSync(join(folder, 'bare/lib'));
  const dill = spawnSync(PYTHON, ['-c', 'import dill, os; print(os.path.dirname(dill.__file__))'])
    .stdout.toString()
    .trim();
  cpSync(dill, join(folder, 'bare/lib', lib!, 'site-packages/dill'), { recursive: true });
  await until(async () => (await pythonOf(bare.pid)).pickles, null);
  expect((await valuesOf(await submit(len, [['abc']]))).values).toEqual([3]);
}, 120_000);
