// Events and followed logs: replayed, then as they happen; a reader too far behind is told to reset.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addFunction, startRig } from './harness.ts';
import type { Rig } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
  await addFunction(rig);
  await addFunction(rig, 'other');
});
afterAll(() => rig.stop());

interface Event {
  id?: string;
  event?: string;
  data?: string;
  comment?: string;
}

/** Events of a stream, as they come. */
async function* events(path: string, headers: Record<string, string> = {}): AsyncGenerator<Event> {
  const answer = await fetch(rig.url + path, { headers });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  expect(answer.headers.get('x-accel-buffering')).toBe('no');
  let rest = '';
  for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
    rest += text;
    for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
      const event: Event = {};
      for (const line of rest.slice(0, end).split('\n')) {
        const [name = '', value = ''] = line.split(/: (.*)/s);
        event[name === '' ? 'comment' : (name as 'id')] = value;
      }
      yield event;
      rest = rest.slice(end + 2);
    }
  }
}

async function next(stream: AsyncGenerator<Event>): Promise<Event> {
  for (;;) {
    const item = await stream.next();
    if (item.done === true) throw new Error('the stream ended');
    if (item.value.event !== undefined) return item.value;
  }
}

const submit = async (fn = 'double', options = {}): Promise<string> =>
  (await rig.post('/v1/tasks', { function: fn, options })).body.task_id;

describe('events', () => {
  it('tell each end once, and replay what came after an id', async () => {
    const stream = events('/v1/events');
    const hello = await stream.next();
    expect(hello.value).toMatchObject({ comment: 'here' });
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      ids.push(await submit('double', { group: 'g' }));
      await rig.finish();
    }
    const seen = [await next(stream), await next(stream), await next(stream)];
    expect(seen.map(({ data }) => JSON.parse(data!) as unknown)).toEqual(
      ids.map((task_id) => ({ task_id, status: 'COMPLETED', kind: null, group: 'g' })),
    );
    expect(seen.map(({ event }) => event)).toEqual(Array(3).fill('task.ended'));
    await stream.return(undefined);

    const again = events('/v1/events', { 'last-event-id': seen[0]!.id! });
    expect(await next(again)).toEqual(seen[1]);
    await again.return(undefined);
    const after = events(`/v1/events?after=${seen[1]!.id!}`);
    expect(await next(after)).toEqual(seen[2]);
    await after.return(undefined);
  });

  it('are filtered by group, function and task', async () => {
    const start = (await events('/v1/events').next()).value as Event;
    const plain = await submit();
    const grouped = await submit('double', { group: 'mine' });
    const other = await submit('other');
    await rig.finish({ state: 'FAILED', kind: 'raised', error: { type: 'E', message: '', traceback: '' } });
    for (const [query, id] of [
      ['group=mine', grouped],
      ['function=other', other],
      [`task_id=${plain}`, plain],
    ] as const) {
      const stream = events(`/v1/events?${query}&after=${start.id!}`);
      const { data } = await next(stream);
      expect(JSON.parse(data!)).toMatchObject({ task_id: id, status: 'FAILED', kind: 'raised' });
      await stream.return(undefined);
    }
  });

  it('carry small results where asked to, and say where one does not ride along', async () => {
    const start = (await events('/v1/events').next()).value as Event;
    const before = await submit('double', { group: 'ride' });
    await rig.finish();
    const live = events('/v1/events?group=ride&results=true');
    await live.next();
    const small = await submit('double', { group: 'ride', result_as: 'both' });
    await rig.finish();
    const seen = JSON.parse((await next(live)).data!) as Record<string, unknown>;
    const told = (await rig.get(`/v1/tasks/${small}/result`)).body;
    expect(seen).toEqual({ task_id: small, status: 'COMPLETED', kind: null, group: 'ride', result: told });
    const failed = await submit('double', { group: 'ride' });
    await rig.finish({ state: 'FAILED', kind: 'raised', error: { type: 'E', message: 'm', traceback: 't' } });
    expect(JSON.parse((await next(live)).data!)).toMatchObject({ task_id: failed, result: { error: { type: 'E' } } });
    const large = await submit('double', { group: 'ride' });
    await rig.finish({ state: 'COMPLETED', result: { json: Buffer.from(`"${'x'.repeat(5000)}"`) } });
    expect(JSON.parse((await next(live)).data!)).toMatchObject({ task_id: large, result: null });
    await live.return(undefined);
    // What ended while nobody showed results does not ride along: it is read.
    const replayed = events(`/v1/events?group=ride&results=true&after=${start.id!}`);
    expect(JSON.parse((await next(replayed)).data!)).toMatchObject({ task_id: before, result: null });
    await replayed.return(undefined);
  });

  it('can be asked for by HEAD', async () => {
    expect((await rig.send('HEAD', '/v1/events')).status).toBe(200);
  });

  it('from a place that the log does not know begin with a reset', async () => {
    const stream = events('/v1/events?after=999999999');
    expect(await next(stream)).toMatchObject({ event: 'reset' });
    const id = await submit();
    await rig.finish();
    expect(JSON.parse((await next(stream)).data!)).toMatchObject({ task_id: id });
    await stream.return(undefined);
  });
});

describe('logs', () => {
  const chunk = (stream: 'stdout' | 'stderr', offset: number, text: string) => ({
    stream,
    offset,
    bytes: Buffer.from(text),
  });
  const limits = { headBytes: 10, tailBytes: 4 };

  it('tell head and tail, and what was dropped between them', async () => {
    const id = await submit();
    const [claimed] = await rig.claim();
    const { attempt } = claimed!.fence;
    const chunks = [chunk('stdout', 0, '0123456789abcdefghij'), chunk('stderr', 0, 'é')];
    await rig.store.appendLogs('default', [{ id, attempt, chunks }], limits);
    expect((await rig.get(`/v1/tasks/${id}/logs`)).body).toEqual({
      task_id: id,
      attempt: 1,
      stdout: { text: '0123456789ghij', gap_at: 10, dropped_bytes: 6, total_bytes: 20 },
      stderr: { text: 'é', gap_at: null, dropped_bytes: 0, total_bytes: 2 },
    });
    await rig.store.cancel('default', [id]);
  });

  it('say where the gap is, in characters, and join nothing across it', async () => {
    const id = await submit();
    const [claimed] = await rig.claim();
    const { attempt } = claimed!.fence;
    // Head and tail both cut a character in two.
    await rig.store.appendLogs(
      'default',
      [{ id, attempt, chunks: [chunk('stdout', 0, '😀12345é------ä..x')] }],
      limits,
    );
    const { stdout } = (await rig.get(`/v1/tasks/${id}/logs`)).body as unknown as { stdout: Record<string, unknown> };
    expect(stdout).toEqual({ text: '😀12345\ufffd\ufffd..x', gap_at: 7, dropped_bytes: 8, total_bytes: 22 });
    await rig.store.cancel('default', [id]);
  });

  it('of an attempt that printed nothing are its own', async () => {
    const id = await submit();
    expect((await rig.get(`/v1/tasks/${id}/logs`)).body).toMatchObject({ attempt: 0 });
    await rig.finish();
    expect((await rig.get(`/v1/tasks/${id}/logs`)).body).toMatchObject({ attempt: 1, stdout: { text: '' } });
  });

  it('are followed with true offsets, across a gap and through characters that come in two pieces', async () => {
    const id = await submit();
    const [claimed] = await rig.claim();
    const { attempt } = claimed!.fence;
    const print = (offset: number, bytes: Buffer) =>
      rig.store.appendLogs('default', [{ id, attempt, chunks: [{ stream: 'stdout', offset, bytes }] }], limits);
    const [first, second] = [Buffer.from('aé').subarray(0, 2), Buffer.from('aé').subarray(2)];
    const stream = events(`/v1/tasks/${id}/logs?follow=1`);
    await stream.next();
    const told = async (): Promise<unknown> => {
      const { offset, text } = JSON.parse((await next(stream)).data!) as { offset: number; text: string };
      return [offset, text];
    };
    await print(0, first);
    expect(await told()).toEqual([0, 'a']);
    await print(2, second);
    expect(await told()).toEqual([1, 'é']);
    await print(3, Buffer.from('34567890123456789ghij'));
    expect([await told(), await told()]).toEqual([
      [3, '3456789'],
      [20, 'ghij'],
    ]);
    await print(24, first);
    expect(await told()).toEqual([24, 'a']);
    await rig.store.cancel('default', [id]);
    // What never came whole is told for what it is.
    expect(await told()).toEqual([25, '\ufffd']);
    expect(await next(stream)).toMatchObject({ event: 'end' });
  });

  it('are followed to the end', async () => {
    const id = await submit();
    const [claimed] = await rig.claim();
    const { attempt } = claimed!.fence;
    const stream = events(`/v1/tasks/${id}/logs?follow=1`);
    await stream.next();
    await rig.store.appendLogs('default', [{ id, attempt, chunks: [chunk('stdout', 0, 'one\n')] }], limits);
    expect(await next(stream)).toEqual({
      event: 'log',
      data: JSON.stringify({ attempt: 1, stream: 'stdout', offset: 0, text: 'one\n' }),
    });
    await rig.store.appendLogs('default', [{ id, attempt, chunks: [chunk('stdout', 4, 'two\n')] }], limits);
    expect(JSON.parse((await next(stream)).data!)).toMatchObject({ offset: 4, text: 'two\n' });
    await rig.store.cancel('default', [id]);
    expect(await next(stream)).toEqual({ event: 'end', data: '{}' });
    expect((await stream.next()).done).toBe(true);
  });

  it('of an unknown task are 404', async () => {
    expect((await rig.get('/v1/tasks/00000000-0000-4000-8000-000000000000/logs')).status).toBe(404);
  });
});

describe('a stream with nothing to tell', () => {
  it('says that it is there every 15 s', async () => {
    const id = await submit();
    const paths = ['/v1/events?group=nobody', `/v1/tasks/${id}/logs?follow=1`];
    const silences = paths.map(async (path) => {
      const stream = events(path);
      const first = performance.now();
      expect((await stream.next()).value).toMatchObject({ comment: 'here' });
      expect((await stream.next()).value).toMatchObject({ comment: 'here' });
      const silence = performance.now() - first;
      await stream.return(undefined);
      return silence;
    });
    for (const ms of await Promise.all(silences)) expect(ms).toBeGreaterThan(14_000);
    await rig.store.cancel('default', [id]);
  });
});

describe('stopping', () => {
  it('ends streams and waits', async () => {
    const own = await startRig();
    await addFunction(own);
    const { task_id } = (await own.post('/v1/tasks', { function: 'double' })).body;
    const stream = await fetch(`${own.url}/v1/events`);
    const reader = stream.body!.getReader();
    await reader.read();
    const waiting = own.get(`/v1/tasks/${task_id}/result?wait_ms=60000`);
    // Another answer on a connection of its own says that the wait has been taken up.
    await own.get('/v1/stats');
    await own.stop();
    expect((await waiting).status).toBe(202);
    expect((await reader.read()).done).toBe(true);
  });
});
