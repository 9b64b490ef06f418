// The classic API, exactly as existing clients know it; their pickles are made and read by real Python and dill.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/lifecycle/ids.ts';
import { addFunction, startRig } from './harness.ts';
import type { Rig } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

const python = (code: string, input = ''): string =>
  execFileSync('/usr/bin/python3', ['-c', `import codecs, dill, sys\n${code}`], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });

const serialize = (expression: string): string =>
  python(`sys.stdout.write(codecs.encode(dill.dumps(${expression}), 'base64').decode())`);

const reprOf = (payload: string): string =>
  python(`sys.stdout.write(repr(dill.loads(codecs.decode(sys.stdin.read().encode(), 'base64'))))`, payload);

async function register(): Promise<string> {
  const answer = await rig.post('/register_function', { name: 'f', payload: serialize('lambda x: x + 1') });
  expect(answer.status).toBe(200);
  return answer.body.function_id;
}

async function execute(functionId: string): Promise<string> {
  const answer = await rig.post('/execute_function', { function_id: functionId, payload: serialize('((1,), {})') });
  expect(answer.status).toBe(200);
  return answer.body.task_id;
}

describe('the four calls', () => {
  it('takes a name of any length, of which the beginning is kept: it goes along with every call', async () => {
    const payload = serialize('lambda x: x + 1');
    const answer = await rig.post('/register_function', {
      name: `${'n'.repeat(127)}\u{1F600}${'n'.repeat(5e6)}`,
      payload,
    });
    expect(answer.status).toBe(200);
    const { body } = await rig.get(`/v1/functions/${answer.body.function_id}`);
    expect(body).toHaveProperty('name', `${'n'.repeat(127)}\uFFFD`);
  });

  it('takes a function and a call, and tells the result at both addresses', async () => {
    const id = await execute(await register());
    expect((await rig.get(`/status/${id}`)).body).toEqual({ task_id: id, status: 'QUEUED' });
    expect((await rig.get(`/result/${id}`)).body).toEqual({ task_id: id, status: 'QUEUED', result: '' });
    const [claimed] = await rig.claim();
    expect((await rig.get(`/status/${id}/`)).body).toEqual({ task_id: id, status: 'RUNNING' });
    const pickle = Buffer.from(serialize("'x' * 300"), 'base64');
    await rig.store.settle('default', [
      {
        fence: claimed!.fence,
        worker: '',
        startedAt: 1,
        logs: null,
        is: 'end',
        state: 'COMPLETED',
        result: { pickle },
      },
    ]);
    for (const path of [`/result/${id}`, `/result/${id}/`, `/api/v1/result/${id}`, `/result/${id.toUpperCase()}`]) {
      const { body } = await rig.get(path);
      expect(body).toEqual({ task_id: id, status: 'COMPLETED', result: serialize("'x' * 300") });
    }
  });

  it('answers a large result as Python would encode it', async () => {
    const id = await execute(await register());
    await rig.finish({
      state: 'COMPLETED',
      result: { pickle: Buffer.from(serialize("b'\\xff' * 3000001"), 'base64') },
    });
    const { body } = await rig.get(`/result/${id}`);
    expect(body.result).toBe(serialize("b'\\xff' * 3000001"));
  });

  it('always makes a new id, and none is found by name under /v1', async () => {
    expect(await register()).not.toBe(await register());
    expect((await rig.get('/v1/functions/f')).status).toBe(404);
  });

  it('ignores extra fields and takes a trailing slash', async () => {
    const body = { name: 'f', payload: serialize('len'), extra: 1 };
    expect((await rig.post('/register_function/', body)).status).toBe(200);
  });

  it.each([
    ['a value', '/register_function', { name: 'f', payload: serialize('42') }, 400],
    ['a string', '/register_function', { name: 'f', payload: serialize("'text'") }, 400],
    ['no base64', '/register_function', { name: 'f', payload: 'A' }, 400],
    ['an empty payload', '/register_function', { name: 'f', payload: '' }, 400],
    ['a cut payload', '/register_function', { name: 'f', payload: serialize('lambda: 1').slice(0, 40) }, 400],
    ['no pickle', '/register_function', { name: 'f', payload: Buffer.from('hello').toString('base64') }, 400],
    ['no name', '/register_function', { payload: serialize('len') }, 422],
    ['a mistyped name', '/register_function', { name: 1, payload: serialize('len') }, 422],
    ['an id that is none', '/execute_function', { function_id: 'nope', payload: '' }, 400],
    [
      'an unknown function',
      '/execute_function',
      { function_id: newId(Date.now(), 0), payload: serialize('((),{})') },
      404,
    ],
    [
      'an unknown function without arguments',
      '/execute_function',
      { function_id: newId(Date.now(), 0), payload: '' },
      404,
    ],
    ['no payload', '/execute_function', { function_id: newId(Date.now(), 0) }, 422],
  ])('refuses %s', async (_what, path, body, status) => {
    const answer = await rig.post(path, body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  it('refuses arguments that are no base64', async () => {
    const answer = await rig.post('/execute_function', { function_id: await register(), payload: 'A' });
    expect(answer.body).toMatchObject({ status: 400, code: 'invalid_base64' });
    const empty = await rig.post('/execute_function', { function_id: await register(), payload: '' });
    expect(empty.body).toMatchObject({ status: 400, code: 'invalid_pickle', errors: [{ pointer: '/payload' }] });
    const long = Buffer.alloc(300_000, 'x');
    const head = Buffer.from('80024200000000', 'hex');
    head.writeUInt32LE(long.length + 1, 3);
    const short = Buffer.concat([head, long]).toString('base64');
    const large = await rig.post('/execute_function', { function_id: await register(), payload: short });
    expect(large.body).toMatchObject({ status: 400, code: 'invalid_pickle', errors: [{ pointer: '/payload' }] });
    // A pickle of ((1,), {}) without its end.
    const cut = Buffer.from('800495090000000000000028', 'hex').toString('base64');
    const truncated = await rig.post('/execute_function', { function_id: await register(), payload: cut });
    expect(truncated.body).toMatchObject({ status: 400, code: 'invalid_pickle', errors: [{ pointer: '/payload' }] });
  });

  it('knows ill-formed, unknown and expired ids', async () => {
    for (const path of ['/status/', '/result/', '/api/v1/result/']) {
      expect((await rig.get(`${path}not-a-uuid`)).status).toBe(400);
      expect((await rig.get(`${path}00000000-0000-0000-0000-000000000000`)).status).toBe(404);
      expect((await rig.get(`${path}${newId(Date.now(), 0)}`)).status).toBe(404);
      expect((await rig.get(`${path}${newId(Date.now() - 60_000, 0)}`)).status).toBe(410);
    }
  });

  it('replays a call under its key', async () => {
    const body = { function_id: await register(), payload: serialize('((1,), {})') };
    const key = { 'idempotency-key': 'classic-1' };
    const first = await rig.post('/execute_function', body, key);
    const second = await rig.post('/execute_function', body, key);
    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    // An id may be written in capitals.
    const capitals = { ...body, function_id: body.function_id.toUpperCase() };
    expect(await rig.post('/execute_function', capitals, key)).toMatchObject({ status: 200, body: first.body });
    const other = await rig.post('/execute_function', { ...body, payload: serialize('((2,), {})') }, key);
    expect(other.body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    await rig.finish();
  });
});

describe('ends that no Python made', () => {
  const error = { type: 'X', message: 'why', traceback: '' };

  it.each([
    ['timed_out', error, "TimeoutError('why')"],
    ['lost', error, "RuntimeError('WorkerLost: why')"],
    ['memory_exceeded', error, "MemoryError('why')"],
    ['load_failed', { ...error, type: 'TypeError' }, "TypeError('why')"],
    ['raised', { ...error, type: 'Odd', traceback: 'at line 1' }, "RuntimeError('Odd: why\\nat line 1')"],
    ['expired', error, "TimeoutError('why')"],
  ] as const)('%s is told as an exception object', async (kind, fault, repr) => {
    const id = await execute(await register());
    await rig.finish({ state: 'FAILED', kind, error: fault });
    const { body } = await rig.get(`/result/${id}`);
    expect(body.status).toBe('FAILED');
    expect(reprOf(body.result)).toBe(repr);
  });

  it('a canceled task has FAILED', async () => {
    const id = await execute(await register());
    expect((await rig.post(`/v1/tasks/${id}/cancel`, {})).status).toBe(200);
    const { body } = await rig.get(`/result/${id}`);
    expect(body.status).toBe('FAILED');
    expect(reprOf(body.result)).toMatch(/^RuntimeError\('Canceled: /);
  });

  it('a JavaScript value is told as a pickle, and a pickle is no argument for JavaScript', async () => {
    const functionId = await addFunction(rig, 'js', { runtime: 'javascript', source: 'export default () => 1' });
    const id = (await rig.post('/v1/tasks', { function: 'js' })).body.task_id;
    await rig.finish({ state: 'COMPLETED', result: { json: Buffer.from('{"a":[1,2.5,null,true,"é"]}') } });
    const { body } = await rig.get(`/result/${id}`);
    expect(reprOf(body.result)).toBe("{'a': [1, 2.5, None, True, 'é']}");
    const wrong = await rig.post('/execute_function', { function_id: functionId, payload: serialize('((1,), {})') });
    expect(wrong.body).toMatchObject({ status: 400, code: 'pickle_for_javascript' });
  });
});

describe('the switches', () => {
  it('answer 201 and say COMPLETE', async () => {
    const switched = await startRig({ config: { classicCreated: true, classicComplete: true } });
    try {
      const registered = await switched.post('/register_function', { name: 'f', payload: serialize('len') });
      expect(registered.status).toBe(201);
      const { function_id } = registered.body;
      const called = await switched.post('/execute_function', { function_id, payload: serialize("(('a',), {})") });
      expect(called.status).toBe(201);
      await switched.finish();
      expect((await switched.get(`/status/${called.body.task_id}`)).body.status).toBe('COMPLETE');
      expect((await switched.get(`/result/${called.body.task_id}`)).body.status).toBe('COMPLETE');
    } finally {
      await switched.stop();
    }
  });
});

describe('the front page', () => {
  it('is JSON for programs', async () => {
    for (const accept of ['*/*', 'application/json']) {
      const { body } = await rig.get('/', { accept });
      expect(body).toMatchObject({ version: '0.1.0', store: { ok: true } });
      expect(body.message).toMatch(/^MPCSFaaS /);
    }
  });

  it('is a page for browsers', async () => {
    const page = await rig.get('/', { accept: 'text/html,application/xhtml+xml;q=0.9' });
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.bytes.toString()).toContain('href="/docs"');
  });
});
