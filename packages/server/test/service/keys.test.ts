// /v1/keys: made, listed and revoked by who may call; the first one before keys are turned on.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROBLEM_JSON } from '@mpcsfaas/contract';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { defaultServiceConfig } from '../../src/config/service.ts';
import { createService } from '../../src/service/index.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import { makeLogger } from '../../src/telemetry/index.ts';
import { addFunction, startRig } from './harness.ts';
import type { Rig, Told } from './harness.ts';

const FIRST = 'mpk_0123456789abcdef0123456789abcdef';
/** A key that was revoked in one service is taken for so long in another one. */
const KEYS_TIME_MS = 5_000;
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('with keys on', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({ config: { requireKeys: true }, firstKey: FIRST });
  });
  afterAll(() => rig.stop());

  it('a key makes another, which is shown once and works until it is revoked', async () => {
    const made = await rig.post('/v1/keys', { name: 'ci' }, bearer(FIRST));
    expect(made.status).toBe(201);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const { key, key_id } = made.body;
    expect(key).toMatch(/^mpk_[A-Za-z0-9_-]{43}$/);
    expect((await rig.get('/v1/stats', bearer(key))).status).toBe(200);

    const listed = await rig.get('/v1/keys', bearer(key));
    expect(listed.body.items).toMatchObject([{ name: 'first' }, { key_id, name: 'ci' }]);
    expect(listed.bytes.toString()).not.toContain('hash');
    expect(listed.bytes.toString()).not.toContain(key);

    const revoke = () => rig.send('DELETE', `/v1/keys/${key_id.toUpperCase()}`, undefined, bearer(FIRST));
    expect(await revoke()).toMatchObject({ status: 200, body: { revoked: true } });
    expect((await rig.get('/v1/stats', bearer(key))).body).toMatchObject({ status: 401, code: 'unauthorized' });
    expect((await revoke()).body).toMatchObject({ status: 404, code: 'key_not_found' });
    expect((await rig.send('DELETE', '/v1/keys/first', undefined, bearer(FIRST))).body.code).toBe('invalid_id');
  });

  it('a tenant sees and revokes its own only', async () => {
    const other = { id: '0b8f2f57-5b0c-4c8a-9d7e-3a1f4d9c2e10', hash: 'ab'.repeat(32), name: 'x', tenant: 'other' };
    await rig.store.putKey({ ...other, createdAt: 1 });
    const { items } = (await rig.get('/v1/keys', bearer(FIRST))).body;
    expect(items.map(({ key_id }: Told) => key_id)).not.toContain(other.id);
    expect((await rig.send('DELETE', `/v1/keys/${other.id}`, undefined, bearer(FIRST))).status).toBe(404);
    expect((await rig.store.listKeys()).map(({ id }) => id)).toContain(other.id);
  });
});

/** A second service on the store of `rig`, as on another machine. */
async function another(rig: Rig): Promise<{ url: string; close(): Promise<void> }> {
  const service = await createService({
    store: rig.store,
    config: { ...defaultServiceConfig, requireKeys: true },
    firstKey: '',
    clock: systemClock,
    logger: makeLogger('service', 'fatal', process.stderr),
    version: '0.1.0',
  });
  return { url: await service.listen('127.0.0.1', 0), close: () => service.close() };
}

describe('what goes on under a key', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({ config: { requireKeys: true }, firstKey: FIRST });
  });
  afterAll(() => rig.stop());
  afterEach(() => void vi.useRealTimers());

  it.each([
    ['at once in the service that revokes it', 'own'],
    ["within the keys' time in another", 'other'],
  ] as const)('ends %s; under another key it goes on', async (_, where) => {
    // Nobody reads the keys again before the test says that it is time.
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { key, key_id } = (await rig.post('/v1/keys', { name: 'x' }, bearer(FIRST))).body;
    const other = where === 'other' ? await another(rig) : undefined;
    const base = other?.url ?? rig.url;
    await addFunction(rig, 'double', {}, bearer(FIRST));
    const before = (await rig.get('/v1/tasks', bearer(FIRST))).body.items.length;
    const { task_id } = (await rig.post('/v1/tasks', { function: 'double' }, bearer(FIRST))).body;
    /** Opens what goes on; its first bytes say that it does, where it is a stream. */
    const open = async (path: string, under: string) => {
      const answer = await fetch(base + path, { headers: bearer(under) });
      expect(answer.status).toBe(200);
      const reader = answer.body!.getReader();
      await reader.read();
      return async (): Promise<string> => {
        for (;;) {
          const piece = await reader.read().catch(() => undefined);
          if (piece?.value === undefined) return 'ended';
          const text = Buffer.from(piece.value).toString();
          if (text.includes('event: ')) return text;
        }
      };
    };
    const [events, logs, kept] = [
      await open('/v1/events', key),
      await open(`/v1/tasks/${task_id}/logs?follow=1`, key),
      await open('/v1/events', FIRST),
    ];
    const wait = fetch(`${base}/v1/tasks/${task_id}/result?wait_ms=60000`, { headers: bearer(key) });
    const waitForMany = fetch(`${base}/v1/results`, {
      method: 'POST',
      headers: { ...bearer(key), 'content-type': 'application/json' },
      body: JSON.stringify({ task_ids: [task_id], wait_ms: 60_000 }),
    });
    const call = fetch(`${base}/v1/call/double`, {
      method: 'POST',
      headers: { ...bearer(key), 'content-type': 'application/json' },
      body: '{}',
    });
    // The call is queued last: by then the waits, too, have been taken up.
    const queued = async () => (await rig.get('/v1/tasks', bearer(FIRST))).body.items.length;
    await expect.poll(queued).toBe(2 + before);
    let from = performance.now();
    await rig.send('DELETE', `/v1/keys/${key_id}`, undefined, bearer(FIRST));
    if (other !== undefined) {
      from = performance.now();
      vi.advanceTimersByTime(KEYS_TIME_MS);
    }
    expect(await Promise.all([events(), logs()])).toEqual(['ended', 'ended']);
    for (const answer of await Promise.all([wait, waitForMany, call])) {
      expect(answer.headers.get('content-type')).toContain(PROBLEM_JSON);
      expect(await answer.json()).toMatchObject({ status: 401, code: 'unauthorized' });
    }
    expect((await call).headers.get('x-task-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(performance.now() - from).toBeLessThan(2_000);
    await rig.finish();
    expect(await kept()).toContain(task_id);
    await other?.close();
  });
});

it('without any key a service that wants them does not start', async () => {
  const said = startRig({ config: { requireKeys: true } }).then((rig) => rig.stop());
  await expect(said).rejects.toThrow(/nobody could call: set MPCSFAAS_API_KEY .* `openssl rand -hex 32`\.$/);
});

describe('with keys off', () => {
  it('the first key is made, and holds when they are turned on', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'first-key-'));
    const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
    const open = (requireKeys: boolean) =>
      createService({
        store,
        config: { ...defaultServiceConfig, requireKeys },
        firstKey: '',
        clock: systemClock,
        logger: makeLogger('service', 'fatal', process.stderr),
        version: '0.1.0',
      });
    try {
      const before = await open(false);
      const host = { host: 'localhost' };
      const made = await before.fastify.inject({
        method: 'POST',
        url: '/v1/keys',
        headers: host,
        payload: { name: '' },
      });
      expect(made.statusCode).toBe(201);
      await before.close();
      const after = await open(true);
      const { key } = made.json<{ key: string }>();
      const ask = (headers: object) => after.fastify.inject({ url: '/v1/keys', headers: { ...host, ...headers } });
      expect((await ask({})).statusCode).toBe(401);
      expect((await ask(bearer(key))).statusCode).toBe(200);
      await after.close();
    } finally {
      await store.close();
      await rm(dataDir, { recursive: true });
    }
  });
});
