// What a web page, a rebound name or a stranger would send, with every method: nothing of it reaches a handler.
import { request } from 'node:http';
import { ROUTES, type RouteContract } from '@mpcsfaas/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createService } from '../../src/service/index.ts';
import { defaultServiceConfig } from '../../src/config/service.ts';
import { systemClock } from '../../src/clock.ts';
import { makeLogger } from '../../src/telemetry/index.ts';
import { addFunction, startRig } from './harness.ts';
import type { Rig } from './harness.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
const PATHS = [
  '/',
  '/register_function',
  '/execute_function',
  '/v1/functions',
  '/v1/tasks',
  '/v1/functions/double',
  '/nowhere',
];

/** What is answered without a key, as SECURITY.md says; the docs are no routes of the contract. */
const OPEN = ['GET /', 'GET /healthz', 'GET /readyz', 'GET /sdk/python', 'GET /sdk/python/{file}', 'GET /v1/version'];

/** Raw, because fetch does not let a test say Host or Origin. */
function raw(
  rig: Rig,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; headers: Record<string, unknown> }> {
  const body = '{"name":"f","payload":"Y2J1aWx0aW5zCmxlbgou"}';
  const bodiless = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'DELETE'].includes(method);
  const length = bodiless ? {} : { 'content-length': String(body.length) };
  return new Promise((resolve, reject) => {
    const sent = request(rig.url + path, { method, headers: { ...headers, ...length } }, (answer) => {
      answer.resume().on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers }));
    });
    sent.on('error', reject);
    sent.end(bodiless ? undefined : body);
  });
}

const everywhere = METHODS.flatMap((method) => PATHS.map((path) => [method, path] as const));

describe('without keys', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig();
    await addFunction(rig);
  });
  afterAll(() => rig.stop());
  const json = { 'content-type': 'application/json' };

  it.each([
    ['a name rebound to this address', { host: 'evil.example' }],
    ['a name that begins like ours', { host: 'localhost.evil.example' }],
    ['a number that begins like ours', { host: '127.0.0.1.evil.example' }],
    ['the page of another site', { origin: 'https://evil.example' }],
    ['a page without an origin of its own', { origin: 'null' }],
    ['a page on another port', { origin: 'http://localhost:1' }],
  ])('%s is refused with every method', async (_what, headers: Record<string, string>) => {
    for (const [method, path] of everywhere) {
      const { status, headers: told } = await raw(rig, method, path, { ...json, ...headers });
      expect([method, path, status]).toEqual([method, path, 403]);
      expect(told).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it.each([
    ['a form', 'application/x-www-form-urlencoded'],
    ['a form with files', 'multipart/form-data; boundary=x'],
    ['plain text', 'text/plain'],
    ['text with JSON in its parameters', 'text/plain; application/json'],
    ['nothing', ''],
  ])('a body sent as %s is refused', async (_what, type) => {
    const { task_id } = (await rig.post('/v1/tasks', { function: 'double' })).body;
    for (const path of [
      '/register_function',
      '/execute_function',
      '/v1/functions',
      '/v1/tasks',
      `/v1/tasks/${task_id}/cancel`,
    ]) {
      const { status } = await raw(rig, 'POST', path, type === '' ? {} : { 'content-type': type });
      expect([path, status]).toEqual([path, 415]);
    }
    expect((await rig.get(`/v1/tasks/${task_id}`)).body.status).toBe('QUEUED');
  });

  it('a page cannot cancel by a POST without body and type', async () => {
    const { task_id } = (await rig.post('/v1/tasks', { function: 'double' })).body;
    expect((await rig.send('POST', `/v1/tasks/${task_id}/cancel`)).status).toBe(415);
    expect((await rig.get(`/v1/tasks/${task_id}`)).body.status).toBe('QUEUED');
    expect((await rig.send('POST', `/v1/tasks/${task_id}/cancel`, '', json)).status).toBe(200);
  });

  it('our own page and our own names are served', async () => {
    const { host, port } = new URL(rig.url);
    for (const own of [host, `localhost:${port}`, `[::1]:${port}`]) {
      expect((await raw(rig, 'GET', '/v1/stats', { host: own, origin: `http://${own}` })).status).toBe(200);
    }
  });

  it('is not reachable but by loopback', async () => {
    await expect(rig.service.listen('0.0.0.0', 0)).rejects.toThrow('Turn keys on');
    const open = createService({
      store: rig.store,
      config: { ...defaultServiceConfig, boundHost: '0.0.0.0' },
      firstKey: '',
      clock: systemClock,
      logger: makeLogger('service', 'fatal', process.stderr),
      version: '0.1.0',
    });
    await expect(open).rejects.toThrow('Turn keys on');
  });
});

describe('an allowed origin', () => {
  it('may call, others still may not', async () => {
    const rig = await startRig({ config: { corsOrigins: ['https://good.example'] } });
    try {
      const origin = 'https://good.example';
      const asked = { origin, 'access-control-request-method': 'POST' };
      const preflight = await raw(rig, 'OPTIONS', '/v1/tasks', asked);
      expect(preflight.status).toBe(204);
      expect(preflight.headers['access-control-allow-origin']).toBe(origin);
      expect(preflight.headers['access-control-allow-headers']).toContain('idempotency-key');
      const answer = await raw(rig, 'GET', '/v1/stats', { origin });
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
      const evil = { ...asked, origin: 'https://evil.example' };
      expect((await raw(rig, 'OPTIONS', '/v1/tasks', evil)).status).toBe(403);
    } finally {
      await rig.stop();
    }
  });
});

describe('with keys', () => {
  const KEY = 'mpk_0123456789abcdef0123456789abcdef';
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({ config: { requireKeys: true }, firstKey: KEY });
  });
  afterAll(() => rig.stop());

  const guarded = Object.values(ROUTES as Record<string, RouteContract>)
    .filter(({ open }) => open !== true)
    .flatMap(({ method, path }): [method: string, path: string][] => {
      const at = path.replaceAll(/\{\w+\}/g, 'x');
      return method === 'GET'
        ? [
            [method, at],
            ['HEAD', at],
          ]
        : [[method, at]];
    });

  it('without a key only what probes, readers of the docs and installers need is answered', () => {
    const open = Object.values(ROUTES as Record<string, RouteContract>).filter((route) => route.open === true);
    expect(open.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(OPEN);
    expect(guarded.length).toBeGreaterThan(30);
  });

  it.each([
    ['no key', {}],
    ['a wrong key', { authorization: 'Bearer mpk_fedcba9876543210fedcba9876543210' }],
    ['the key cut short', { authorization: `Bearer ${KEY.slice(0, -1)}` }],
    ['the key by another scheme', { authorization: `Basic ${KEY}` }],
    ['the key in the address', {}],
  ])('%s is refused on every route', async (what, headers: Record<string, string>) => {
    const query = what.endsWith('address') ? `?key=${KEY}` : '';
    for (const [method, path] of guarded) {
      const answer = await raw(rig, method, path + query, { 'content-type': 'application/json', ...headers });
      expect([method, path, answer.status]).toEqual([method, path, 401]);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
  });

  it('the right key is taken, by any host name; probes need none', async () => {
    const authorization = `Bearer ${KEY}`;
    expect((await raw(rig, 'GET', '/v1/stats', { authorization, host: 'faas.example' })).status).toBe(200);
    for (const path of ['/', '/healthz', '/readyz', '/v1/version']) {
      expect((await raw(rig, 'GET', path, {})).status).toBe(200);
    }
  });
});
