// What dies, comes back, or is lost in silence: every task ends all the same, each with one accepted end.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDroppingProxy, type DroppingProxy } from './harness/dropping-proxy.ts';
import { endsOf, get, post, registerSource, type Ended } from './harness/http.ts';
import { startSystem, type Form, type System, type SystemOptions } from './harness/system.ts';

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
async function untilEnded(url: string, ids: readonly string[], count: number): Promise<void> {
  await post(`${url}/v1/results`, { task_ids: ids.slice(0, count), wait_ms: 60_000, wait_for: 'all' });
}

/** A system for the tests of one `describe`, which has a function `nap`: what one of them kills it starts again. */
function shared(options: SystemOptions): () => System {
  let system: System | undefined;
  beforeAll(async () => {
    system = await startSystem(options);
    await registerSource(system.url, 'nap', SLEEP);
  });
  afterAll(() => system?.stop());
  return () => system!;
}

/** In the middle of 200 tasks `fault` strikes; all end all the same. */
async function expectAllRightAfter({ url }: System, fault: () => Promise<unknown>): Promise<void> {
  const ids = await submit(url, 'nap', 200);
  await untilEnded(url, ids, 40);
  await fault();
  await expectAllRight(url, ids, await endsOf(url, ids));
}

function endsWithoutItsCode(system: () => System): void {
  it('ends a task whose code is gone, and what waits behind it runs', async () => {
    const { url, redis: server } = system();
    const redis = new Redis(server!.url);
    const before = await redis.keys('{s0}:default:c:*');
    await registerSource(url, 'gone', 'def gone(n):\n    return n\n');
    const fresh = (await redis.keys('{s0}:default:c:*')).filter((key) => !before.includes(key));
    expect(await redis.del(...fresh)).toBe(1);
    redis.disconnect();
    const [lost] = await submit(url, 'gone', 1);
    const ids = await submit(url, 'nap', 20);
    const ends = await endsOf(url, [lost!, ...ids]);
    expect(ends.get(lost!)).toMatchObject({ status: 'FAILED', error: { kind: 'load_failed', type: 'FunctionGone' } });
    await expectAllRight(url, ids, ends);
  });
}

describe.each(['redis pull', 'redis push'] as Form[])('%s', (form) => {
  const system = shared({ form });

  it('kill -9 of a worker in the middle of 200 tasks', async () => {
    await expectAllRightAfter(system(), () => system().workers[0]!.kill());
    await system().startWorker();
  });

  it('kill -9 of the dispatcher in the middle of 200 tasks', async () => {
    await expectAllRightAfter(system(), async () => {
      await system().dispatcher.kill();
      await system().startDispatcher();
    });
  });

  it('loses its Redis (AOF always) under load and goes on by itself when it is back', async () => {
    await expectAllRightAfter(system(), () => system().redis!.crashAndRestart());
  });

  endsWithoutItsCode(system);

  it('tells in /metrics what came back, and how long tasks waited and ran', async () => {
    const { body: text } = await get<string>(`${system().url}/metrics`);
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    const back = [...text.matchAll(/^mpcsfaas_tasks_requeued_total\{cause="\w+"\} (\d+)$/gm)].map(([, n]) => Number(n));
    expect(back.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0);
    for (const what of ['queue_wait', 'run_time']) {
      expect(value(`mpcsfaas_task_${what}_seconds_count`)).toBeGreaterThan(0);
      expect(value(`mpcsfaas_task_${what}_seconds_sum`)).toBeGreaterThan(0);
    }
    // What is told of workers is as old as a report; of the queue, as the store has it now.
    expect(value('mpcsfaas_slots')).toBeGreaterThan(0);
    expect([value('mpcsfaas_queued_bytes'), value('mpcsfaas_queue_oldest_age_seconds')]).toEqual([0, 0]);
  });
});

describe.each(['redis pull', 'redis push'] as Form[])('%s, on the way', (form) => {
  let proxy: DroppingProxy;
  const system = shared({
    form,
    workers: 1,
    between: async (dispatcherPort) => (proxy = await startDroppingProxy(dispatcherPort)).port,
  });
  afterAll(() => proxy.close());

  it("loses a worker's answer", async () => {
    const { url } = system();
    const lost = proxy.drop('to dispatcher', 'ended');
    const ids = await submit(url, 'nap', 4);
    await lost;
    await expectAllRight(url, ids, await endsOf(url, ids));
  });

  it("loses a task's delivery", async () => {
    const { url } = system();
    const lost = proxy.drop('to worker', 'tasks');
    const ids = await submit(url, 'nap', 4);
    await lost;
    const ends = await endsOf(url, ids);
    await expectAllRight(url, ids, ends);
    const { body } = await get<{ losses: number }>(`${url}/v1/tasks/${ids[0]}`);
    expect(body.losses).toBe(0);
  });

  it.each([
    ['a', 5_000_000, 0],
    // Nothing that comes after it tells.
    ['the last', 1_500_000, 1],
  ])('loses %s part of large arguments', async (_which, bytes, before) => {
    const { url } = system();
    await registerSource(url, 'size', 'def size(text):\n    return len(text)\n');
    const lost = proxy.drop('to worker', 'part', 1, before);
    const large = 'x'.repeat(bytes);
    const { body } = await post<{ task_id: string }>(`${url}/v1/tasks`, { function: 'size', args: [large] });
    await lost;
    const ends = await endsOf(url, [body.task_id]);
    expect(ends.get(body.task_id)).toMatchObject({ status: 'COMPLETED', value: bytes });
    const task = (await get<{ losses: number }>(`${url}/v1/tasks/${body.task_id}`)).body;
    expect(task.losses).toBe(0);
  });
});

describe('redis local', () => {
  const system = shared({ form: 'redis local' });

  endsWithoutItsCode(system);

  it('runs 500 tasks that were submitted while no dispatcher ran', async () => {
    const { url, dispatcher } = system();
    await dispatcher.stop();
    await registerSource(url, 'twice', 'def twice(n):\n    return n * 2\n');
    const ids = await submit(url, 'twice', 500);
    const { body } = await get<{ status: string; waits: { reason: string } }>(`${url}/v1/tasks/${ids[0]}`);
    expect([body.status, body.waits.reason]).toEqual(['QUEUED', 'no_worker']);
    await system().startDispatcher();
    await expectAllRight(url, ids, await endsOf(url, ids));
  });
});

describe.each(['embedded pull', 'embedded push'] as Form[])('%s', (form) => {
  const system = shared({ form });

  it('kill -9 of a worker in the middle of 200 tasks', async () => {
    await expectAllRightAfter(system(), () => system().workers[0]!.kill());
  });
});

describe('embedded local', () => {
  const system = shared({ form: 'embedded local' });

  it('up killed with kill -9 in the middle of 200 tasks, and started again, loses none', async () => {
    await expectAllRightAfter(system(), async () => {
      await system().service.kill();
      await system().restartService();
    });
  });
});
