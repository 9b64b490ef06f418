// /v1: results in their forms, waited for alone and among many; calls that answer the value.
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

describe('results', () => {
  it('are pushed to who waits, and 202 tells the task when the time is up', async () => {
    const { task_id } = (await submit()).body;
    expect(await rig.get(`/v1/tasks/${task_id}/result?wait_ms=1`)).toMatchObject({
      status: 202,
      body: { task_id, status: 'QUEUED' },
    });
    const waiting = rig.get(`/v1/tasks/${task_id}/result?wait_ms=99999999`);
    await rig.finish();
    expect((await waiting).body).toMatchObject({ task_id, status: 'COMPLETED', value: 42, error: null });
  });

  it('are waited for no longer than the longest wait, however long was asked for', async () => {
    const { task_id } = (await submit()).body;
    await rig.finish();
    for (const ms of ['60001', '9007199254740993', '9'.repeat(400)]) {
      expect((await rig.get(`/v1/tasks/${task_id}/result?wait_ms=${ms}`)).status).toBe(200);
    }
    const asked = `{"task_ids":["${task_id}"],"wait_ms":9007199254740993000}`;
    expect((await rig.post('/v1/results', asked)).status).toBe(200);
    expect((await rig.get(`/v1/tasks/${task_id}/result?wait_ms=-1`)).status).toBe(422);
  });

  it('come in the form that was chosen at submit', async () => {
    const { task_id } = (await submit()).body;
    await rig.finish({ state: 'COMPLETED', result: { json: Buffer.from('42') } });
    const refused = await rig.get(`/v1/tasks/${task_id}/result?as=pickle`);
    expect(refused.body).toMatchObject({ status: 406, code: 'result_form_not_stored', stored: ['json'] });
    const both = (await submit({ options: { result_as: 'both' } })).body.task_id;
    await rig.finish();
    expect((await rig.get(`/v1/tasks/${both}/result`)).body).toMatchObject({ value: 42, pickle: 'gAJLKi4=' });
    expect((await rig.get(`/v1/tasks/${both}/result?as=json`)).body).not.toHaveProperty('pickle');
    expect((await rig.get(`/v1/tasks/${both}/result?as=pickle`)).body).not.toHaveProperty('value');
  });

  it('of a failure tell kind, type, message and traceback', async () => {
    const { task_id } = (await submit()).body;
    const error = { type: 'ValueError', message: 'no', traceback: 'line 1' };
    await rig.finish({ state: 'FAILED', kind: 'raised', error, pickle: PICKLE_42 });
    expect((await rig.get(`/v1/tasks/${task_id}/result`)).body).toMatchObject({
      status: 'FAILED',
      error: { kind: 'raised', ...error },
      pickle: 'gAJLKi4=',
    });
  });

  it('of many: as soon as one has ended', async () => {
    const first = (await submit({ options: { priority: 1 } })).body.task_id;
    const second = (await submit({ options: { not_before: '2100-01-01T00:00:00Z' } })).body.task_id;
    const stranger = newId(Date.now(), 0);
    const ask = { task_ids: [first, second, stranger, first], wait_ms: 60_000 };
    const waiting = rig.post('/v1/results', ask);
    await rig.finish();
    expect((await waiting).body).toMatchObject({
      results: [{ task_id: first, value: 42 }],
      pending: [second],
      unknown: [stranger],
    });
    expect((await rig.post('/v1/results', { task_ids: [second], wait_ms: 1 })).body.pending).toEqual([second]);
    expect((await rig.post('/v1/results', { task_ids: ['x'] })).status).toBe(422);
  });

  it('a value that is no JSON cannot write the end of another', async () => {
    const ids = (await rig.post('/v1/tasks/batch', { tasks: [{ function: 'double' }, { function: 'double' }] })).body
      .task_ids;
    const forged = Buffer.from('1,"error":null},{"task_id":"forged"');
    await rig.finish({ state: 'COMPLETED', result: { json: forged } });
    const { results } = (await rig.post('/v1/results', { task_ids: ids })).body;
    expect(results.map(({ task_id }) => task_id)).toEqual(ids);
  });
});

describe('calls', () => {
  const call = (path = '/v1/call/double', headers = {}): Promise<Answer> => rig.post(path, { args: [21] }, headers);

  /** Ends the task of a call as soon as it is in the queue. */
  async function finishNext(end?: Parameters<Rig['finish']>[0]): Promise<void> {
    const queued = Promise.withResolvers<undefined>();
    const unsubscribe = await rig.store.subscribe(({ is }) => is === 'work' && queued.resolve(undefined));
    void queued.promise.then(() => rig.finish(end)).then(unsubscribe);
  }

  it('answer the value itself', async () => {
    await finishNext({ state: 'COMPLETED', result: { json: Buffer.from('{"n": 42}') } });
    const answer = await call();
    expect(answer.status).toBe(200);
    expect(answer.bytes.toString()).toBe('{"n": 42}');
    const id = answer.headers.get('x-task-id')!;
    expect((await rig.get(`/v1/tasks/${id}`)).body.status).toBe('COMPLETED');
  });

  it('answer the pickle where only that is stored', async () => {
    await finishNext({ state: 'COMPLETED', result: { pickle: PICKLE_42 } });
    const answer = await rig.post('/v1/call/double', { args_pickle: 'gAJLKi4=' });
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.bytes).toEqual(PICKLE_42);
  });

  it.each([
    ['raised', 424, 'task_failed'],
    ['timed_out', 504, 'task_timed_out'],
    ['lost', 503, 'task_lost'],
    ['result_not_json', 424, 'task_failed'],
  ] as const)('%s answers %i', async (kind, status, code) => {
    await finishNext({ state: 'FAILED', kind, error: { type: 'E', message: 'why', traceback: 't' } });
    const answer = await call();
    expect(answer.body).toMatchObject({ status, code, detail: 'E: why', task_error: { kind, traceback: 't' } });
    expect(answer.headers.get('x-task-id')).toMatch(/-7/);
  });

  it('whose time is up: 503 where no worker can run it', async () => {
    const answer = await call('/v1/call/double?wait_ms=1');
    const stays = `Task ${answer.body.task_id} stays in the queue; cancel it if you no longer want it.`;
    const detail = `No worker is connected. Start one, or run \`mpcsfaas up\`. ${stays}`;
    expect(answer.body).toMatchObject({ status: 503, code: 'no_worker', detail });
    expect((await rig.get(`/v1/tasks/${answer.body.task_id}`)).body.status).toBe('QUEUED');
  });

  it('whose time is up: 503 names what no worker has', async () => {
    const now = Date.now();
    const place = { mode: 'local' as const, host: 'h', pid: 1, version: '0.1.0' };
    const python = { runtime: 'python' as const, version: '3.11.2', broken: '' };
    const worker = {
      ...place,
      ...{ id: 'w', dispatcher: 'd', slots: 1, busy: 0, waiting: 0, credits: 0, labels: [], state: 'ready' as const },
      ...{ runtimes: [python], registeredAt: now, seenAt: now },
    };
    const times = { startedAt: now, seenAt: now, histograms: {} };
    await rig.store.report({ ...place, ...times, id: 'd', address: '', workers: [worker] }, 60_000);
    try {
      const answer = await rig.post('/v1/call/double?wait_ms=1', { options: { labels: ['gpu'] } });
      expect(answer.body).toMatchObject({ status: 503, code: 'no_worker' });
      expect(answer.body.detail).toBe(
        `No connected worker has python and the labels gpu. Start one that has, or ask for less. Task ${answer.body.task_id} stays in the queue; cancel it if you no longer want it.`,
      );
      await rig.store.cancel('default', [answer.body.task_id]);
    } finally {
      await rig.store.retract('d');
    }
  });

  it.each(['', '&cancel_on_disconnect=true'])('whose time is up: 202 where it runs (%s)', async (query) => {
    const waiting = call(`/v1/call/double?wait_ms=300${query}`);
    const claimed = await claimSoon();
    const answer = await waiting;
    expect(answer).toMatchObject({ status: 202, body: { status: 'RUNNING', task_id: claimed } });
    await rig.store.cancel('default', [claimed]);
  });

  it('are canceled with the caller only where that was asked for', async () => {
    for (const [query, status] of [
      ['', 'RUNNING'],
      ['?cancel_on_disconnect=true', 'CANCELED'],
    ] as const) {
      const caller = new AbortController();
      const gone = fetch(`${rig.url}/v1/call/double${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
        signal: caller.signal,
      });
      const id = await claimSoon();
      const canceled = Promise.withResolvers<undefined>();
      const unsubscribe = await rig.store.subscribe((hint) => {
        if (hint.is === 'canceled' && hint.ids.includes(id)) canceled.resolve(undefined);
      });
      caller.abort();
      await expect(gone).rejects.toThrow();
      if (status === 'CANCELED') await canceled.promise;
      else await rig.get('/healthz');
      expect((await rig.get(`/v1/tasks/${id}`)).body.status).toBe(status);
      await unsubscribe();
      await rig.store.cancel('default', [id]);
    }
  });

  it('are replayed under their key', async () => {
    const key = { 'idempotency-key': 'call-1' };
    await finishNext();
    const first = await call('/v1/call/double', key);
    const again = await call('/v1/call/double', key);
    expect(again.headers.get('x-task-id')).toBe(first.headers.get('x-task-id'));
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toBe(42);
  });

  async function claimSoon(): Promise<string> {
    for (;;) {
      const [claimed] = await rig.claim();
      if (claimed !== undefined) return claimed.fence.id;
      const heard = Promise.withResolvers<undefined>();
      const unsubscribe = await rig.store.subscribe(({ is }) => is === 'work' && heard.resolve(undefined));
      const [late] = await rig.claim();
      if (late === undefined) await heard.promise;
      await unsubscribe();
      if (late !== undefined) return late.fence.id;
    }
  }
});
