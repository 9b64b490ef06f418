// What `mpcsfaas map` asks of a service, which here is the test's own: slow, full or far away.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Api } from '../../src/cli/api.ts';
import { Mapping, type Input, type Output } from '../../src/cli/mapping.ts';
import { program } from './harness.ts';
import { standIn } from './stand-in.ts';

let close = (): void => undefined;
afterEach(() => close());

type Asked = {
  path: string;
  key: string;
  body: { tasks?: { args: unknown[]; options: object }[]; task_ids?: string[]; wait_ms?: number };
};

/** Answers as `answer` does; `broken`: how many requests were left before they were answered. */
async function serve(
  answer: (asked: Asked, response: ServerResponse) => unknown,
): Promise<{ url: string; api: Api; asked: Asked[]; broken: () => number }> {
  const asked: Asked[] = [];
  let broken = 0;
  const service = await standIn((request, response) => {
    response.on('close', () => (broken += response.writableFinished ? 0 : 1));
    void text(request).then((body) => {
      const one = {
        path: request.url ?? '',
        key: String(request.headers['idempotency-key']),
        body: JSON.parse(body) as Asked['body'],
      };
      asked.push(one);
      return answer(one, response);
    });
  });
  close = service.close;
  const { url } = service;
  return { url, api: new Api({ url }), asked, broken: () => broken };
}

function say(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Each task's id is its argument, and so is its value. */
function take(response: ServerResponse, tasks: { args: unknown[] }[]): void {
  say(response, 201, { task_ids: tasks.map(({ args }) => String(args[0])) });
}

function sayEnds(response: ServerResponse, ended: readonly string[]): void {
  say(response, 200, {
    results: ended.map((id) => ({ task_id: id, value: Number(id), error: null })),
    pending: [],
    unknown: [],
  });
}

async function* lines(count: number, everyMs = 0): AsyncGenerator<Input> {
  for (let n = 0; n < count; n += 1) {
    if (everyMs > 0) await pause(everyMs);
    yield { line: n + 1, args: `[${n}]`, bytes: 2 };
  }
}

const none = (): object => ({});
const valueOf = (output: Output): unknown => (output.is === 'value' ? output.value : output.error);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

it('values come out while inputs trickle in, of a service that is far away, and no question is broken off', async () => {
  const { api, broken } = await serve(async ({ path, body }, response) => {
    await pause(path === '/v1/results' ? 150 : 75);
    if (path === '/v1/tasks/batch') take(response, body.tasks!);
    else sayEnds(response, body.task_ids!);
  });
  const stop = new AbortController();
  const mapping = new Mapping(api, 'f', none, stop.signal, () => undefined);
  const open: number[] = [];
  const values: unknown[] = [];
  for await (const output of mapping.outputs(lines(60, 50))) {
    values.push(valueOf(output));
    open.push(mapping.submitted - values.length);
  }
  expect(values).toEqual(numbers(60));
  expect(Math.max(...open)).toBeLessThan(30);
  expect(broken()).toBe(0);
});

it.each([
  [['--group', 'mine'], 'mpcsfaas task ls --group mine'],
  [[], 'mpcsfaas task ls'],
])('Ctrl-C while the service is away says that what goes on could not be canceled: %j', async (group, list) => {
  const { url, asked } = await serve(({ path, body }, response) => {
    if (path === '/v1/tasks/batch') take(response, body.tasks!);
    else if (body.task_ids![0] === '0') sayEnds(response, ['0']);
  });
  const folder = mkdtempSync(join(tmpdir(), 'test-cli-'));
  writeFileSync(join(folder, 'in'), '0\n1\n2\n3\n');
  const map = program('mpcsfaas', ['map', 'f', 'in', ...group, '--url', url], {}, folder);
  await map.says(/^0\n/);
  await expect.poll(() => asked.at(-1)!.body.task_ids).toEqual(['1', '2', '3']);
  close();
  map.signal('SIGINT');
  const { code, stderr } = await map.ended;
  expect(code).toBe(130);
  expect(stderr).toBe(
    `mpcsfaas: Interrupted: 1 call had ended, 3 could not be canceled and may go on: \`${list}\` tells. No service answers at ${url} (ECONNREFUSED): start one with \`mpcsfaas up\`, or name another with --url or --port.\n`,
  );
  rmSync(folder, { recursive: true });
});

it.each(['once', 'twice'])('Ctrl-C, %s, while the service hangs tells soon what may go on', async (times) => {
  const { url, asked } = await serve(({ path, body }, response) => {
    if (path === '/v1/tasks/batch') take(response, body.tasks!);
    else if (body.task_ids![0] === '0') sayEnds(response, ['0']);
  });
  const folder = mkdtempSync(join(tmpdir(), 'test-cli-'));
  writeFileSync(join(folder, 'in'), '0\n1\n2\n3\n');
  const map = program('mpcsfaas', ['map', 'f', 'in', '--group', 'mine', '--url', url], {}, folder);
  await map.says(/^0\n/);
  await expect.poll(() => asked.at(-1)!.body.task_ids).toEqual(['1', '2', '3']);
  map.signal('SIGINT');
  await expect.poll(() => asked.at(-1)!.path).toBe('/v1/tasks/cancel');
  if (times === 'twice') map.signal('SIGINT');
  expect(await map.ended).toEqual({
    code: 130,
    stdout: '0\n',
    stderr:
      'mpcsfaas: Interrupted: 1 call had ended, 3 could not be canceled and may go on: `mpcsfaas task ls --group mine` tells. The service did not answer.\n',
  });
  rmSync(folder, { recursive: true });
});

it.each([
  ['soon', new AbortController().signal],
  ['at once where it is told to', AbortSignal.abort()],
])('who leaves while a request is not answered is told %s how many it holds', async (_, cut) => {
  const { api, asked } = await serve(() => undefined);
  const stop = new AbortController();
  const mapping = new Mapping(api, 'f', none, stop.signal, () => undefined);
  const next = mapping.outputs(lines(5)).next();
  await expect.poll(() => asked.length).toBe(1);
  stop.abort(new Error('left'));
  await expect(next).rejects.toThrow('left');
  const left = asked[0]!.body.tasks!.length;
  expect(await mapping.cancel(cut)).toEqual({ canceled: 0, left, why: 'The service did not answer.' });
});

it('something in front of the service that takes no large requests gets small ones, or is told of by the line', async () => {
  const { api } = await serve(({ path, body }, response) => {
    if (path !== '/v1/tasks/batch') return sayEnds(response, body.task_ids!);
    const tasks = body.tasks!;
    if (tasks.length > 20 || tasks.some(({ args }) => args[0] === 150))
      return response.writeHead(413).end('<h1>no</h1>');
    take(response, tasks);
  });
  const stop = new AbortController();
  const values: unknown[] = [];
  const all = async (): Promise<void> => {
    for await (const output of new Mapping(api, 'f', none, stop.signal, () => undefined).outputs(lines(200)))
      values.push(valueOf(output));
  };
  await expect(all()).rejects.toThrow(/^Line 151: Something in front of the service at \S+ refused this with 413: /);
  expect(values).toEqual(numbers(150));
});

it('of long lines no more are read than 64 MiB and one before the service has taken some', async () => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const { api, asked } = await serve(async ({ path, body }, response) => {
    if (path !== '/v1/tasks/batch') return sayEnds(response, body.task_ids!);
    await released;
    take(response, body.tasks!);
  });
  let read = 0;
  const long = async function* (): AsyncGenerator<Input> {
    for await (const line of lines(200)) {
      read += 1;
      yield { ...line, bytes: 1024 * 1024 };
    }
  };
  const stop = new AbortController();
  const values: unknown[] = [];
  const all = (async () => {
    for await (const output of new Mapping(api, 'f', none, stop.signal, () => undefined).outputs(long()))
      values.push(valueOf(output));
  })();
  await expect.poll(() => asked.length).toBe(1);
  await expect.poll(() => read).toBe(65);
  release();
  await all;
  expect(values).toEqual(numbers(200));
});

describe('a queue that others keep nearly full', () => {
  const full = { code: 'queue_full', detail: 'The queue is full.', retry_after_ms: 1 };

  it('takes what there is room for, in ever larger requests', async () => {
    let room = 3;
    const sizes: number[] = [];
    const { api } = await serve(({ path, body }, response) => {
      if (path !== '/v1/tasks/batch') return sayEnds(response, body.task_ids!);
      const tasks = body.tasks!;
      if (tasks.length > room) return say(response, 429, full);
      sizes.push(tasks.length);
      if (sizes.length === 3) room = 1_000;
      take(response, tasks);
    });
    const stop = new AbortController();
    const values: unknown[] = [];
    for await (const output of new Mapping(api, 'f', none, stop.signal, () => undefined).outputs(lines(900)))
      values.push(valueOf(output));
    expect(values).toEqual(numbers(900));
    expect(Math.max(...sizes.slice(0, 3))).toBeLessThanOrEqual(3);
    expect(sizes.length).toBeLessThan(15);
  });

  it.each([
    ['of the service', JSON.stringify({ code: 'queue_full', detail: 'The queue is full.' }), () => '1'],
    ["of a proxy's own", '<h1>429</h1>', () => '1'],
    // A date has whole seconds: of those that lie ahead one may be over already.
    ['that names a date', '<h1>429</h1>', () => new Date(Date.now() + 2000).toUTCString()],
  ])('is left alone for as long as the head of a refusal %s says', async (_, refusal, after) => {
    const at: number[] = [];
    const { api } = await serve(({ path, body }, response) => {
      if (path !== '/v1/tasks/batch') return sayEnds(response, body.task_ids!);
      if (at.push(performance.now()) > 1) return take(response, body.tasks!);
      response.writeHead(429, { 'retry-after': after() }).end(refusal);
    });
    const stop = new AbortController();
    for await (const output of new Mapping(api, 'f', none, stop.signal, () => undefined).outputs(lines(1)))
      expect(valueOf(output)).toBe(0);
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(990);
  });

  it('gets the options of the moment, but for what a request may have brought', async () => {
    const seen: unknown[] = [];
    const { api } = await serve(({ path, body }, response) => {
      if (path !== '/v1/tasks/batch') return sayEnds(response, body.task_ids!);
      seen.push(body.tasks![0]!.options);
      if (seen.length === 2) response.destroy();
      else if (seen.length < 5) say(response, 429, full);
      else take(response, body.tasks!);
    });
    const stop = new AbortController();
    let now = 0;
    const options = (): object => ({ now: (now += 1) });
    for await (const output of new Mapping(api, 'f', options, stop.signal, () => undefined).outputs(lines(1)))
      expect(valueOf(output)).toBe(0);
    expect(seen).toEqual([1, 2, 2, 2, 2].map((at) => ({ now: at })));
  });

  it('is not asked in other requests for what a request may have brought before its answer was cut', async () => {
    const posts: string[] = [];
    const { api } = await serve(({ path, body, key }, response) => {
      if (path !== '/v1/tasks/batch') return sayEnds(response, body.task_ids!);
      // The first line goes by itself.
      if (body.tasks![0]!.args[0] === 0) return take(response, body.tasks!);
      posts.push(`${key} ${body.tasks!.length}`);
      if (posts.length === 1) response.destroy();
      else if (posts.length < 4) say(response, 429, full);
      else take(response, body.tasks!);
    });
    const stop = new AbortController();
    const values: unknown[] = [];
    for await (const output of new Mapping(api, 'f', none, stop.signal, () => undefined).outputs(lines(10)))
      values.push(valueOf(output));
    expect(values).toEqual(numbers(10));
    expect(new Set(posts).size).toBe(1);
  });
});
