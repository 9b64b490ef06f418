// Submits at a limited rate: each way to submit counts, each key for itself.
import { describe, expect, it } from 'vitest';
import { defaultServiceConfig } from '../../src/config/service.ts';
import { addFunction, startRig } from './harness.ts';

const FIRST = 'mpk_0123456789abcdef0123456789abcdef';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('a rate limit', () => {
  it('answers 429 with when to come again, to each way of submitting', async () => {
    const rig = await startRig({ config: { rateLimitPerSecond: 0.001, rateLimitBurst: 3 } });
    try {
      const id = await addFunction(rig);
      const { task_ids } = (await rig.post('/v1/tasks/batch', { tasks: [{ function: id }, { function: id }] })).body;
      await rig.finish();
      expect((await rig.post(`/v1/tasks/${task_ids[0]!}/retry`, {})).status).toBe(201);
      for (const [path, body] of [
        ['/v1/tasks', { function: id }],
        ['/v1/tasks/batch', { tasks: [{ function: id }] }],
        ['/v1/call/double', {}],
        ['/execute_function', { function_id: id, payload: 'gAIpfYYu' }],
        [`/v1/tasks/${task_ids[0]!}/retry`, {}],
      ] as const) {
        const refused = await rig.post(path, body);
        expect(refused.body).toMatchObject({ status: 429, code: 'rate_limited', option: '--rate-limit' });
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(900);
      }
      expect((await rig.post('/v1/results', { task_ids })).status).toBe(200);
    } finally {
      await rig.stop();
    }
  });

  it('is not used up by what is refused', async () => {
    const limits = { ...defaultServiceConfig.limits, maxQueuedTasks: 3 };
    const rig = await startRig({ config: { limits, rateLimitPerSecond: 0.001, rateLimitBurst: 4 } });
    try {
      const id = await addFunction(rig);
      const tasks = (n: number, body: object = {}) => ({ tasks: Array(n).fill({ function: id, ...body }) as object[] });
      const key = { 'idempotency-key': 'k' };
      const first = await rig.post('/v1/tasks', { function: id }, key);
      expect(first.status).toBe(201);
      const refusals = [
        ['/v1/tasks', { function: 'nobody' }, 404],
        ['/v1/tasks', { function: id, options: { not_before: '9999-12-31T23:59:59-23:00' } }, 422],
        ['/v1/tasks', { function: id, args: [2] }, 422, key],
        ['/v1/tasks/batch', tasks(3), 429],
        ['/v1/tasks/batch', tasks(2, { args_pickle: 'A' }), 400],
        ['/v1/call/nobody', {}, 404],
        ['/v1/call/double', { args: [2] }, 422, key],
        ['/execute_function', { function_id: id, payload: 'gA==' }, 400],
        ['/execute_function', { function_id: first.body.task_id, payload: 'gAIpfYYu' }, 404],
        [`/v1/tasks/${first.body.task_id}/retry`, {}, 409],
      ] as const;
      // More tasks than the bucket holds.
      for (const [path, body, status, headers = {}] of refusals) {
        const { status: said, body: told } = await rig.post(path, body, headers);
        expect([path, said, told.code]).toEqual([path, status, expect.not.stringMatching('rate_limited')]);
      }
      // Of a batch with a conflict nothing is accepted.
      await rig.post('/v1/tasks', { function: id }, { 'idempotency-key': 'b/0' });
      await rig.finish();
      const refused = await rig.post('/v1/tasks/batch', tasks(2, { args: [1] }), { 'idempotency-key': 'b' });
      expect(refused.body.code).toBe('idempotency_key_reused');
      // Of the four that fit two were accepted above.
      expect((await rig.post('/v1/tasks', { function: id })).status).toBe(201);
      expect((await rig.post('/v1/tasks', { function: id })).status).toBe(201);
      expect((await rig.post('/v1/tasks', { function: id })).body.code).toBe('rate_limited');
    } finally {
      await rig.stop();
    }
  });

  it('does not count what came before under its key, and keeps no repeat from its answer', async () => {
    const rig = await startRig({ config: { rateLimitPerSecond: 0.001, rateLimitBurst: 5 } });
    try {
      const id = await addFunction(rig);
      const batch = { tasks: [{ function: id }, { function: id, args: [1] }] };
      const requests = [
        ['/v1/tasks/batch', batch],
        ['/v1/tasks', { function: 'double' }],
        ['/v1/call/double?wait_ms=0', {}],
        ['/execute_function', { function_id: id, payload: 'gAIpfYYu' }],
      ] as const;
      const ask = async (n: number) => {
        const [path, body] = requests[n]!;
        const { status, headers, body: told } = await rig.post(path, body, { 'idempotency-key': `k${n}` });
        const replayed = headers.get('idempotent-replayed');
        return { status, replayed, ids: path.endsWith('batch') ? told.task_ids : told.task_id };
      };
      // While there are tokens for it, too.
      const first = [await ask(0), await ask(0)];
      expect(first[1]).toEqual({ status: 200, replayed: 'true', ids: first[0]!.ids });
      for (let n = 1; n < requests.length; n++) first[n] = await ask(n);
      expect(first.map(({ status }) => status)).toEqual([201, 201, 503, 200]);
      expect((await rig.post('/v1/tasks', { function: id })).body.code).toBe('rate_limited');
      for (let n = 0; n < requests.length; n++) {
        const again = await ask(n);
        // Nobody is there to run the call: 503, with its id.
        expect(again).toEqual({ status: n === 2 ? 503 : 200, replayed: 'true', ids: first[n]!.ids });
      }
      const other = await rig.post('/v1/tasks', { function: id, args: [2] }, { 'idempotency-key': 'k1' });
      expect(other.body.code).toBe('idempotency_key_reused');
      await rig.send('DELETE', '/v1/functions/double');
      expect(await ask(0)).toMatchObject({ status: 200, ids: first[0]!.ids });
      expect((await rig.get('/v1/stats')).body).toMatchObject({ submitted: 5 });
    } finally {
      await rig.stop();
    }
  });

  it('counts of a batch what is new, and accepts nothing of it where that is too much', async () => {
    const rig = await startRig({ config: { rateLimitPerSecond: 0.001, rateLimitBurst: 4 } });
    try {
      const id = await addFunction(rig);
      const submit = async (tasks: number) => {
        const body = { tasks: Array.from({ length: tasks }, (_, n) => ({ function: id, args: [n] })) };
        const { status, body: told } = await rig.post('/v1/tasks/batch', body, { 'idempotency-key': 'b' });
        return { status, ids: told.task_ids };
      };
      const first = await submit(2);
      expect(first.status).toBe(201);
      const more = await submit(3);
      expect([more.status, more.ids.slice(0, 2)]).toEqual([201, first.ids]);
      expect((await submit(5)).status).toBe(429);
      expect((await rig.get('/v1/stats')).body).toMatchObject({ submitted: 3 });
      expect((await submit(4)).ids.slice(0, 3)).toEqual(more.ids);
      expect([(await submit(5)).status, (await submit(4)).status]).toEqual([429, 200]);
    } finally {
      await rig.stop();
    }
  });

  it('refuses before the store is written', async () => {
    const rig = await startRig({ config: { rateLimitPerSecond: 0.001, rateLimitBurst: 1 } });
    try {
      await addFunction(rig);
      await rig.post('/v1/tasks', { function: 'double' });
      for (const path of ['/v1/tasks', '/v1/call/double']) {
        const body = path === '/v1/tasks' ? { function: 'double' } : {};
        expect((await rig.post(path, body)).body.code).toBe('rate_limited');
      }
      expect((await rig.get('/v1/stats')).body).toMatchObject({ states: { QUEUED: 1 } });
    } finally {
      await rig.stop();
    }
  });

  it('holds for each key apart', async () => {
    const config = { rateLimitPerSecond: 0.001, rateLimitBurst: 1, requireKeys: true };
    const rig = await startRig({ config, firstKey: FIRST });
    try {
      const { key } = (await rig.post('/v1/keys', { name: 'second' }, bearer(FIRST))).body;
      const source = { name: 'f', runtime: 'python', source: 'def f():\n    pass\n' };
      await rig.post('/v1/functions', source, bearer(FIRST));
      const submit = async (by: string) => (await rig.post('/v1/tasks', { function: 'f' }, bearer(by))).status;
      expect([await submit(FIRST), await submit(FIRST), await submit(key), await submit(key)]).toEqual([
        201, 429, 201, 429,
      ]);
    } finally {
      await rig.stop();
    }
  });
});
