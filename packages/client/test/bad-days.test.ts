// A service that is away, busy, older, or no service at all; a wire that is cut. Nothing is lost and nothing made twice.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startUp, wireTo } from './service.ts';
import { newCertificate } from '../../server/test/cli/new-certificate.ts';
import { startRig } from '../../server/test/service/harness.ts';
import { registerSource } from '../../../test/harness/http.ts';
import { freePort } from '../../../test/harness/redis.ts';
import type { System } from '../../../test/harness/system.ts';
import {
  ConnectionFailed,
  Faas,
  Forbidden,
  NotFound,
  QueueFull,
  RateLimited,
  ServiceFault,
  TooLarge,
  Unauthorized,
  VersionMismatch,
} from '../src/index.ts';

const fault = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => expect.fail(`it resolved with ${String(value)}`),
    (error: unknown) => error,
  );

describe('a service whose answers are those of this test', () => {
  let close = (): Promise<void> => Promise.resolve();
  afterEach(() => close());

  /** Answers by the list, the last one for ever; what was asked. */
  async function fake(
    ...answers: ((response: ServerResponse) => void)[]
  ): Promise<{ url: string; asked: IncomingMessage[] }> {
    const asked: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)]!;
      asked.push(request);
      request.resume().once('end', () => answer(response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close = () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    };
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  }

  const problem =
    (status: number, code: string, more: object = {}) =>
    (response: ServerResponse): void => {
      response.writeHead(status, { 'content-type': 'application/problem+json', 'retry-after': '0' });
      response.end(
        JSON.stringify({ type: '', title: '', status, detail: `It is ${code}.`, code, request_id: 'r', ...more }),
      );
    };
  const cut = (response: ServerResponse): void => void response.destroy();
  const fine = (response: ServerResponse): void => {
    response.writeHead(201, { 'content-type': 'application/json' });
    response.end('{"task_id":"0198c5f2-7a1e-7c3b-9d4e-2f6a8b0c1d3e"}');
  };

  it('a submission is repeated after cuts, 429 and 503, under the same key', async () => {
    const { url, asked } = await fake(cut, problem(503, 'store_unavailable'), problem(429, 'rate_limited'), cut, fine);
    const handle = await new Faas({ url }).submit('f');
    expect(handle.id).toBe('0198c5f2-7a1e-7c3b-9d4e-2f6a8b0c1d3e');
    const keys = asked.map(({ headers }) => headers['idempotency-key']);
    expect([keys.length, new Set(keys).size]).toEqual([5, 1]);
    expect(keys[0]).toMatch(/^\d+(-\d+){3}$/);
  });

  it('waits as long as it is told to', async () => {
    const { url, asked } = await fake(problem(429, 'rate_limited', { retry_after_ms: 700 }), fine);
    const from = performance.now();
    await new Faas({ url }).submit('f');
    expect(performance.now() - from).toBeGreaterThanOrEqual(690);
    expect(asked).toHaveLength(2);
  });

  it.each<[number, string, new (...args: never[]) => Error]>([
    [429, 'queue_full', QueueFull],
    [429, 'rate_limited', RateLimited],
    [401, 'unauthorized', Unauthorized],
    [403, 'forbidden_origin', Forbidden],
    [404, 'function_not_found', NotFound],
    [404, 'route_not_found', VersionMismatch],
    [500, 'internal', ServiceFault],
    [507, 'of_the_future', ServiceFault],
  ])('%i %s', async (status, code, Class) => {
    const { url, asked } = await fake(problem(status, code));
    const error = await fault(new Faas({ url, retries: 1 }).submit('f'));
    expect(error).toBeInstanceOf(Class);
    expect((error as Error).message).toContain(`It is ${code}.`);
    expect(asked).toHaveLength(status === 429 ? 2 : 1);
  });

  it('a map waits for room, and a call by itself only as often as it is repeated', async () => {
    const full = problem(429, 'queue_full');
    const { url, asked } = await fake(full, full, full, full, fine, cut);
    const add = new Faas({ url, retries: 0 }).function('f');
    expect(await fault(add(1))).toBeInstanceOf(QueueFull);
    const stop = new AbortController();
    const values = add.map([1], { signal: stop.signal }).toArray();
    await expect.poll(() => asked.length).toBeGreaterThan(5);
    expect(asked.slice(0, 5).map(({ url: path }) => path)).toEqual(Array.from({ length: 5 }, () => '/v1/tasks'));
    expect(asked[5]!.url).toBe('/v1/results');
    stop.abort(new Error('enough'));
    expect(await fault(values)).toMatchObject({ message: 'enough' });
  });

  it('a map that waits for room is left by its signal at once', async () => {
    const { url, asked } = await fake(problem(429, 'queue_full', { retry_after_ms: 60_000 }));
    const stop = new AbortController();
    const values = new Faas({ url }).function('f').map([1, 2, 3], { signal: stop.signal }).toArray();
    await expect.poll(() => asked.length).toBe(1);
    const began = performance.now();
    stop.abort(new Error('no more'));
    expect(await fault(values)).toMatchObject({ message: 'no more' });
    expect(performance.now() - began).toBeLessThan(1_500);
    expect(asked).toHaveLength(1);
  });

  it('a signal ends the waiting for a service that hangs', async () => {
    const { url } = await fake(() => undefined);
    const add = new Faas({ url }).function('f');
    const began = Date.now();
    const ends = [0, 1, 2].map(async (how) => {
      const signal = AbortSignal.timeout(200);
      const quick = add.with({ signal });
      return fault(how === 0 ? quick(1) : how === 1 ? quick.submit(1) : add.map([1, 2], { signal }).toArray());
    });
    for (const error of await Promise.all(ends)) expect(error).toMatchObject({ name: 'TimeoutError' });
    expect(Date.now() - began).toBeLessThan(5_000);
  });

  it('something else answers there', async () => {
    const { url } = await fake((response) => response.writeHead(404).end('<h1>not here</h1>'));
    const error = await fault(new Faas({ url }).stats());
    expect(error).toBeInstanceOf(ConnectionFailed);
    expect((error as Error).message).toBe(`What answers at ${url} is no MPCSFaaS: it said 404 "<h1>not here</h1>".`);
  });

  it.each([
    ['https://faas.example/v1/tasks', 'https://faas.example'],
    ['/below/v1/tasks', 'URL/below'],
    ['https://login.example/?for=us', 'https://login.example/?for=us'],
  ])('a redirect to %s is not followed: one sentence with the address', async (location, place) => {
    const { url, asked } = await fake((response) => response.writeHead(301, { location }).end('<h1>moved</h1>'), fine);
    const error = await fault(new Faas({ url, apiKey: 'mpk_1' }).submit('f'));
    expect(error).toBeInstanceOf(ConnectionFailed);
    expect((error as Error).message).toBe(`${url} leads to ${place.replace('URL', url)}: give that as url.`);
    expect(asked).toHaveLength(1);
  });

  it.each([
    [401, Unauthorized],
    [403, Forbidden],
    [413, TooLarge],
    [429, RateLimited],
  ])('%i that something in front of it says by itself', async (status, Class) => {
    const { url, asked } = await fake((response) => response.writeHead(status).end('<h1>nginx</h1>'));
    const error = await fault(new Faas({ url, retries: 1 }).submit('f'));
    expect(error).toBeInstanceOf(Class);
    expect((error as Error).message).toBe(`Something in front of ${url} refused this: it said ${status}.`);
    expect(asked).toHaveLength(status === 429 ? 2 : 1);
  });

  it.each([
    ['in seconds', () => '1'],
    // A date has whole seconds: of those that lie ahead one may be over already.
    ['as a date', () => new Date(Date.now() + 2000).toUTCString()],
  ])('429 that something in front of it says by itself is repeated as soon as that allows, %s', async (_, after) => {
    const { url, asked } = await fake((response) => response.writeHead(429, { 'retry-after': after() }).end(), fine);
    const from = performance.now();
    await new Faas({ url }).submit('f');
    expect(performance.now() - from).toBeGreaterThanOrEqual(990);
    expect(asked).toHaveLength(2);
  });

  it('a retry of a task, which has no key, is not repeated after a cut', async () => {
    const { url, asked } = await fake(cut);
    const error = await fault(new Faas({ url }).task('0198c5f2-7a1e-7c3b-9d4e-2f6a8b0c1d3e').retry());
    expect(error).toBeInstanceOf(ConnectionFailed);
    expect(asked).toHaveLength(1);
  });
});

it('what no request can carry is refused before one, and not repeated', () => {
  expect(() => new Faas({ url: 'http://me:secret@127.0.0.1:1' })).toThrow(/^url takes no user and password/);
  expect(() => new Faas({ apiKey: 'schlüssel' })).toThrow(/^apiKey takes a key of plain letters/);
});

it('a key goes without what stands around it', async () => {
  const keys: unknown[] = [];
  const server = createServer(({ headers }, response) => {
    keys.push(headers.authorization);
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const apiKey of ['mpk_1\n', '\nmpk_1', ' mpk_1 ']) await new Faas({ url, apiKey, retries: 0 }).version();
  server.close();
  expect(keys).toEqual(Array(3).fill('Bearer mpk_1'));
});

it('nobody is there: one sentence with the url and what to start, after bounded tries', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const error = await fault(new Faas({ url, retries: 2 }).submit('f'));
  expect(error).toBeInstanceOf(ConnectionFailed);
  expect((error as Error).message).toBe(
    `No service answers at ${url} (ECONNREFUSED): start one with \`mpcsfaas up\`, or give another url.`,
  );
  // Those who wait are told, too, once they have been patient.
  const waiting = new Faas({ url, patienceMs: 200 });
  expect(await fault(waiting.task('0198c5f2-7a1e-7c3b-9d4e-2f6a8b0c1d3e').result())).toBeInstanceOf(ConnectionFailed);
  const many = Array.from({ length: 40 }, () => fault(waiting.task(crypto.randomUUID()).result()));
  for (const one of await Promise.all(many)) expect(one).toBeInstanceOf(ConnectionFailed);
  const stop = new AbortController();
  const slow = fault(new Faas({ url, retries: 1000 }).stats({ signal: stop.signal }));
  stop.abort(new Error('no more'));
  expect(await slow).toMatchObject({ message: 'no more' });
});

it('a certificate that is not trusted is no service that is to be started', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'test-client-'));
  const server = createTlsServer(newCertificate(folder)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const error = await fault(new Faas({ url, retries: 0 }).stats());
  expect(error).toBeInstanceOf(ConnectionFailed);
  expect((error as Error).message).toBe(
    `No trusted service answers at ${url} (DEPTH_ZERO_SELF_SIGNED_CERT): name its signer in NODE_EXTRA_CA_CERTS, or give another url.`,
  );
  server.close();
  rmSync(folder, { recursive: true });
});

it('what answers without TLS is told from a service that is to be started', async () => {
  const server = createServer((_, response) => void response.end('{}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const error = await fault(new Faas({ url, retries: 0 }).stats());
  server.close();
  expect(String(error)).toMatch(
    /^ConnectionFailed: No TLS answers at https:.* \(.+\): write http:\/\/, or give another/,
  );
});

it("a query or a hash of the url does not swallow the requests' paths", async () => {
  const asked: unknown[] = [];
  const server = createServer(({ url }, response) => {
    asked.push(url);
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const more of ['?x=1', '/?x=1#y', '/#y', '/below/?x=1']) await new Faas({ url: url + more }).version();
  server.close();
  expect(asked).toEqual(['/v1/version', '/v1/version', '/v1/version', '/below/v1/version']);
  expect(() => new Faas({ url: 'http://?x=1' })).toThrow('url takes an address');
});

describe('a wire that is cut', () => {
  let up: System;
  beforeAll(async () => {
    up = await startUp();
    await registerSource(up.url, 'twice', 'export default (x) => x * 2;', 'javascript');
    await registerSource(up.url, 'nap', 'import time\ndef nap(s):\n    time.sleep(s)\n    return "rested"\n');
    await registerSource(
      up.url,
      'talk',
      'import time\ndef talk():\n    for i in range(30):\n        print("line", i, flush=True)\n        time.sleep(0.1)\n',
    );
  });
  afterAll(() => up.stop());

  it('a hundred times under load: every call has its value, and none was made twice', async () => {
    const wire = await wireTo(up.url);
    const faas = new Faas({ url: wire.url, retries: 50 });
    const before = (await faas.stats()).submitted;
    const twice = faas.function<[number], number>('twice');
    const calls = 3000;
    let ended = 0;
    let cuts = 0;
    const all = Array.from({ length: calls }, async (_, n) => {
      // Spread over the cuts, so that submissions, events and results are all under way at each.
      while (cuts < (n / calls) * 100) await new Promise((resolve) => setTimeout(resolve, 5));
      const value = await twice(n);
      ended += 1;
      return value;
    });
    while (cuts < 100) {
      const goal = Math.min(ended + 1, calls - 1);
      wire.cut();
      cuts += 1;
      // Every other one comes soon after the last; a slow machine would get through nothing if all did.
      const isThrough = (): boolean => ended >= goal || (cuts % 2 === 0 && wire.open() > 0);
      while (!isThrough()) await new Promise((resolve) => setTimeout(resolve, 2));
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    expect(await Promise.all(all)).toEqual(Array.from({ length: calls }, (_, n) => n * 2));
    expect((await new Faas({ url: up.url }).stats()).submitted - before).toBe(calls);
    await wire.close();
  });

  it('followed output is told once each', async () => {
    const wire = await wireTo(up.url);
    const faas = new Faas({ url: wire.url });
    const handle = await faas.submit('talk');
    let text = '';
    let cuts = 0;
    for await (const log of handle.logs({ follow: true })) {
      text += log.text;
      if (cuts++ < 5) wire.cut();
    }
    expect(cuts).toBeGreaterThan(2);
    expect(text).toBe(Array.from({ length: 30 }, (_, i) => `line ${i}\n`).join(''));
    await wire.close();
  });

  it('by a service that is killed and comes back: who waits gets the value', async () => {
    const faas = new Faas({ url: up.url });
    const [held, ...streamed] = await Promise.all(
      Array.from({ length: 40 }, () => faas.submit<string>('nap', { args: [0.3] })),
    );
    const one = held!.result();
    const others = streamed.map((handle) => handle.result());
    await up.service.kill();
    await up.restartService();
    expect(await one).toBe('rested');
    expect(new Set(await Promise.all(others))).toEqual(new Set(['rested']));
  });
});

it('a wrong key, none, and the right one', async () => {
  const apiKey = 'mpk_0123456789012345678901234567890123456789012';
  const rig = await startRig({ config: { requireKeys: true }, firstKey: apiKey });
  for (const wrong of [undefined, 'mpk_wrong']) {
    const error = await fault(new Faas({ url: rig.url, apiKey: wrong }).stats());
    expect(error).toBeInstanceOf(Unauthorized);
    expect((error as Error).message).toMatch(/API key.* Give it as `new Faas\(\{ url, apiKey \}\)`\.$/);
  }
  expect((await new Faas({ url: rig.url, apiKey }).stats()).submitted).toBe(0);
  await rig.stop();
});
