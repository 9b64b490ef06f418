// The order in which what waits begins, on real programs with a single slot: the highest priority first, and first in, first
// out within one (I8).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { endsOf, get, post, registerSource } from './harness/http.ts';
import { startSystem, type Form, type System } from './harness/system.ts';

/** One says that it began and occupies the slot until there is a file; the others only say so. */
const SOURCE = `
import os, time
def hold(file, gate):
    note("hold", file)
    while not os.path.exists(gate):
        time.sleep(0.01)
def note(what, file):
    with open(file, "a") as out:
        out.write("%s\\n" % what)
`;
const PRIORITIES = [0, 5, -100, 0, 100, -5];
const TASKS = Array.from({ length: 30 }, (_, n) => ({ n, priority: PRIORITIES[n % PRIORITIES.length]! }));
const BATCH = 10;

let folder: string;
let system: System;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'priorities-test-'));
});
afterEach(async () => {
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
});

// All of them wait before the slot is free: what a worker then holds ahead, once it knows them to be short, was claimed in order.
it.each(['embedded local', 'redis push', 'redis pull'] as Form[])(
  '%s: by priority, then as submitted',
  async (form) => {
    system = await startSystem({ form, workers: 1, slots: 1 });
    const { url } = system;
    await registerSource(url, 'hold', SOURCE, 'python', {}, 'hold');
    await registerSource(url, 'note', SOURCE, 'python', {}, 'note');
    const [file, gate] = [join(folder, 'began'), join(folder, 'gate')];
    writeFileSync(file, '');
    const began = (): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1);

    const held = await submit([{ function: 'hold', args: [file, gate] }]);
    await expect.poll(began, { timeout: 40_000, interval: 20 }).toEqual(['hold']);
    const ids: string[] = [];
    for (let at = 0; at < TASKS.length; at += BATCH) {
      const batch = TASKS.slice(at, at + BATCH);
      ids.push(
        ...(await submit(
          batch.map(({ n, priority }) => ({ function: 'note', args: [n, file], options: { priority } })),
        )),
      );
    }
    const { body } = await get<{ states: Record<string, number> }>(`${url}/v1/stats`);
    expect(body.states).toMatchObject({ QUEUED: TASKS.length, RUNNING: 1 });

    writeFileSync(gate, '');
    const ends = await endsOf(url, [...held, ...ids]);
    expect([...ends.values()].filter(({ status }) => status !== 'COMPLETED')).toEqual([]);
    const ordered = [...TASKS].sort((a, b) => b.priority - a.priority || a.n - b.n);
    expect(began()).toEqual(['hold', ...ordered.map(({ n }) => String(n))]);
  },
);

async function submit(tasks: unknown[]): Promise<string[]> {
  const { status, body } = await post<{ task_ids: string[] }>(`${system.url}/v1/tasks/batch`, { tasks });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.task_ids;
}
