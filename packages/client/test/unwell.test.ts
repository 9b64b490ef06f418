// A service that is unwell in parts: it does what it is asked and its answer is cut, or its events do not come.
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Connection } from '../src/connection.ts';
import { Ends } from '../src/ends.ts';
import { ConnectionFailed, Faas, NotFound, TaskFailed } from '../src/index.ts';
import { refuse, say, sayEnds, serve, stopServing, type Asked } from './fake.ts';

afterEach(stopServing);

describe('a submission whose answer is cut', () => {
  /** Makes tasks once for each key; `fault` comes in place of the answer of the n-th submission, `made` or not. */
  async function making(fault: (n: number) => 'cut' | 'full' | undefined) {
    const made = new Map<string, string[]>();
    const submissions: Asked[] = [];
    const { url } = await serve((asked, response) => {
      const { path, key, body } = asked;
      if (path === '/v1/results') return sayEnds(response, body, true);
      const what = fault(submissions.push(asked));
      if (what === 'full') return refuse(response, 429, 'rate_limited');
      const { tasks = [{}] } = JSON.parse(body) as { tasks?: object[] };
      const ids = made.get(key) ?? tasks.map(() => crypto.randomUUID());
      made.set(key, ids);
      if (what === 'cut') response.destroy();
      else say(response, 201, path === '/v1/tasks' ? { task_id: ids[0] } : { task_ids: ids });
    });
    return { url, submissions, made: () => [...made.values()].flat() };
  }

  it('and then refused for want of room keeps its key and its company until it is answered', async () => {
    const { url, submissions, made } = await making((n) => (n === 1 ? 'cut' : n < 6 ? 'full' : undefined));
    const f = new Faas({ url, retries: 1 }).function('f');
    const values = await f.map([1, 2, 3]).toArray();
    expect(values.sort()).toEqual(made().sort());
    expect(made()).toHaveLength(3);
    const first = submissions.slice(0, 6);
    expect(new Set(first.map(({ key, body }) => key + body)).size).toBe(1);
  });

  it('is drawn anew where it was refused and nothing else', async () => {
    const { url, submissions, made } = await making((n) => (n < 5 ? 'full' : undefined));
    const f = new Faas({ url, retries: 1 }).function('f');
    await f.map([1, 2, 3]).toArray();
    expect(made()).toHaveLength(3);
    const keys = submissions.map(({ key }) => key);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  it('is given up with the last who waits for room', async () => {
    const { url, submissions, made } = await making((n) => (n === 1 ? 'cut' : 'full'));
    const stop = new AbortController();
    const values = new Faas({ url, retries: 1 }).function('f').map([1], { signal: stop.signal }).toArray();
    const told = values.catch((error: unknown) => error);
    await expect.poll(() => submissions.length).toBeGreaterThan(3);
    stop.abort(new Error('enough'));
    expect(await told).toMatchObject({ message: 'enough' });
    expect(made()).toHaveLength(1);
  });
});

describe('a call by itself', () => {
  /** Takes what was submitted. */
  const take = ({ body }: Asked, response: ServerResponse): void => {
    const { tasks } = JSON.parse(body) as { tasks?: object[] };
    const task_ids = tasks?.map(() => crypto.randomUUID());
    say(response, 201, task_ids === undefined ? { task_id: crypto.randomUUID() } : { task_ids });
  };
  /** True where it was about ends, and is answered: all that is asked for has one. */
  const isOfEnds = ({ path, body }: Asked, response: ServerResponse): boolean => {
    if (path === '/v1/results') sayEnds(response, body, true);
    else if (path.startsWith('/v1/events'))
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': here\n\n');
    else return false;
    return true;
  };

  it('does not wait behind a map, be that under way or waiting for room', async () => {
    let answer = (): void => undefined;
    const { url, asked } = await serve((one, response) => {
      if (isOfEnds(one, response)) return;
      if (one.body.includes('alone')) return take(one, response);
      if (asked.length === 1) return refuse(response, 429, 'queue_full');
      answer = () => take(one, response);
      if (asked.some(({ body }) => body.includes('alone 2'))) answer();
    });
    const f = new Faas({ url, retries: 0 }).function<[unknown], string>('f');
    const all = f.map(Array.from({ length: 5_000 }, (_, n) => n)).toArray();
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    await f.submit('alone 1');
    await expect.poll(() => asked.filter(({ body }) => !body.includes('alone')).length).toBe(2);
    // That of the map is not answered before.
    await f.submit('alone 2');
    answer();
    expect(await all).toHaveLength(5_000);
  });

  it('is found by halves where others that went with it are refused', async () => {
    const { url, asked } = await serve((one, response) => {
      if (isOfEnds(one, response)) return;
      if (one.body.includes('"bad"')) return refuse(response, 422, 'validation_failed');
      take(one, response);
    });
    const f = new Faas({ url }).function<[unknown], string>('f');
    const bad = new Set([3, 500, 501, 999]);
    const ends = await Promise.allSettled(Array.from({ length: 1_000 }, (_, n) => f(bad.has(n) ? 'bad' : n)));
    expect(ends.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([...bad]);
    expect(asked.filter(({ path }) => path.startsWith('/v1/tasks')).length).toBeLessThan(120);
    // Nothing that can be told apart: one request each, and not more.
    asked.length = 0;
    await Promise.allSettled(Array.from({ length: 300 }, () => f('bad')));
    expect(asked.length).toBeLessThan(320);
  });
});

describe('who waits for many', () => {
  const ids = Array.from({ length: 40 }, () => crypto.randomUUID());
  /** So many that the stream is followed. */
  const all = (url: string, rereadMs: number): Promise<unknown> => {
    const ends = new Ends(new Connection({ url, patienceMs: 1_500 }), rereadMs);
    return Promise.all(ids.map((id) => ends.of(id, undefined).then(({ task_id }) => task_id)));
  };

  it('is not failed by a stream that cannot be had, as long as reads are answered', async () => {
    let began = 0;
    const { url, asked } = await serve(({ path, body }, response) => {
      if (path !== '/v1/events') return sayEnds(response, body, performance.now() - began > 4_500);
      began ||= performance.now();
      response.destroy();
    });
    expect(await all(url, 50)).toEqual(ids);
    expect(asked.filter(({ path }) => path === '/v1/results').length).toBeGreaterThan(3);
  });

  it('nor by one that is refused', async () => {
    let streams = 0;
    const { url } = await serve(({ path, body }, response) => {
      if (path !== '/v1/events') return sayEnds(response, body, streams > 2);
      streams += 1;
      refuse(response, 403, 'forbidden_origin');
    });
    expect(await all(url, 50)).toEqual(ids);
  });

  it('is read again and again while the head of the stream does not come', async () => {
    let reads = 0;
    const { url } = await serve(({ path, body }, response) => {
      if (path !== '/v1/events') sayEnds(response, body, ++reads > 3);
    });
    expect(await all(url, 50)).toEqual(ids);
    expect(reads).toBe(4);
  });

  it('hears of one group alone where all are of that, and misses nothing where others come', async () => {
    const streams: string[] = [];
    const { url, asked } = await serve(({ path, body }, response) => {
      // All end between the first stream and the next one.
      if (path === '/v1/results') return sayEnds(response, body, streams.length > 1);
      streams.push(path);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': here\n\n');
    });
    const ends = new Ends(new Connection({ url }), 3_600_000);
    const many = (group: string): Promise<unknown> =>
      Promise.all(ids.map((id) => ends.of(group + id, undefined, group)));
    const first = many('a b');
    await expect.poll(() => streams).toEqual(['/v1/events?group=a%20b']);
    // A few are asked for by themselves.
    const few = ends.of('few', undefined, '');
    await expect.poll(() => asked.some(({ body }) => body.includes('"few"'))).toBe(true);
    expect(streams).toHaveLength(1);
    await Promise.all([first, few, many('')]);
    expect(streams).toEqual(['/v1/events?group=a%20b', '/v1/events']);
    // A stream of its own, that group's alone: nobody waits for others any more.
    await many('');
    expect(streams.at(-1)).toBe('/v1/events?group=');
  });

  it('is read again when the stream has lost its place', async () => {
    let stream: ServerResponse | undefined;
    let reads = 0;
    const { url } = await serve(({ path, body }, response) => {
      if (path === '/v1/events') {
        stream = response.writeHead(200, { 'content-type': 'text/event-stream' });
        stream.write(': here\n\n');
        return;
      }
      sayEnds(response, body, ++reads > 1);
      if (reads === 1) stream!.write('event: reset\ndata: {}\nid: 7\n\n');
    });
    expect(await all(url, 3_600_000)).toEqual(ids);
    expect(reads).toBe(2);
  });
});

describe('who follows', () => {
  const ID = '7f0c0c1e-4d2a-4b39-9c35-0d7e5f1e6a11';
  const STREAM = { 'content-type': 'text/event-stream' };
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  /** The program stands still, as on a laptop that is closed: for the clock an hour is over. */
  const standStill = (): void => {
    const now = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000);
  };

  it.each(['events', 'logs'])(
    '%s of a service that is cut off in every word is told so by a fault of ours',
    async (what) => {
      const { url, asked } = await serve((_, response) => {
        response.writeHead(200, STREAM).write(': he', () => response.destroy());
      });
      const faas = new Faas({ url, patienceMs: 100 });
      const told = what === 'events' ? faas.events() : faas.task(ID).logs({ follow: true });
      await expect(told.next()).rejects.toBeInstanceOf(ConnectionFailed);
      expect(asked.length).toBeGreaterThan(1);
    },
  );

  it('is told so of one that falls silent, too', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const { url } = await serve((_, response) => response.writeHead(200, STREAM).flushHeaders());
    const begun = Promise.withResolvers<undefined>();
    const told = new Faas({
      url,
      patienceMs: 1_000,
      fetch: (...asked) => fetch(...asked).finally(() => begun.resolve(undefined)),
    }).events();
    const fault = told.next().catch((error: unknown) => error);
    await begun.promise;
    await vi.advanceTimersByTimeAsync(40_000);
    expect(await fault).toBeInstanceOf(ConnectionFailed);
    expect(await fault).toMatchObject({ message: expect.stringContaining(`at ${url} (no answer)`) as string });
  });

  it('goes on after a standstill, also where the network is back later', async () => {
    let stream: ServerResponse | undefined;
    const { url, asked } = await serve((_, response) => {
      if (asked.length === 2) return void response.destroy();
      stream = response.writeHead(200, STREAM);
      stream.write(`event: task.ended\ndata: ${asked.length}\nid: 7\n\n`);
    });
    const events = new Faas({ url }).events();
    expect(await events.next()).toMatchObject({ value: 1 });
    standStill();
    stream!.destroy();
    expect(await events.next()).toMatchObject({ value: 3 });
    await events.return(undefined);
  });

  it('nor is a wait for a value over with one', async () => {
    const { url, asked } = await serve(({ body }, response) => {
      if (asked.length > 2) return sayEnds(response, body, true);
      if (asked.length === 1) standStill();
      response.destroy();
    });
    expect(await new Faas({ url }).task(ID).result()).toBe(ID);
  });
});

describe('what is large, over a slow line,', () => {
  afterEach(() => void vi.useRealTimers());

  it('is read for longer than a minute', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let finish = (): void => undefined;
    const { url } = await serve((_, response) => {
      response.writeHead(200).write('{"name":');
      finish = () => response.end('"all of it"}');
    });
    const begun = Promise.withResolvers<undefined>();
    const told = new Faas({
      url,
      retries: 0,
      fetch: (...asked) => fetch(...asked).finally(() => begun.resolve(undefined)),
    }).version();
    await begun.promise;
    await vi.advanceTimersByTimeAsync(120_000);
    finish();
    expect(await told).toEqual({ name: 'all of it' });
  });

  it('is sent for longer, what is small is not waited for', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let come = Promise.withResolvers<ServerResponse>();
    const { url } = await serve((_, response) => come.resolve(response));
    const faas = new Faas({ url, retries: 0 });
    const sent = faas.submit('f', { args: ['x'.repeat(6_000_000)] });
    const response = await come.promise;
    await vi.advanceTimersByTimeAsync(120_000);
    say(response, 201, { task_id: 'there' });
    expect((await sent).id).toBe('there');
    come = Promise.withResolvers<ServerResponse>();
    const small = faas.submit('f').catch((error: unknown) => String(error));
    await come.promise;
    await vi.advanceTimersByTimeAsync(61_000);
    expect(await small).toMatch(/^ConnectionFailed: .* \(no answer\)/);
  });
});

it('an end of a kind that a newer service knows is a failed task', async () => {
  const error = { kind: 'of_the_future', type: '', message: 'It is new.', traceback: '', details: {} };
  const id = crypto.randomUUID();
  const { url } = await serve(({ path }, response) => {
    if (path === '/v1/tasks') return say(response, 201, { task_id: id });
    say(response, 200, { results: [{ task_id: id, status: 'FAILED', error }], pending: [], unknown: [] });
  });
  const fault: unknown = await new Faas({ url })
    .function('f')()
    .catch((reason: unknown) => reason);
  expect(fault).toBeInstanceOf(TaskFailed);
  expect(fault).toMatchObject({ name: 'TaskFailed', message: 'It is new.', kind: 'of_the_future', taskId: id });
});

describe('unregister', () => {
  it('takes what is gone after a cut for the success of the try before', async () => {
    const { url, asked } = await serve((_, response) => {
      if (asked.length === 1) response.destroy();
      else refuse(response, 404, 'function_not_found');
    });
    expect(await new Faas({ url }).unregister('f')).toBe(1);
    expect(asked.map(({ method }) => method)).toEqual(['DELETE', 'DELETE']);
    await expect(new Faas({ url }).unregister('f')).rejects.toBeInstanceOf(NotFound);
  });
});

it('a signal that belongs to the call cancels the task of a handle that is there, unless it is known to have ended', async () => {
  let n = 0;
  const { url, asked } = await serve(({ path, body }, response) => {
    if (path === '/v1/results') return sayEnds(response, body, true);
    say(response, 201, { task_id: `0198c5f2-7a1e-7c3b-9d4e-2f6a8b0c1d3${n++}` });
  });
  const stop = new AbortController();
  const faas = new Faas({ url });
  const f = faas.function('f').with({ signal: stop.signal });
  const ended = await f.submit(1);
  await ended.result();
  const open = [await f.submit(2), await faas.submit('f', {}, { signal: stop.signal })];
  const canceled = (): string[] => asked.filter(({ path }) => path === '/v1/tasks/cancel').map(({ body }) => body);
  expect(canceled()).toEqual([]);
  stop.abort();
  await expect.poll(canceled).toEqual([JSON.stringify({ task_ids: open.map(({ id }) => id) })]);
});

it('many calls of one signal are canceled by one request', async () => {
  const { url, asked } = await serve(({ path, body }, response) => {
    if (path === '/v1/tasks/cancel') return say(response, 200, { canceled: [] });
    if (path.startsWith('/v1/events'))
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': here\n\n');
    if (path === '/v1/results') return sayEnds(response, body, false);
    const { tasks = [{}] } = JSON.parse(body) as { tasks?: object[] };
    const task_ids = tasks.map(() => crypto.randomUUID());
    say(response, 201, { task_id: task_ids[0], task_ids });
  });
  const stop = new AbortController();
  const f = new Faas({ url }).function('f').with({ signal: stop.signal });
  const calls = Array.from({ length: 300 }, (_, n) => f(n).catch((error: unknown) => String(error)));
  const waited = (): number =>
    new Set(
      asked.flatMap(({ path, body }) =>
        path === '/v1/results' ? (JSON.parse(body) as { task_ids: string[] }).task_ids : [],
      ),
    ).size;
  await expect.poll(waited).toBe(300);
  stop.abort(new Error('enough'));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['Error: enough']));
  const sizes = asked
    .filter(({ path }) => path.endsWith('/cancel'))
    .map(({ body }) => (JSON.parse(body) as { task_ids: string[] }).task_ids.length);
  expect(sizes).toEqual([300]);
});

it('a map that is left cancels what is known at once, and what is on its way once it is', async () => {
  let answer = (): void => undefined;
  let submissions = 0;
  const { url, asked } = await serve(({ path, body }, response) => {
    if (path === '/v1/results') return sayEnds(response, body, false);
    if (path === '/v1/tasks/cancel') return say(response, 200, { canceled: [] });
    submissions += 1;
    if (path === '/v1/tasks') return say(response, 201, { task_id: 'first' });
    answer = () => say(response, 201, { task_ids: ['second', 'third'] });
  });
  const stop = new AbortController();
  const told = new Faas({ url })
    .function('f')
    .map([1, 2, 3], { signal: stop.signal })
    .toArray()
    .catch(() => undefined);
  await expect.poll(() => submissions).toBe(2);
  stop.abort();
  const canceled = (): unknown[] =>
    asked.flatMap(({ path, body }) =>
      path.endsWith('/cancel') ? [(JSON.parse(body) as { task_ids: unknown }).task_ids] : [],
    );
  await expect.poll(canceled).toEqual([['first']]);
  answer();
  await expect.poll(canceled).toEqual([['first'], ['second', 'third']]);
  await told;
});

it('who left and came again is covered where the stream that covered it ends', async () => {
  const ids = Array.from({ length: 40 }, () => crypto.randomUUID());
  let pending = (): void => undefined;
  let stream: ServerResponse | undefined;
  let streams = 0;
  const { url } = await serve(({ path, body }, response) => {
    if (path.startsWith('/v1/events')) {
      if (++streams > 1) return refuse(response, 403, 'forbidden_origin');
      stream = response.writeHead(200, { 'content-type': 'text/event-stream' });
      return void stream.write(': here\n\n');
    }
    const { task_ids: some, wait_ms } = JSON.parse(body) as { task_ids: string[]; wait_ms: number };
    // Of a and b only a question that is held is answered.
    const others = some.filter((id) => id.length > 1);
    if (others.length > 0) return sayEnds(response, JSON.stringify({ task_ids: others }), true);
    if (wait_ms === 0) return sayEnds(response, body, false);
    if (some.length === 2) pending = () => sayEnds(response, body, false);
    else if (some[0] === 'a') sayEnds(response, body, true);
  });
  const ends = new Ends(new Connection({ url }), 50);
  const left = new AbortController();
  const over = new AbortController();
  const b = ends.of('b', over.signal).catch(() => undefined);
  const a = ends.of('a', left.signal).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  left.abort();
  await a;
  pending();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const many = Promise.all(ids.map((id) => ends.of(id, undefined)));
  await expect.poll(() => stream).toBeDefined();
  const again = ends.of('a', undefined);
  await many;
  stream!.destroy();
  expect(await again).toMatchObject({ task_id: 'a' });
  over.abort();
  await b;
});
