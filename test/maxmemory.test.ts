// Redis at maxmemory: new work is refused in one sentence, what runs comes to its end, and nobody dies of it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { endsOf, get, post, recordOf, registerSource } from './harness/http.ts';
import { startSystem } from './harness/system.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const WAITS = `
import os, time
def waits(path):
    while not os.path.exists(path):
        time.sleep(0.01)
    return "ended"
`;

it('answers 503 and goes on by itself when there is room again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'test-maxmemory-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const system = await startSystem({ form: 'redis push', workers: 1, slots: 1 });
  closers.push(() => system.stop());
  const admin = new Redis(system.redis!.url);
  closers.push(() => admin.disconnect());
  const { url } = system;
  await registerSource(url, 'waits', WAITS);
  const gate = join(folder, 'gate');
  const task = { function: 'waits', args: [gate] };
  const { body: running } = await post<{ task_id: string }>(`${url}/v1/tasks`, task);
  await expect.poll(() => recordOf(url, running.task_id)).toMatchObject({ status: 'RUNNING' });

  await admin.config('SET', 'maxmemory', '1mb');
  const asked: [string, object][] = [
    ['/v1/tasks', task],
    ['/v1/tasks/batch', { tasks: [task, task] }],
    ['/v1/call/waits', { args: [gate] }],
  ];
  for (const [path, body] of asked) {
    const refused = await post<{ detail: string }>(`${url}${path}`, body);
    expect([path, refused.status, refused.body.detail]).toEqual([
      path,
      503,
      expect.stringMatching(/maxmemory.*raise it/) as string,
    ]);
  }
  writeFileSync(gate, '');
  expect((await endsOf(url, [running.task_id])).get(running.task_id)).toMatchObject({ value: 'ended' });
  expect(await get(`${url}/v1/tasks?status=QUEUED`)).toMatchObject({ status: 200, body: { items: [] } });

  await admin.config('SET', 'maxmemory', '0');
  const { status, body } = await post<{ task_id: string }>(`${url}/v1/tasks`, task);
  expect(status).toBe(201);
  expect((await endsOf(url, [body.task_id])).get(body.task_id)).toMatchObject({ value: 'ended' });
});
