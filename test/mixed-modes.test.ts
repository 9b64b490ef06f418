// One queue, dispatchers of every mode: each takes its part, and what one of them leaves behind the others finish.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endsOf, get, post, registerSource } from './harness/http.ts';
import { start, type Program } from './harness/program.ts';
import { freePort } from './harness/redis.ts';
import { startSystem, type System } from './harness/system.ts';

const PYTHON = ['--python', '/usr/bin/python3', '--slots', '2'];

interface Worked {
  worker: string;
  attempts: { reason: string }[];
}

let system: System;
const programs: Program[] = [];
const dispatchers = new Map<'local' | 'pull', Program>();

function begin(name: string, ...words: string[]): Program {
  const program = start('mpcsfaas', [...words, '--data-dir', join(system.dataDir, name), ...PYTHON]);
  programs.push(program);
  return program;
}

async function addDispatcher(mode: 'local' | 'pull'): Promise<number> {
  const port = await freePort();
  const program = begin(
    `${mode} dispatcher`,
    'dispatcher',
    '--mode',
    mode,
    '--port',
    String(port),
    '--redis',
    system.redis!.url,
  );
  await program.says(/is ready/);
  dispatchers.set(mode, program);
  return port;
}

async function addWorker(mode: 'pull' | 'push', port: number): Promise<void> {
  await begin(`${mode} worker`, 'worker', mode, `tcp://127.0.0.1:${port}`).says(/Registered with/);
}

beforeAll(async () => {
  system = await startSystem({ form: 'redis push', workers: 1 });
  const [, pullPort] = await Promise.all([addDispatcher('local'), addDispatcher('pull')]);
  await addWorker('pull', pullPort);
  await registerSource(system.url, 'nap', 'import time\ndef nap(n):\n    time.sleep(0.05)\n    return n * 2\n');
});

afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()));
  await system.stop();
});

async function submit(count: number): Promise<string[]> {
  const tasks = Array.from({ length: count }, (_, n) => ({ function: 'nap', args: [n] }));
  return (await post<{ task_ids: string[] }>(`${system.url}/v1/tasks/batch`, { tasks })).body.task_ids;
}

async function expectAllRight(ids: readonly string[]): Promise<void> {
  const ends = await endsOf(system.url, ids);
  expect(ids.map((id) => ends.get(id)?.value)).toEqual(ids.map((_, n) => n * 2));
}

it('tasks of one queue run in every mode at once', async () => {
  const ids = await submit(120);
  await expectAllRight(ids);
  const records = await Promise.all(ids.map((id) => get<Worked>(`${system.url}/v1/tasks/${id}`)));
  const workers = new Set(records.map(({ body }) => body.worker));
  expect(workers.size).toBe(3);
});

it.each(['local', 'pull'] as const)(
  'the %s dispatcher is killed in the middle: the others end what it had',
  async (mode) => {
    const ids = await submit(150);
    await post(`${system.url}/v1/results`, { task_ids: ids.slice(0, 30), wait_ms: 60_000, wait_for: 'all' });
    await dispatchers.get(mode)!.kill();
    await expectAllRight(ids);
    const records = await Promise.all(ids.map((id) => get<Worked>(`${system.url}/v1/tasks/${id}`)));
    // It had some, whose leases ran out.
    const left = records.filter(({ body }) => body.attempts.some(({ reason }) => reason === 'abandoned'));
    expect(left.length).toBeGreaterThan(0);
  },
);
