// What the service tells of the system: workers, counts, probes, metrics.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/store/index.ts';
import type { DispatcherSnapshot, Store } from '../../src/store/index.ts';
import { addFunction, startRig } from './harness.ts';
import type { Rig } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
  await addFunction(rig);
  for (const id of ['d1', 'd2']) await rig.store.report(dispatcher(id), 600_000);
});
afterAll(() => rig.stop());

function dispatcher(id: string): DispatcherSnapshot {
  const now = Date.now();
  const place = { mode: 'pull' as const, host: 'h', pid: 7, version: '0.1.0' };
  const worker = { ...place, dispatcher: id, slots: 4, busy: 1, waiting: 2, credits: 3, labels: ['gpu'] };
  const times = { registeredAt: now, seenAt: now };
  const python = { runtime: 'python' as const, version: '3.11.2', broken: '' };
  return {
    ...{ ...place, id, address: 'tcp://h:1', startedAt: now, seenAt: now },
    workers: [
      { ...worker, ...times, id: `${id}-a`, runtimes: [python], state: 'ready' },
      { ...worker, ...times, id: `${id}-b`, runtimes: [{ ...python, broken: 'no dill' }], state: 'draining' },
    ],
    histograms: { queue_wait_ms: { bounds: [10, 1000], counts: [1, 2, 3], sum: 4500 } },
  };
}

describe('/v1/workers and /v1/stats', () => {
  it('tell what the dispatchers said', async () => {
    const { items } = (await rig.get('/v1/workers')).body;
    expect(items.length).toBe(4);
    expect(items[1]).toMatchObject({ worker_id: 'd1-b', state: 'draining', runtimes: [{ broken: 'no dill' }] });
    expect((await rig.get('/v1/stats')).body).toMatchObject({ workers: 2, slots: 8, busy: 2 });
  });
});

describe('a worker that serves two dispatchers', () => {
  it('is one worker, with its slots', async () => {
    const own = await startRig();
    try {
      for (const [id, busy, state] of [
        ['d1', 1, 'ready'],
        ['d2', 3, 'ready'],
        ['d3', 4, 'lost'],
      ] as const) {
        const told = dispatcher(id);
        const seenAt = told.seenAt + busy;
        await own.store.report({ ...told, workers: [{ ...told.workers[0]!, id: 'w', busy, state, seenAt }] }, 600_000);
      }
      // As the one says that saw it last and does not think it lost.
      expect((await own.get('/v1/stats')).body).toMatchObject({ workers: 1, slots: 4, busy: 3 });
      const lines = (await own.get('/metrics')).bytes.toString().split('\n');
      for (const line of ['workers{state="ready"} 1', 'workers{state="lost"} 0', 'slots 4', 'credits 6']) {
        expect(lines).toContain(`mpcsfaas_${line}`);
      }
    } finally {
      await own.stop();
    }
  });
});

describe('/metrics', () => {
  it('count what the store counted, and sum what the dispatchers measured', async () => {
    for (let i = 0; i < 3; i++) await rig.post('/v1/tasks', { function: 'double' });
    await rig.finish();
    await rig.post('/v1/tasks', { function: 'double' });
    const metrics = await rig.get('/metrics');
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = metrics.bytes.toString();
    const oldest = /^mpcsfaas_queue_oldest_age_seconds (\S+)$/m.exec(text)?.[1];
    const stats = JSON.parse((await rig.get('/v1/stats')).bytes.toString()) as { lanes: { oldest_at: string }[] };
    const since = (Date.now() - Date.parse(stats.lanes[0]!.oldest_at)) / 1000;
    expect(Number(oldest)).toBeLessThanOrEqual(since);
    expect(Number(oldest)).toBeGreaterThanOrEqual(0);
    for (const line of [
      'mpcsfaas_tasks_submitted_total 4',
      'mpcsfaas_tasks_ended_total{end="COMPLETED"} 3',
      'mpcsfaas_tasks{state="QUEUED"} 1',
      'mpcsfaas_workers{state="ready"} 2',
      'mpcsfaas_workers{state="draining"} 2',
      'mpcsfaas_slots 8',
      'mpcsfaas_credits 6',
      'mpcsfaas_task_queue_wait_seconds_bucket{le="0.01"} 2',
      'mpcsfaas_task_queue_wait_seconds_bucket{le="1"} 6',
      'mpcsfaas_task_queue_wait_seconds_bucket{le="+Inf"} 12',
      'mpcsfaas_task_queue_wait_seconds_sum 9',
      'mpcsfaas_task_queue_wait_seconds_count 12',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/mpcsfaas_process_http_request_seconds_count\{operation="submitTask",status="201"\} 4/);
    expect(text).toMatch(/^process_resident_memory_bytes /m);
  });
});

describe('/readyz', () => {
  it('says no while the store takes nothing new, and yes when it does again', async () => {
    let refusal = 'The disk is full.';
    const own = await startRig({ around: (store) => ({ ...store, refusal: () => Promise.resolve(refusal) }) });
    try {
      expect((await own.get('/readyz')).body).toMatchObject({
        ...{ status: 503, code: 'not_ready', troubles: ['nothing new is accepted (The disk is full)'] },
      });
      refusal = '';
      expect((await own.get('/readyz')).status).toBe(200);
    } finally {
      await own.stop();
    }
  });

  it('is 503 with the sentences of loops in this process that do not come round', async () => {
    let troubles: string[] = [];
    const own = await startRig({ watchers: () => troubles });
    try {
      expect((await own.get('/readyz')).body).toMatchObject({ status: 'ready', troubles: [] });
      troubles = ['leases could not be renewed for more than 3 s'];
      const answer = await own.get('/readyz');
      expect(answer.body).toMatchObject({ status: 503, code: 'not_ready', troubles });
      expect(answer.body.detail).toContain(troubles[0]);
      expect((await own.get('/healthz')).status).toBe(200);
      troubles = [];
      expect((await own.get('/readyz')).status).toBe(200);
    } finally {
      await own.stop();
    }
  });

  it('says that the service is stopping, once it was told to', async () => {
    const own = await startRig();
    try {
      own.service.leave();
      const answer = await own.get('/readyz');
      expect(answer.body).toMatchObject({
        ...{
          status: 503,
          code: 'shutting_down',
          title: 'The service is stopping',
          troubles: ['it has been told to end'],
        },
      });
      expect(answer.headers.get('retry-after')).toBe('1');
    } finally {
      await own.stop();
    }
  });

  it('says that ends are not heard, until one is', async () => {
    let deaf = true;
    const asleep = Promise.withResolvers<undefined>();
    const own = await startRig({
      around: (store) => ({
        ...store,
        // The last thing read before the sleep.
        progress: (...args) => (asleep.resolve(undefined), store.progress(...args)),
        subscribe: (onHint) => store.subscribe((hint) => (deaf ? undefined : onHint(hint))),
      }),
    });
    try {
      await addFunction(own);
      const submit = async () => (await own.post('/v1/tasks', { function: 'double' })).body.task_id;
      const waiting = own.get(`/v1/tasks/${await submit()}/result?wait_ms=700`);
      await asleep.promise;
      await own.finish();
      expect((await waiting).body.value).toBe(42);
      expect((await own.get('/readyz')).body).toMatchObject({
        code: 'not_ready',
        troubles: [expect.stringContaining('not announced')],
      });
      deaf = false;
      await submit();
      await own.finish();
      expect((await own.get('/readyz')).status).toBe(200);
    } finally {
      await own.stop();
    }
  });

  it('says that keys cannot be read, where they are needed', async () => {
    let broken = true;
    const around = (store: Store): Store => ({
      ...store,
      listKeys: async () => {
        if (broken) throw new StoreUnavailable('connection lost.');
        return store.listKeys();
      },
    });
    const open = await startRig({ around });
    const locked = await startRig({
      around,
      config: { requireKeys: true },
      firstKey: 'a-first-key-of-thirty-two-characters',
    });
    try {
      expect((await open.get('/readyz')).status).toBe(200);
      expect((await locked.get('/readyz')).body).toMatchObject({ code: 'not_ready' });
      broken = false;
      // The first key is brought in when the store is there.
      await expect.poll(async () => (await locked.get('/readyz')).status, { timeout: 10_000 }).toBe(200);
    } finally {
      await open.stop();
      await locked.stop();
    }
  });
});

describe('probes', () => {
  it('tell alive from ready', async () => {
    expect((await rig.get('/healthz')).body).toEqual({ status: 'ok' });
    expect((await rig.get('/readyz')).body).toMatchObject({ status: 'ready' });
    const away = await startRig({
      around: (store) => ({
        ...store,
        health: async () => ({ ok: false, detail: 'connection refused.', version: '', warnings: [], troubles: [] }),
      }),
    });
    try {
      expect((await away.get('/healthz')).status).toBe(200);
      expect((await away.get('/readyz')).body).toMatchObject({ status: 503, code: 'store_unavailable' });
      expect((await away.get('/')).status).toBe(200);
    } finally {
      await away.stop();
    }
  });
});
