// One queue, dispatchers of every mode: each takes its part, and what one of them leaves behind the others finish.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endsOf, get, post, registerSource } from './harness/http.ts';
import { start, type Program } from './harness/program.ts';
import { freePort } from './harness/redis.ts';
import { startSystem, type System } from './harness/system.ts';

const PYTHON = ['--python', '/usr/bin/python3', '--slots', '2'];

/** Ends when the file exists. */
const NAP = `
import os, time
def nap(n, gate):
    while not os.path.exists(gate):
        time.sleep(0.01)
    return n * 2
`;

interface Worked {
  worker: string | null;
  started_at: string | null;
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
  await registerSource(system.url, 'nap', NAP);
});

afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()));
  await system.stop();
});

async function submit(count: number, gate: string): Promise<string[]> {
  const tasks = Array.from({ length: count }, (_, n) => ({ function: 'nap', args: [n, gate] }));
  return (await post<{ task_ids: string[] }>(`${system.url}/v1/tasks/batch`, { tasks })).body.task_ids;
}

async function recordsOf(ids: readonly string[]): Promise<Worked[]> {
  return Promise.all(ids.map(async (id) => (await get<Worked>(`${system.url}/v1/tasks/${id}`)).body));
}

async function expectAllRight(ids: readonly string[]): Promise<void> {
  const ends = await endsOf(system.url, ids);
  expect(ids.map((id) => ends.get(id)?.value)).toEqual(ids.map((_, n) => n * 2));
}

/** The modes of the workers that run something now. */
async function modesAtWork(): Promise<Set<string | undefined>> {
  const { url } = system;
  const tasks = (await get<{ items: Worked[] }>(`${url}/v1/tasks?status=RUNNING&limit=1000`)).body.items;
  const workers = (await get<{ items: { worker_id: string; mode: string }[] }>(`${url}/v1/workers`)).body.items;
  const busy = tasks.filter(({ started_at }) => started_at !== null).map(({ worker }) => worker);
  return new Set(busy.map((id) => workers.find(({ worker_id }) => worker_id === id)?.mode));
}

it('tasks of one queue run in every mode at once', async () => {
  const gate = join(system.dataDir, 'gate');
  const ids = await submit(120, gate);
  await expect.poll(modesAtWork).toEqual(new Set(['local', 'pull', 'push']));
  writeFileSync(gate, '');
  await expectAllRight(ids);
});

it.each(['local', 'pull'] as const)(
  'the %s dispatcher is killed in the middle: the others end what it had',
  async (mode) => {
    const gate = join(system.dataDir, `gate ${mode}`);
    const ids = await submit(150, gate);
    await expect.poll(modesAtWork).toContain(mode);
    await dispatchers.get(mode)!.kill();
    writeFileSync(gate, '');
    await expectAllRight(ids);
    // Its leases ran out.
    const left = (await recordsOf(ids)).filter(({ attempts }) => attempts.some(({ reason }) => reason === 'abandoned'));
    expect(left.length).toBeGreaterThan(0);
  },
);
