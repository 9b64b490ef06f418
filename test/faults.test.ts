// What dies, comes back, or is lost in silence: every task ends all the same, each with one accepted end.
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { startDroppingProxy, type DroppingProxy } from './harness/dropping-proxy.ts';
import { endsOf, get, post, registerSource, type Ended } from './harness/http.ts';
import { startSystem, type Form, type System } from './harness/system.ts';

let system: System | undefined;
let proxy: DroppingProxy | undefined;
afterEach(async () => {
  await system?.stop();
  await proxy?.close();
  system = undefined;
  proxy = undefined;
});

const SLEEP = 'import time\ndef nap(n):\n    time.sleep(0.02)\n    return n * 2\n';

async function submit(url: string, name: string, count: number): Promise<string[]> {
  const tasks = Array.from({ length: count }, (_, n) => ({ function: name, args: [n] }));
  const { status, body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, { tasks });
  expect(status).toBe(201);
  return body.task_ids;
}

/** All ended COMPLETED with their own value, and the platform counted each exactly once. */
async function expectAllRight(url: string, ids: string[], ends: Map<string, Ended>): Promise<void> {
  expect(ids.map((id) => ends.get(id)?.value)).toEqual(ids.map((_, n) => n * 2));
  const { body } = await get<{ submitted: number; ended: Record<string, number> }>(`${url}/v1/stats`);
  expect(Object.values(body.ended).reduce((sum, count) => sum + count, 0)).toBe(body.submitted);
}

/** Resolves when at least `count` of the tasks have ended: the middle of the work. */
async function untilEnded(url: string, count: number): Promise<void> {
  for (;;) {
    const { body } = await get<{ ended: Record<string, number> }>(`${url}/v1/stats`);
    if (Object.values(body.ended).reduce((sum, one) => sum + one, 0) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const REMOTE: Form[] = ['redis pull', 'redis push', 'embedded pull', 'embedded push'];

describe.each(REMOTE)('kill -9 in the middle of 200 tasks: %s', (form) => {
  it('of a worker', async () => {
    system = await startSystem({ form });
    await registerSource(system.url, 'nap', SLEEP);
    const ids = await submit(system.url, 'nap', 200);
    await untilEnded(system.url, 40);
    await system.workers[0]!.kill();
    const ends = await endsOf(system.url, ids);
    await expectAllRight(system.url, ids, ends);
  });
});

describe.each(['redis pull', 'redis push'] as Form[])('%s', (form) => {
  it('kill -9 of the dispatcher in the middle of 200 tasks', async () => {
    system = await startSystem({ form });
    await registerSource(system.url, 'nap', SLEEP);
    const ids = await submit(system.url, 'nap', 200);
    await untilEnded(system.url, 40);
    await system.dispatcher.kill();
    await system.startDispatcher();
    const ends = await endsOf(system.url, ids);
    await expectAllRight(system.url, ids, ends);
  });

  it("loses a worker's answer on the way", async () => {
    system = await startSystem({
      form,
      workers: 1,
      between: async (dispatcherPort) => (proxy = await startDroppingProxy(dispatcherPort)).port,
    });
    await registerSource(system.url, 'nap', SLEEP);
    const lost = proxy!.drop('to dispatcher', 'ended');
    const ids = await submit(system.url, 'nap', 4);
    await lost;
    await expectAllRight(system.url, ids, await endsOf(system.url, ids));
  });

  it("loses a task's delivery on the way", async () => {
    system = await startSystem({
      form,
      workers: 1,
      between: async (dispatcherPort) => (proxy = await startDroppingProxy(dispatcherPort)).port,
    });
    await registerSource(system.url, 'nap', SLEEP);
    const lost = proxy!.drop('to worker', 'tasks');
    const ids = await submit(system.url, 'nap', 4);
    await lost;
    const ends = await endsOf(system.url, ids);
    await expectAllRight(system.url, ids, ends);
    const { body } = await get<{ losses: number }>(`${system.url}/v1/tasks/${ids[0]}`);
    expect(body.losses).toBe(0);
  });

  it('loses a part of large arguments on the way', async () => {
    system = await startSystem({
      form,
      workers: 1,
      between: async (dispatcherPort) => (proxy = await startDroppingProxy(dispatcherPort)).port,
    });
    await registerSource(system.url, 'size', 'def size(text):\n    return len(text)\n');
    const lost = proxy!.drop('to worker', 'part');
    const large = 'x'.repeat(5_000_000);
    const { body } = await post<{ task_id: string }>(`${system.url}/v1/tasks`, { function: 'size', args: [large] });
    await lost;
    const ends = await endsOf(system.url, [body.task_id]);
    expect(ends.get(body.task_id)).toMatchObject({ status: 'COMPLETED', value: 5_000_000 });
    const task = (await get<{ losses: number }>(`${system.url}/v1/tasks/${body.task_id}`)).body;
    expect(task.losses).toBe(0);
  });

  it('loses its Redis (AOF always) under load and goes on by itself when it is back', async () => {
    system = await startSystem({ form });
    await registerSource(system.url, 'nap', SLEEP);
    const ids = await submit(system.url, 'nap', 200);
    await untilEnded(system.url, 40);
    await system.redis!.crashAndRestart();
    const ends = await endsOf(system.url, ids);
    await expectAllRight(system.url, ids, ends);
  });
});

describe.each(['redis local', 'redis pull', 'redis push'] as Form[])('%s', (form) => {
  it('ends a task whose code is gone, and what waits behind it runs', async () => {
    system = await startSystem({ form });
    await registerSource(system.url, 'gone', 'def gone(n):\n    return n\n');
    const redis = new Redis(system.redis!.url);
    expect(await redis.del(...(await redis.keys('{s0}:default:c:*')))).toBe(1);
    redis.disconnect();
    await registerSource(system.url, 'nap', SLEEP);
    const [lost] = await submit(system.url, 'gone', 1);
    const ids = await submit(system.url, 'nap', 20);
    const ends = await endsOf(system.url, [lost!, ...ids]);
    expect(ends.get(lost!)).toMatchObject({ status: 'FAILED', error: { kind: 'load_failed', type: 'FunctionGone' } });
    await expectAllRight(system.url, ids, ends);
  });
});

describe('redis local', () => {
  it('runs 500 tasks that were submitted while no dispatcher ran', async () => {
    system = await startSystem({ form: 'redis local' });
    await system.dispatcher.stop();
    await registerSource(system.url, 'twice', 'def twice(n):\n    return n * 2\n');
    const ids = await submit(system.url, 'twice', 500);
    const { body } = await get<{ status: string; waits: { reason: string } }>(`${system.url}/v1/tasks/${ids[0]}`);
    expect([body.status, body.waits.reason]).toEqual(['QUEUED', 'no_worker']);
    await system.startDispatcher();
    await expectAllRight(system.url, ids, await endsOf(system.url, ids));
  });
});

describe('embedded', () => {
  it('up killed with kill -9 in the middle of 200 tasks, and started again, loses none', async () => {
    system = await startSystem({ form: 'embedded local' });
    await registerSource(system.url, 'nap', SLEEP);
    const ids = await submit(system.url, 'nap', 200);
    await untilEnded(system.url, 40);
    await system.service.kill();
    await system.restartUp();
    await expectAllRight(system.url, ids, await endsOf(system.url, ids));
  });
});
