// Submits at a limited rate: each way to submit counts, each key for itself.
import { describe, expect, it } from 'vitest';
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
        ['/execute_function', { function_id: id, payload: '' }],
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
