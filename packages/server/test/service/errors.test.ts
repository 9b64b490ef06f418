// Every refusal is a problem: one text, one code, a pointer or a limit, the request's id.
import { connect } from 'node:net';
import { PROBLEM_JSON } from '@mpcsfaas/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/store/index.ts';
import type { Store } from '../../src/store/index.ts';
import { defaultServiceConfig } from '../../src/config/service.ts';
import { addFunction, startRig } from './harness.ts';
import type { Rig } from './harness.ts';

let rig: Rig;
let double: string;
beforeAll(async () => {
  const limits = {
    ...defaultServiceConfig.limits,
    ...{ maxBodyBytes: 100_000, maxArgsBytes: 1000, maxCodeBytes: 2000, maxQueuedTasks: 3 },
  };
  rig = await startRig({ config: { limits } });
  double = await addFunction(rig);
});
afterAll(() => rig.stop());

const json = { 'content-type': 'application/json' };
const ALLOWED: Record<string, string> = {
  '/v1/tasks': 'POST, GET, HEAD',
  '/v1/tasks/batch': 'POST',
  '/v1/tasks/cancel': 'POST',
  '/register_function': 'POST',
};

/** Sends what no client would write; all that is answered. */
async function sendText(request: string): Promise<string> {
  const { port, hostname } = new URL(rig.url);
  const socket = connect(Number(port), hostname);
  socket.end(request);
  let text = '';
  for await (const bytes of socket) text += String(bytes);
  return text;
}

describe('a refusal', () => {
  it.each([
    ['GET', '/nowhere', undefined, {}, 404, 'route_not_found'],
    ['PUT', '/v1/tasks', '{}', json, 405, 'method_not_allowed'],
    ['GET', '/register_function', undefined, {}, 405, 'method_not_allowed'],
    ['PUT', '/v1/tasks/cancel', '{}', json, 405, 'method_not_allowed'],
    ['GET', '/v1/tasks/cancel', undefined, {}, 405, 'method_not_allowed'],
    ['GET', '/v1/tasks/batch/', undefined, {}, 405, 'method_not_allowed'],
    ['POST', '/docs', '{}', json, 405, 'method_not_allowed'],
    ['DELETE', '/docs/static/index.html', undefined, {}, 405, 'method_not_allowed'],
    ['PUT', '/openapi.json?a', '{}', json, 405, 'method_not_allowed'],
    ['GET', '/docs/nowhere', undefined, {}, 404, 'route_not_found'],
    ['GET', '/docs/static/a%00b', undefined, {}, 404, 'route_not_found'],
    ['POST', '/v1/tasks', '{"a":', json, 400, 'invalid_json'],
    ['POST', '/v1/tasks', '', json, 400, 'invalid_json'],
    ['POST', '/v1/tasks', '[]', json, 422, 'validation_failed'],
    ['POST', '/register_function', '{"a":', json, 400, 'invalid_json'],
    ['POST', '/v1/tasks', Buffer.from('{"function":"double","args":["\xff"]}', 'latin1'), json, 400, 'invalid_json'],
    ['POST', '/v1/tasks', '{}', { 'content-type': 'application/json; charset=latin1' }, 415, 'unsupported_media_type'],
    ['POST', '/v1/tasks', '{}', { ...json, 'content-encoding': 'gzip' }, 415, 'unsupported_media_type'],
    [
      'POST',
      '/v1/tasks',
      'a=1',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported_media_type',
    ],
    ['POST', '/v1/tasks', `"${'x'.repeat(100_000)}"`, json, 413, 'body_too_large'],
    ['GET', '/v1/tasks/%zz', undefined, {}, 400, 'bad_request'],
    ['GET', '/v1/tasks?status=NEVER', undefined, {}, 422, 'validation_failed'],
    ['GET', '/v1/tasks?limit=ten', undefined, {}, 422, 'validation_failed'],
    ['GET', '/v1/tasks?since=yesterday', undefined, {}, 422, 'validation_failed'],
    ['GET', '/v1/tasks?foo=1', undefined, {}, 422, 'validation_failed'],
    ['POST', '/v1/tasks?wait_ms=5000', '{"function":"double"}', json, 422, 'validation_failed'],
    ['GET', '/v1/workers?x=1', undefined, {}, 422, 'validation_failed'],
  ] as const)('%s %s (%#)', async (method, path, body, headers, status, code) => {
    const answer = await rig.send(method, path, body, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain(PROBLEM_JSON);
    expect(answer.body).toMatchObject({ status, code, type: `urn:mpcsfaas:error:${code}` });
    expect(answer.body.detail).toMatch(/\.$/);
    expect(answer.headers.get('x-request-id')).toBe(answer.body.request_id);
    if (status === 405) expect(answer.headers.get('allow')).toBe(ALLOWED[path.replace(/\?.*|\/$/, '')] ?? 'GET, HEAD');
  });

  it.each([
    { 'content-type': 'application/json; charset="UTF-8"' },
    { 'content-type': 'application/json;charset=utf8', 'content-encoding': 'identity' },
  ])('is not met by UTF-8 as it is: %j', async (headers) => {
    expect((await rig.send('POST', '/v1/results', `{"task_ids":["${double}"]}`, headers)).status).toBe(200);
  });

  it('keeps the caller’s request id where it is a plain word', async () => {
    const named = await rig.get('/nowhere', { 'x-request-id': 'my-id/1' });
    expect(named.body.request_id).toBe('my-id/1');
    const odd = await rig.get('/nowhere', { 'x-request-id': 'not a word' });
    expect(odd.body.request_id).not.toBe('not a word');
  });

  it('names the limit and the option that raises it', async () => {
    const large = 'x'.repeat(3000);
    expect((await rig.post('/v1/tasks', { function: 'double', args: [large] })).body).toMatchObject({
      ...{ status: 413, code: 'args_too_large', limit: 1000, option: '--max-args-bytes' },
      errors: [{ pointer: '/args' }],
    });
    // A pickle of ('xxx…', {}).
    const long = Buffer.from('x'.repeat(3000));
    const pickle = Buffer.concat([Buffer.from('80025800000000', 'hex'), long, Buffer.from('7d862e', 'hex')]);
    pickle.writeUInt32LE(long.length, 3);
    const args_pickle = pickle.toString('base64');
    for (const [path, body, pointer] of [
      ['/v1/tasks', { function: 'double', args_pickle }, '/args_pickle'],
      ['/v1/tasks/batch', { tasks: [{ function: 'double', args_pickle }] }, '/tasks/0/args_pickle'],
      ['/execute_function', { function_id: double, payload: args_pickle }, '/payload'],
    ] as const) {
      expect((await rig.post(path, body)).body).toMatchObject({ code: 'args_too_large', errors: [{ pointer }] });
    }
    expect((await rig.post('/v1/tasks', { function: 'double', args: [large] })).body.detail).toMatch(
      /^The arguments have \d+ bytes; the limit is 1000\. Start the service with a larger --max-args-bytes\.$/,
    );
    const before = (await rig.get('/v1/stats')).body;
    const good = { function: 'double', args: [1] };
    for (const [field, fault] of Object.entries({ args_pickle, args: [large] })) {
      const { body } = await rig.post('/v1/tasks/batch', {
        tasks: [good, { function: 'double', [field]: fault }, good],
      });
      expect(body).toMatchObject({ code: 'args_too_large', errors: [{ pointer: `/tasks/1/${field}` }] });
      expect(body).toMatchObject({ limit: 1000, option: '--max-args-bytes' });
    }
    const many = { tasks: Array.from({ length: 4000 }, () => good) };
    expect((await rig.post('/v1/tasks/batch', many)).body).toMatchObject({
      ...{ status: 413, limit: 100_000, option: '--max-body-bytes' },
    });
    expect((await rig.get('/v1/stats')).body).toEqual(before);
    expect((await rig.post('/v1/functions', { name: 'l', runtime: 'python', source: large })).body).toMatchObject({
      ...{ status: 413, code: 'code_too_large', limit: 2000, option: '--max-code-bytes' },
    });
    expect((await rig.post('/v1/tasks', 'x'.repeat(100_001))).body).toMatchObject({
      ...{ status: 413, limit: 100_000, option: '--max-body-bytes' },
    });
    const batch = (length: number) => ({ tasks: Array.from({ length }, () => ({ function: 'double' })) });
    const alone = await rig.post('/v1/tasks/batch', batch(4));
    expect(alone.body).toMatchObject({ status: 413, code: 'exceeds_queue', limit: 3, option: '--max-queued-tasks' });
    expect(alone.body.detail).toMatch(/^The request alone is more than the queue may hold, which is 3 tasks/);
    expect(alone.headers.get('retry-after')).toBeNull();
    await rig.post('/v1/tasks/batch', batch(2));
    const full = await rig.post('/v1/tasks/batch', batch(2));
    await rig.finish();
    expect(full.body).toMatchObject({ status: 429, code: 'queue_full', option: '--max-queued-tasks' });
    expect(full.headers.get('retry-after')).toBe('1');
  });

  it('for want of room says where: of several shards in the one that the request goes to', async () => {
    const limits = { ...defaultServiceConfig.limits, maxQueuedTasks: 3 };
    const sharded = await startRig({ config: { limits }, around: (store) => ({ ...store, shards: 2 }) });
    await addFunction(sharded);
    const ask = async (length: number): Promise<string> => {
      const tasks = Array.from({ length }, () => ({ function: 'double' }));
      return (await sharded.post('/v1/tasks/batch', { tasks })).body.detail;
    };
    expect(await ask(4)).toMatch(/^The request alone is more than a shard of the queue may hold, which is 3 tasks/);
    await ask(2);
    expect(await ask(2)).toMatch(/^With this request its shard of the queue would hold more than 3 tasks, its limit\./);
    await sharded.stop();
  });

  it('of one request does not touch another of the same turn', async () => {
    const batch = (n: number) => ({ tasks: Array.from({ length: n }, () => ({ function: 'double' })) });
    const post = (n: number) =>
      rig.service.fastify.inject({
        method: 'POST',
        url: '/v1/tasks/batch',
        headers: { host: 'localhost' },
        payload: batch(n),
      });
    const answers = await Promise.all([post(2), post(4), post(1)]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([201, 413, 201]);
    await rig.finish();
  });

  it('is written even to what is not HTTP', async () => {
    expect(await sendText('this is not HTTP\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 .*problem\+json.*"code":"bad_request"/s,
    );
  });

  it.each([
    ['HTTP/1.1', '', 'no Host header'],
    ['HTTP/1.1', 'Host: localhost\r\nhost: localhost\r\n', '2 Host headers'],
    ['HTTP/1.0', 'Host: localhost\r\nHost: evil.example\r\n', '2 Host headers'],
  ])('is written to %s with the hosts %j', async (version, hosts, what) => {
    const answer = await sendText(`GET /healthz ${version}\r\n${hosts}connection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*problem\+json/s);
    expect(answer).toMatch(/"code":"bad_request"/);
    expect(answer).toContain(`The request has ${what}: send one that names this service.`);
  });

  it('names what is to be done about an unknown parameter', async () => {
    const { body } = await rig.post('/v1/tasks?wait_ms=5000', { function: 'double' });
    expect(body).toMatchObject({ errors: [{ pointer: '/wait_ms', message: 'is not a known parameter' }] });
    expect(body.detail).toBe('wait_ms is not a known parameter of the query; this route has none.');
  });

  it.each(['/', '/healthz', '/readyz', '/metrics', '/docs', '/openapi.json'])(
    'does not meet parameters of %s, which has none',
    async (path) => {
      expect((await rig.get(`${path}?x=1`)).status).toBe(200);
    },
  );

  it('does not meet parameters of the classic routes', async () => {
    const { status, body } = await rig.post('/register_function?x=1', { name: 'l', payload: 'Y2J1aWx0aW5zCmxlbgou' });
    expect(status).toBe(200);
    expect(body.function_id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is written where more is expected than is done here', async () => {
    const asked = (expected: string) =>
      sendText(
        `POST /v1/results HTTP/1.1\r\nHost: localhost\r\nExpect: ${expected}\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`,
      );
    const answer = await asked('foo');
    expect(answer).toMatch(/^HTTP\/1\.1 417 .*problem\+json.*"code":"expectation_failed"/s);
    expect(answer).toContain('The expectation \\"foo\\" cannot be met: leave the header Expect out.');
    expect(await asked('100-continue')).toMatch(/^HTTP\/1\.1 100 .*HTTP\/1\.1 422 /s);
  });

  it('does not repeat an address of any length', async () => {
    for (const path of [`/v1/tasks/${'a'.repeat(5000)}`, `/v1/tasks/%zz${'a'.repeat(5000)}`]) {
      const { detail, code } = (await rig.get(path)).body;
      expect(detail.length).toBeLessThan(300);
      expect([code, detail]).toEqual([
        path.includes('%') ? 'bad_request' : 'url_too_long',
        expect.stringMatching(/^'?.*\.$/),
      ]);
    }
  });

  it('names each content type so that it can be sent', async () => {
    const { detail } = (await rig.send('POST', '/v1/tasks', 'a=1', { 'content-type': '' })).body;
    expect(detail).toBe(
      'The request does not say its content type: send `Content-Type: application/json` or `Content-Type: application/vnd.mpcsfaas.v1+frames`.',
    );
  });

  it('nests as deep as it likes', async () => {
    const deep = `{"function":"double","args":[${'['.repeat(40_000)}${']'.repeat(40_000)}]}`;
    const answer = await rig.post('/v1/tasks', deep);
    expect([413, 422, 400]).toContain(answer.status);
  });
});

describe('while the store is away', () => {
  it('answers 503 with what was accepted, and goes on by itself', async () => {
    let away: StoreUnavailable | undefined;
    const check = (): void => {
      if (away !== undefined) throw away;
    };
    const faulty = (store: Store): Store => ({
      ...store,
      submit: async (...args) => (check(), store.submit(...args)),
      progress: async (...args) => (check(), store.progress(...args)),
      findFunction: async (...args) => (check(), store.findFunction(...args)),
    });
    const cut = await startRig({ around: faulty });
    try {
      await addFunction(cut);
      const batch = { tasks: [{ function: 'double' }, { function: 'double' }, { function: 'double' }] };
      const id = (await cut.post('/v1/tasks/batch', batch)).body.task_ids[0]!;
      away = new StoreUnavailable('connection lost.');
      for (const answer of [
        await cut.post('/v1/tasks', { function: 'double' }),
        await cut.get(`/result/${id}`),
        await cut.post('/execute_function', { function_id: id, payload: '' }),
      ]) {
        expect(answer.body).toMatchObject({ status: 503, code: 'store_unavailable' });
        expect(answer.headers.get('retry-after')).toBe('1');
      }
      away = undefined;
      expect((await cut.get(`/result/${id}`)).status).toBe(200);
      expect((await cut.post('/v1/tasks/batch', batch)).status).toBe(201);
    } finally {
      await cut.stop();
    }
  });

  it('names the accepted indexes of a batch, each request its own', async () => {
    const fault = new StoreUnavailable('connection lost.');
    fault.accepted = [0, 1, 3];
    let broken = false;
    const faulty = (store: Store): Store => ({
      ...store,
      submit: async (...args) => {
        if (broken && args[2].length === 4) throw fault;
        return store.submit(...args);
      },
    });
    const cut = await startRig({ around: faulty });
    try {
      await addFunction(cut);
      broken = true;
      const tasks = Array.from({ length: 4 }, () => ({ function: 'double' }));
      const answer = await cut.post('/v1/tasks/batch', { tasks }, { 'idempotency-key': 'b' });
      expect(answer.body).toMatchObject({ status: 503, accepted: [0, 1, 3] });
      broken = false;
      expect((await cut.post('/v1/tasks/batch', { tasks }, { 'idempotency-key': 'b' })).status).toBe(201);
    } finally {
      await cut.stop();
    }
  });
});

it.each([
  [{ name: 'a b', runtime: 'python', source: 'x' }, /^\/name must be 1 to 128 letters of A-Z and a-z, digits, /],
  [
    { name: 'a', runtime: 'typescript', source: 'x' },
    /^\/runtime must be one of "python", "javascript" \("javascript" takes TypeScript, too\)\.$/,
  ],
  [{ name: 'a', runtime: 'python', python: 'three', source: 'x' }, /^\/python must be a version of Python 3 such as/],
  [{ name: 'a', runtime: 'python', source: 'x', options: { isolation: 'much' } }, /must be one of "warm", "task"/],
])('%j is refused in words', async (body, expected) => {
  expect((await rig.post('/v1/functions', body)).body.detail).toMatch(expected);
});

it.each<[string, string, Record<string, unknown>]>([
  ['/v1/functions', '/source', { name: 'a', runtime: 'python', source: 'def f(): return "\ud800"' }],
  ['/v1/functions', '/entry', { name: 'a', runtime: 'python', source: 'x', entry: '\udfff' }],
  [
    '/v1/functions',
    '/options/tags/1',
    { name: 'a', runtime: 'python', source: 'x', options: { tags: ['x', '\ud800'] } },
  ],
  ['/register_function', '/name', { name: '\udc00', payload: 'Y2J1aWx0aW5zCmxlbgou' }],
  ['/v1/keys', '/name', { name: 'nightly \ud83d' }],
  ['/v1/tasks', '/options/group', { function: 'double', options: { group: '\ud800' } }],
  [
    '/v1/tasks/batch',
    '/tasks/1/options/retry/on/0',
    { tasks: [{ function: 'double' }, { function: 'double', options: { retry: { max_retries: 1, on: ['\ud800'] } } }] },
  ],
  ['/v1/call/double', '/options/labels/0', { options: { labels: ['\udc00\ud800'] } }],
])('%s with half a character in %s is refused', async (path, pointer, body) => {
  // As \ud800 in JSON: in UTF-8 itself it cannot be sent.
  const answer = await rig.post(path, JSON.stringify(body));
  expect(answer.body).toMatchObject({ status: 422, code: 'validation_failed', errors: [{ pointer }] });
  expect(answer.body.detail).toMatch(/^\/.* holds half of a surrogate pair, .*\.$/);
});

it('half a character is let be where nobody keeps it, and whole ones everywhere', async () => {
  const extra = { name: 'length 😀', payload: 'Y2J1aWx0aW5zCmxlbgou', extra: '\ud800' };
  expect((await rig.post('/register_function', JSON.stringify(extra))).status).toBe(200);
  const asked = { function: 'double', args: ['\ud800'], options: { tags: ['😀'] } };
  expect((await rig.post('/v1/tasks', JSON.stringify(asked))).status).toBe(201);
  await rig.finish();
});
