// /v1: functions, submit, idempotency, batches, cancel, retry, pin, lists.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/lifecycle/ids.ts';
import { PICKLE_42, addFunction, startRig } from './harness.ts';
import type { Answer, Rig } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
  await addFunction(rig);
});
afterEach(async () => {
  await rig.finish();
});
afterAll(() => rig.stop());

const submit = (body: object = {}, headers = {}): Promise<Answer> =>
  rig.post('/v1/tasks', { function: 'double', args: [21], ...body }, headers);

describe('functions', () => {
  it('tell what pickled them and their source text', async () => {
    const payload = 'gASVFAAAAAAAAACMCGJ1aWx0aW5zlIwDbGVulJOULg==';
    const told = { python: '3.11', pickler: 'dill 0.3.6', source_text: 'def size(x):\n    return len(x)\n' };
    const answer = await rig.post('/v1/functions', { name: 'size', runtime: 'python', payload, ...told });
    expect(answer.body).toMatchObject(told);
    expect((await rig.get('/v1/functions/size')).body).toMatchObject(told);
    const source_text = 'x'.repeat(16 * 1024 + 1);
    expect((await rig.post('/v1/functions', { name: 'size', runtime: 'python', payload, source_text })).status).toBe(
      422,
    );
  });

  it('are the same version for the same name, code and options', async () => {
    const wish = { name: 'versions', runtime: 'python', source: 'def f(): pass', options: { priority: 3 } };
    const first = await rig.post('/v1/functions', wish);
    expect(first.status).toBe(201);
    const again = await rig.post('/v1/functions', wish);
    expect(again.status).toBe(200);
    expect(again.body.function_id).toBe(first.body.function_id);
    const other = await rig.post('/v1/functions', { ...wish, options: { priority: 4 } });
    expect(other.status).toBe(201);
    expect(other.body.version).toBe(2);
    expect((await rig.get('/v1/functions/versions')).body.version).toBe(2);
    expect((await rig.get('/v1/functions/versions@1')).body.function_id).toBe(first.body.function_id);
    expect((await rig.get(`/v1/functions/${first.body.function_id}`)).body.version).toBe(1);
  });

  it('a deleted one takes no new task, the others do', async () => {
    const id = await addFunction(rig, 'gone');
    expect((await rig.post('/v1/tasks', { function: id })).status).toBe(201);
    expect((await rig.send('DELETE', '/v1/functions/gone')).body).toEqual({ deleted: 1 });
    expect((await rig.send('DELETE', '/v1/functions/gone')).body.code).toBe('function_not_found');
    for (const ref of ['a'.repeat(161), '%20']) {
      expect((await rig.get(`/v1/functions/${ref}`)).body).toMatchObject({ status: 404, code: 'function_not_found' });
    }
    expect((await rig.post('/v1/tasks', { function: id })).body.code).toBe('function_not_found');
    expect((await submit()).status).toBe(201);
  });

  it('are given as source or as a payload, once', async () => {
    const both = { name: 'x', runtime: 'python', source: 'def f(): pass', payload: 'Y2J1aWx0aW5zCmxlbgou' };
    expect((await rig.post('/v1/functions', both)).status).toBe(422);
    expect((await rig.post('/v1/functions', { name: 'x', runtime: 'python' })).status).toBe(422);
    const pickled = { name: 'x', runtime: 'javascript', payload: 'Y2J1aWx0aW5zCmxlbgou' };
    expect((await rig.post('/v1/functions', pickled)).body.code).toBe('pickle_for_javascript');
  });

  it.each(['', '.', '..', 'with space', 'a/b', 'a@3', 'x'.repeat(129), '01930000-0000-7000-8000-000000000001'])(
    'cannot be named %j',
    async (name) => {
      expect((await rig.post('/v1/functions', { name, runtime: 'python', source: 'x' })).status).toBe(422);
    },
  );

  it('are not looked for by a name that an address cannot hold', async () => {
    for (const ref of ['.', '..', '.@1', '..@2']) {
      const fault = { status: 422, errors: [{ message: expect.stringContaining('are no names') as string }] };
      expect((await rig.post('/v1/tasks', { function: ref })).body).toMatchObject(fault);
      expect((await rig.get(`/v1/tasks?function=${ref}`)).body).toMatchObject(fault);
    }
    await addFunction(rig, '...');
    expect((await rig.get('/v1/functions/...')).status).toBe(200);
    expect((await rig.send('DELETE', '/v1/functions/...@1')).status).toBe(200);
  });

  it('are listed newest first, page by page', async () => {
    for (const name of ['l1', 'l2', 'l3']) await addFunction(rig, name);
    const first = await rig.get('/v1/functions?limit=2');
    expect(first.body.items).toMatchObject([{ name: 'l3' }, { name: 'l2' }]);
    await addFunction(rig, 'l4');
    const second = await rig.get(`/v1/functions?limit=1&cursor=${first.body.next_cursor}`);
    expect(second.body.items).toMatchObject([{ name: 'l1' }]);
  });
});

describe('a task', () => {
  it('pins code and options: its own, else the function’s, else the service’s', async () => {
    await addFunction(rig, 'opts', {
      options: { timeout_ms: 1000, priority: 7, tags: ['a'], retry: { max_retries: 2 } },
    });
    const { body } = await rig.post('/v1/tasks', { function: 'opts', options: { priority: -7, group: 'g' } });
    const task = await rig.get(`/v1/tasks/${body.task_id}`);
    expect(task.body).toMatchObject({
      status: 'QUEUED',
      function: { name: 'opts', version: 1 },
      options: {
        priority: -7,
        timeout_ms: 1000,
        tags: ['a'],
        group: 'g',
        result_ttl_ms: 86_400_000,
        retry: { max_retries: 2, backoff_ms: 1000, factor: 2, max_backoff_ms: 60_000, on: [] },
        result_as: 'json',
      },
    });
  });

  it('hands its arguments to the runner as one JSON text, or as the pickle that came', async () => {
    await submit({ args: [1, 'é'], kwargs: { k: null } });
    await submit({ args: undefined, args_pickle: 'gAJLKi4=\n' });
    const claimed = await rig.claim();
    expect(claimed.map(({ spec }) => spec.args_as).sort()).toEqual(['json', 'pickle']);
    for (const { spec, args, fence } of claimed) {
      if (spec.args_as === 'json') expect(JSON.parse(args.toString())).toEqual({ args: [1, 'é'], kwargs: { k: null } });
      else expect(args).toEqual(PICKLE_42);
      expect(spec.result_as).toBe(spec.args_as);
      await rig.store.cancel('default', [fence.id]);
    }
    expect((await submit({ args_pickle: 'gAJLKi4=' })).status).toBe(422);
  });

  it('hands numbers on as they were written', async () => {
    const numbers = '[9007199254740993, 1e400, 1.0, -0.0, 12345678901234567890.5]';
    const task = `{"function":"double","args":${numbers},"kwargs":{"a": 2.5}}`;
    await rig.post('/v1/tasks', task);
    await rig.post('/v1/tasks/batch', `{"tasks":[{"function":"double","args": [1, 2]},${task}]}`);
    const claimed = (await rig.claim()).map(({ args }) => args.toString());
    expect(claimed).toEqual([
      `{"args":${numbers},"kwargs":{"a":2.5}}`,
      '{"args":[1,2],"kwargs":{}}',
      `{"args":${numbers},"kwargs":{"a":2.5}}`,
    ]);
  });

  it('says why it waits', async () => {
    const now = Date.now();
    const { task_id } = (await submit()).body;
    const waits = async (): Promise<string | undefined> => (await rig.get(`/v1/tasks/${task_id}`)).body.waits?.reason;
    expect(await waits()).toBe('no_worker');
    const worker = {
      ...{ id: 'w', mode: 'local' as const, host: 'h', pid: 1, version: '1', dispatcher: 'd', state: 'ready' as const },
      ...{ slots: 1, busy: 1, waiting: 0, credits: 0, labels: [], registeredAt: now, seenAt: now },
    };
    const dispatcher = {
      ...{ id: 'd', mode: 'local' as const, host: 'h', pid: 1, version: '1', address: '' },
      ...{ startedAt: now, seenAt: now, histograms: {} },
    };
    const javascript = { runtime: 'javascript' as const, version: '24.1.0', broken: '' };
    await rig.store.report({ ...dispatcher, workers: [{ ...worker, runtimes: [javascript] }] }, 60_000);
    expect(await waits()).toBe('no_worker_with_runtime');
    const python = { runtime: 'python' as const, version: '3.11.2', broken: '' };
    await rig.store.report({ ...dispatcher, workers: [{ ...worker, runtimes: [python] }] }, 60_000);
    expect(await waits()).toBe('behind_others');
    await rig.store.retract('d');
    const later = await submit({ options: { not_before: new Date(now + 3_600_000).toISOString() } });
    const task = await rig.get(`/v1/tasks/${later.body.task_id}`);
    expect(task.body).toMatchObject({ status: 'DELAYED', waits: { reason: 'delayed' } });
  });
});

describe('idempotency', () => {
  const key = { 'idempotency-key': 'k-1' };

  it('answers the first id for the same content, and refuses other content', async () => {
    const first = await submit({ options: { priority: 1, tags: ['x'] } }, key);
    expect(first.status).toBe(201);
    const again = await submit({ options: { tags: ['x'], priority: 1 } }, key);
    expect(again.status).toBe(200);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    const otherArgs = { args: [22], options: { priority: 1, tags: ['x'] } };
    expect((await submit(otherArgs, key)).body.code).toBe('idempotency_key_reused');
    expect((await submit({ options: { priority: 2, tags: ['x'] } }, key)).status).toBe(422);
  });

  it('refuses a batch with other content before any of it is written, and nothing beside it', async () => {
    const batch = (...args: number[]) => ({ tasks: args.map((n) => ({ function: 'double', args: [n] })) });
    const asKey = { 'idempotency-key': 'k-batch' };
    await rig.post('/v1/tasks/batch', batch(1, 2, 3), asKey);
    const before = (await rig.store.stats('default')).submitted;
    // At the same time, so that the store is asked for both at once.
    const [reused, other] = await Promise.all([
      rig.post('/v1/tasks/batch', batch(7, 2, 3, 4, 5), asKey),
      rig.post('/v1/tasks/batch', batch(8, 9)),
    ]);
    expect(reused).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    expect(other.status).toBe(201);
    expect((await rig.store.stats('default')).submitted).toBe(before + 2);
  });

  it('tells numbers apart that JavaScript takes for one', async () => {
    const post = (text: string): Promise<Answer> =>
      rig.post('/v1/tasks', `{"function":"double","args":[${text}]}`, { 'idempotency-key': 'numbers' });
    const first = await post('9007199254740993');
    expect((await post('9007199254740993')).body.task_id).toBe(first.body.task_id);
    expect((await post('9007199254740992')).body.code).toBe('idempotency_key_reused');
  });

  it('holds while a newer version takes the name', async () => {
    await addFunction(rig, 'moving');
    const wish = { function: 'moving', args: [1] };
    const first = await rig.post('/v1/tasks', wish, { 'idempotency-key': 'k-2' });
    await addFunction(rig, 'moving', { source: 'def other(x): return x' });
    const again = await rig.post('/v1/tasks', wish, { 'idempotency-key': 'k-2' });
    expect(again.body).toEqual(first.body);
  });

  it('holds after the function was deleted, for the same content alone', async () => {
    const gone = await addFunction(rig, 'gone');
    const large = 'x'.repeat(100_000);
    const tasks = Array.from({ length: 300 }, (_, i) => ({ function: 'gone', args: [i] }));
    const requests = [
      ['/v1/tasks', { function: 'gone', args: [large], options: { tags: ['t'] } }],
      ['/v1/tasks/batch', { tasks }],
      ['/execute_function', { function_id: gone, payload: 'gAIpfYYu' }],
    ] as const;
    const first = [];
    for (const [path, body] of requests) first.push(await rig.post(path, body, { 'idempotency-key': `gone${path}` }));
    await rig.send('DELETE', '/v1/functions/gone');
    for (const [i, [path, body]] of requests.entries()) {
      const again = await rig.post(path, body, { 'idempotency-key': `gone${path}` });
      expect(again).toMatchObject({ status: 200, body: first[i]!.body });
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      expect((await rig.post(path, body, { 'idempotency-key': 'new' })).status).toBe(404);
      expect((await rig.post(path, body)).status).toBe(404);
    }
    const single = { 'idempotency-key': 'gone/v1/tasks' };
    const call = await rig.post('/v1/call/gone?wait_ms=1', { args: [large], options: { tags: ['t'] } }, single);
    expect(call.headers.get('x-task-id')).toBe(first[0]!.body.task_id);
    expect((await rig.post('/v1/tasks', { function: 'gone' }, single)).body.code).toBe('idempotency_key_reused');
    // One task of it never came: it cannot be completed any more.
    const more = { tasks: [...tasks, { function: 'gone' }] };
    expect((await rig.post('/v1/tasks/batch', more, { 'idempotency-key': 'gone/v1/tasks/batch' })).status).toBe(404);
    expect((await rig.get('/v1/stats')).body).toMatchObject({ states: { QUEUED: 302 } });
  });

  it('completes a batch: item i has the key K/i', async () => {
    const batch = { tasks: [1, 2, 3].map((n) => ({ function: 'double', args: [n] })) };
    await rig.post('/v1/tasks', batch.tasks[1], { 'idempotency-key': 'k-3/1' });
    const first = await rig.post('/v1/tasks/batch', batch, { 'idempotency-key': 'k-3' });
    expect(first.status).toBe(201);
    const again = await rig.post('/v1/tasks/batch', batch, { 'idempotency-key': 'k-3' });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(new Set(first.body.task_ids).size).toBe(3);
  });

  it('of a longer batch adds what is new, where nothing is in conflict', async () => {
    const key = { 'idempotency-key': 'k-4' };
    const post = (...args: number[]): Promise<Answer> =>
      rig.post('/v1/tasks/batch', { tasks: args.map((n) => ({ function: 'double', args: [n] })) }, key);
    const first = (await post(1, 2)).body.task_ids;
    const longer = await post(1, 2, 3);
    expect(longer.status).toBe(201);
    expect(longer.body.task_ids.slice(0, 2)).toEqual(first);
    expect((await post(1, 5, 3)).body).toMatchObject({ code: 'idempotency_key_reused', task_id: first[1] });
    const refused = (await post(1, 5, 3, 4)).body;
    expect(refused).toMatchObject({ code: 'idempotency_key_reused', errors: [{ pointer: '/tasks/1' }] });
    const whole = await post(1, 2, 3, 4);
    expect([whole.status, whole.body.task_ids.slice(0, 3)]).toEqual([201, longer.body.task_ids]);
  });
});

describe('a batch', () => {
  it('is validated whole before the first write, and names what is wrong', async () => {
    const before = (await rig.get('/v1/stats')).body;
    const good = { function: 'double', args: [1] };
    const post = (bad: object): Promise<Answer> => rig.post('/v1/tasks/batch', { tasks: [good, { ...good, ...bad }] });
    expect((await post({ args: 5 })).body).toMatchObject({ status: 422, errors: [{ pointer: '/tasks/1/args' }] });
    expect((await post({ function: 'nobody' })).body).toMatchObject({
      status: 404,
      errors: [{ pointer: '/tasks/1/function' }],
    });
    expect((await post({ args: undefined, args_pickle: 'A' })).body).toMatchObject({
      status: 400,
      errors: [{ pointer: '/tasks/1/args_pickle' }],
    });
    expect((await post({ options: { priority: 101 } })).body).toMatchObject({
      errors: [{ pointer: '/tasks/1/options/priority' }],
    });
    expect((await rig.get('/v1/stats')).body).toEqual(before);
  });

  it('is listed in the order in which it came', async () => {
    const tasks = Array.from({ length: 50 }, () => ({ function: 'double', options: { group: 'in order' } }));
    const { task_ids: ids } = (await rig.post('/v1/tasks/batch', { tasks })).body;
    const { items } = (await rig.get('/v1/tasks?group=in%20order')).body;
    expect(items.map(({ task_id }: { task_id: string }) => task_id)).toEqual(ids.toReversed());
  });

  it('takes ten thousand and no more', async () => {
    const tasks = Array.from({ length: 10_000 }, () => ({ function: 'double' }));
    const { status, body } = await rig.post('/v1/tasks/batch', { tasks });
    expect(status).toBe(201);
    expect(new Set(body.task_ids).size).toBe(10_000);
    const before = (await rig.get('/v1/stats')).body;
    for (const more of [1, 2]) {
      const many = await rig.post('/v1/tasks/batch', { tasks: [...tasks, ...tasks.slice(0, more)] });
      expect(many.body).toMatchObject({ status: 422, limit: 10_000, errors: [{ pointer: '/tasks' }] });
      expect(many.body).not.toHaveProperty('option');
      expect(many.body.detail).toMatch(/10000 items, which no option raises: send them in several batches\.$/);
    }
    expect((await rig.get('/v1/stats')).body).toEqual(before);
    expect((await rig.get('/v1/tasks?limit=1001')).body).toMatchObject({ status: 422, limit: 1000 });
    expect((await rig.get('/v1/tasks?limit=99999999999999999999')).body).toMatchObject({ status: 422, limit: 1000 });
  });
});

describe('a moment', () => {
  it('in a leap second is the last one before the next second', async () => {
    const options = { not_before: '2030-12-31T15:59:60-08:00', expires_at: '2031-06-30T23:59:60.5Z' };
    const { status, body } = await submit({ options });
    expect(status).toBe(201);
    expect((await rig.get(`/v1/tasks/${body.task_id}`)).body).toMatchObject({
      options: { not_before: '2030-12-31T23:59:59.999Z', expires_at: '2031-06-30T23:59:59.999Z' },
    });
    expect((await rig.get('/v1/tasks?since=2016-12-31T23:59:60Z&until=2030-12-31T23:59:60Z')).status).toBe(200);
    await rig.store.cancel('default', [body.task_id]);
  });

  it.each([
    '9999-12-31T23:59:59-23:00',
    '1969-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    '2030-12-31T23:59:59Z[Europe/Berlin]',
    '2030-06-15T12:30:60Z',
    '2030-02-30T00:00:00Z',
  ])('%s is refused wherever it stands', async (moment) => {
    for (const name of ['not_before', 'expires_at']) {
      const options = { [name]: moment };
      const at = (pointer: string) => ({ status: 422, code: 'validation_failed', errors: [{ pointer }] });
      expect((await submit({ options })).body).toMatchObject(at(`/options/${name}`));
      const tasks = [{ function: 'double' }, { function: 'double', options }];
      expect((await rig.post('/v1/tasks/batch', { tasks })).body).toMatchObject(at(`/tasks/1/options/${name}`));
    }
    for (const name of ['since', 'until']) {
      const { body } = await rig.get(`/v1/tasks?${name}=${encodeURIComponent(moment)}`);
      expect(body).toMatchObject({ status: 422, errors: [{ pointer: `/${name}` }] });
    }
    expect((await rig.get('/v1/tasks')).status).toBe(200);
  });

  it('that has passed is one, the first of all too', async () => {
    const { body } = await submit({ options: { expires_at: '1970-01-01T00:00:00Z' } });
    expect((await rig.get(`/v1/tasks/${body.task_id}`)).body).toMatchObject({
      options: { expires_at: '1970-01-01T00:00:00.001Z' },
    });
  });
});

describe('acts', () => {
  it('cancel of many says of each what came of it, and lets be what runs where asked to', async () => {
    const submit = async (): Promise<string> => (await rig.post('/v1/tasks', { function: 'double' })).body.task_id;
    const ended = await submit();
    await rig.finish();
    const running = await submit();
    await rig.claim();
    const waiting = await submit();
    const unknown = '00000000-0000-7000-8000-000000000000';
    const all = [ended, running, waiting, unknown];
    const cancel = async (only_waiting: boolean): Promise<unknown> =>
      (await rig.post('/v1/tasks/cancel', { task_ids: all, only_waiting })).body;
    expect(await cancel(true)).toEqual({ canceled: [waiting], running: [running], ended: [ended], unknown: [unknown] });
    expect((await rig.get(`/v1/tasks/${running}`)).body.status).toBe('RUNNING');
    expect(await cancel(false)).toEqual({
      canceled: [running, waiting],
      running: [],
      ended: [ended],
      unknown: [unknown],
    });
  });

  it('a call that runs at most once is not retried', async () => {
    const retry = { max_retries: 2 };
    const both = await rig.post('/v1/tasks', { function: 'double', args: [1], options: { retry, at_most_once: true } });
    expect(both.body).toMatchObject({
      status: 422,
      detail: '/options/retry and at_most_once exclude each other: a retry is a second start.',
      errors: [{ pointer: '/options/retry' }],
    });
    const source = 'def f(x):\n    return x\n';
    const register = (name: string, options: object): ReturnType<typeof rig.post> =>
      rig.post('/v1/functions', { name, runtime: 'python', source, options });
    expect((await register('both', { retry, at_most_once: true })).status).toBe(422);
    await register('retried', { retry });
    await register('once', { at_most_once: true });
    const calledWith = async (ref: string, options: object): Promise<unknown> => {
      const { status, body } = await rig.post('/v1/tasks', { function: ref, args: [1], options });
      return status === 201 ? (await rig.get(`/v1/tasks/${body.task_id}`)).body : body.detail;
    };
    expect(await calledWith('retried', { at_most_once: true })).toMatchObject({
      options: { retry: null, at_most_once: true },
    });
    expect(await calledWith('once', { at_most_once: false, retry })).toMatchObject({
      options: { retry: { max_retries: 2 } },
    });
    expect(await calledWith('once', { retry })).toMatch(/whose function runs at most once: with at_most_once=false/);
  });

  it('cancel ends a task, and says so again to whoever did not hear it', async () => {
    const { task_id } = (await submit()).body;
    const cancel = async (): Promise<unknown> => (await rig.post(`/v1/tasks/${task_id}/cancel`, {})).body;
    const first = await cancel();
    expect(first).toMatchObject({ status: 'CANCELED', error: { kind: 'canceled' } });
    expect(await cancel()).toEqual(first);
  });

  it('cancel that comes too late is 409 and says which end won', async () => {
    const { task_id } = (await submit()).body;
    await rig.finish();
    expect((await rig.post(`/v1/tasks/${task_id}/cancel`, {})).body).toMatchObject({
      status: 409,
      code: 'task_ended',
      task_status: 'COMPLETED',
    });
  });

  it('retry is a new task with the same call', async () => {
    const { task_id } = (await submit({ args: ['again'], options: { priority: 9, tags: ['t'] } })).body;
    expect((await rig.post(`/v1/tasks/${task_id}/retry`, {})).body.code).toBe('task_not_ended');
    await rig.finish();
    const retried = await rig.post(`/v1/tasks/${task_id}/retry`, {});
    expect(retried.status).toBe(201);
    expect(retried.body.task_id).not.toBe(task_id);
    const [claimed] = await rig.claim();
    expect(claimed!.spec).toMatchObject({ id: retried.body.task_id, priority: 9, tags: ['t'] });
    expect(claimed!.args.toString()).toContain('again');
    await rig.store.cancel('default', [retried.body.task_id]);
  });

  it('retry keeps the moments that lie ahead, and no other', async () => {
    const [not_before, expires_at] = ['2100-01-01T00:00:00.000Z', '2100-01-02T00:00:00.000Z'];
    for (const [options, held] of [
      [
        { not_before, expires_at },
        { not_before, expires_at },
      ],
      [
        { not_before: '2001-01-01T00:00:00Z', expires_at },
        { not_before: null, expires_at },
      ],
      [{ expires_at: '2001-01-01T00:00:00Z' }, { not_before: null, expires_at: null }],
    ] as const) {
      const { task_id } = (await submit({ options })).body;
      await rig.claim();
      await rig.store.cancel('default', [task_id]);
      const retried = (await rig.post(`/v1/tasks/${task_id}/retry`, {})).body.task_id;
      expect((await rig.get(`/v1/tasks/${retried}`)).body).toMatchObject({ options: held });
      await rig.store.cancel('default', [retried]);
    }
  });

  it('pin and unpin', async () => {
    const { task_id } = (await submit()).body;
    await rig.finish();
    expect((await rig.post(`/v1/tasks/${task_id}/pin`, {})).body).toMatchObject({ pinned: true });
    expect((await rig.post(`/v1/tasks/${task_id}/pin`, { pinned: false })).body).toMatchObject({ pinned: false });
  });

  it('of an unknown task are 404, of an expired one 410, of no id 400', async () => {
    for (const act of ['cancel', 'retry', 'pin']) {
      expect((await rig.post(`/v1/tasks/${newId(Date.now(), 0)}/${act}`, {})).status).toBe(404);
      expect((await rig.post(`/v1/tasks/${newId(1000, 0)}/${act}`, {})).status).toBe(410);
      expect((await rig.post(`/v1/tasks/nope/${act}`, {})).status).toBe(400);
    }
  });
});

describe('the list', () => {
  it('is filtered, newest first, and its cursor is stable under inserts', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      ids.unshift((await submit({ options: { group: 'listed', tags: ['odd'] } })).body.task_id);
      // Those of one millisecond stand in any order.
      for (const made = Date.now(); Date.now() === made;) await new Promise(setImmediate);
    }
    const first = await rig.get('/v1/tasks?group=listed&tag=odd&status=QUEUED,RUNNING&function=double&limit=2');
    expect(first.body.items.map(({ task_id }) => task_id)).toEqual(ids.slice(0, 2));
    await submit({ options: { group: 'listed', tags: ['odd'] } });
    const seen: string[] = [];
    for (let cursor = first.body.next_cursor; cursor !== '';) {
      const page = await rig.get(`/v1/tasks?group=listed&tag=odd&limit=2&cursor=${cursor}`);
      seen.push(...page.body.items.map(({ task_id }) => task_id));
      cursor = page.body.next_cursor;
    }
    expect(seen).toEqual(ids.slice(2));
    expect((await rig.get('/v1/tasks?group=listed&status=COMPLETED')).body.items).toEqual([]);
    expect((await rig.get(`/v1/tasks?group=listed&until=2020-01-01T00:00:00Z`)).body.items).toEqual([]);
  });
});
