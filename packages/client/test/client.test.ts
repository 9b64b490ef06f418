// The client against a service that runs: what a caller does and gets.
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as client from '../src/index.ts';
import { startUp } from './service.ts';
import type { System } from '../../../test/harness/system.ts';

const { Faas } = client;

let up: System;
let faas: client.Faas;

beforeAll(async () => {
  up = await startUp();
  faas = new Faas({ url: `${up.url}/` });
  const python = (name: string, source: string): Promise<unknown> => faas.register(name, { source, runtime: 'python' });
  await python('py-add', 'def add(a, b=10):\n    return a + b\n');
  await python(
    'py-nap',
    'import time\ndef nap(s):\n    print("going", flush=True)\n    time.sleep(s)\n    return "rested"\n',
  );
  await python('py-raise', 'def fail(text):\n    raise ValueError(text)\n');
  await python('py-die', 'import os\ndef die():\n    os._exit(1)\n');
}, 60_000);
afterAll(() => up.stop());

/** What it rejects with. */
const fault = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => {
      throw new Error(`it resolved with ${String(value)}`);
    },
    (error: unknown) => error,
  );

function methodOf<T>(holder: T, name: keyof T): (...args: never[]) => unknown {
  return holder[name] as () => unknown;
}

/** All that it yields. */
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const states = async (group: string): Promise<string[]> =>
  (await all(faas.tasks({ group }))).map(({ status }) => status).sort();

describe('register and call', () => {
  it('a function of this file', async () => {
    const add = await faas.register('add', (a: number, b: number) => a + b);
    expect(await add(1, 2)).toBe(3);
    // The same text is the same version.
    const again = await faas.register('add', (a: number, b: number) => a + b);
    expect(again.ref).toBe(add.ref);
  });

  it('async, with what it imports inside', async () => {
    const where = await faas.register('where', async (name: string) => {
      const path = await import('node:path');
      return path.join('/', name);
    });
    expect(await where('tmp')).toBe('/tmp');
  });

  it('source text, in TypeScript too, by its entry', async () => {
    const source =
      'export const one = (n: number): number => n + 1;\nexport const two = (n: number): number => n + 2;\n';
    const two = await faas.register<[number], number>('two', { source, entry: 'two' }, { description: 'plus two' });
    expect(await two(40)).toBe(42);
  });

  it('Python by name, with keywords', async () => {
    const add = faas.function<[number], number>('py-add');
    expect(await add(1)).toBe(11);
    expect(await add.keywords({ b: 2 })(1)).toBe(3);
    const handle = await faas.submit<number>('py-add', { args: [1], kwargs: { b: 5 } });
    expect(await handle.result()).toBe(6);
  });

  it('what is not its own is named', async () => {
    const rate = 1.19;
    const error = await fault(faas.register('gross', (net: number) => net * rate));
    expect(error).toBeInstanceOf(client.NotSelfContained);
    expect(error).toBeInstanceOf(client.SerializationError);
    expect(error).toMatchObject({ name: 'NotSelfContained', names: ['rate'] });
    expect((error as Error).message).toMatch(/^The function uses rate, which is neither declared in it nor global/);
  });

  class Shop {
    open = true;
  }
  class Hidden {
    readonly #n: number;
    constructor(n: number) {
      this.#n = n;
    }
    get n(): number {
      return this.#n;
    }
  }
  it.each<[string, (...args: never[]) => unknown, RegExp]>([
    ['bound', ((a: number) => a).bind(null), /^The function bound .*is built in or bound.*Register an arrow function/],
    ['built in', methodOf(Math, 'max'), /^The function max is built in or bound/],
    ['a class', Shop as never, /^Shop is a class\. Register a function that makes one/],
    [
      'a method',
      methodOf(
        {
          sum(a: number) {
            return a;
          },
        },
        'sum',
      ),
      /^The function sum is a method/,
    ],
    ['null', null as never, /must be a function, or \{ source \}/],
    ['no function', 7 as never, /must be a function, or \{ source \}/],
  ])('%s cannot travel', async (_, fn, sentence) => {
    const error = await fault(faas.register('nothing', fn));
    expect(error).toBeInstanceOf(client.SerializationError);
    expect((error as Error).message).toMatch(sentence);
  });

  it.each<[unknown, RegExp]>([
    [
      new Uint8Array(2),
      /^The value at args\[0\] does not fit into JSON: JSON has no bytes; pass text, for example base64/,
    ],
    [{ a: [1, { b: new Map() }] }, /args\[0\]\.a\[1\]\.b .*no Map/],
    [10n, /no bigint/],
    [Number.NaN, /no NaN/],
    [{ a: Object(Number.NaN) as unknown }, /^The value at args\[0\]\.a .* JSON has no NaN\.$/],
    [() => 1, /no function/],
    [Promise.resolve(1), /await it first/],
    [{ a: [/x/] }, /^The value at args\[0\]\.a\[0\] .* JSON has no RegExp\.$/],
    [Object.assign(new Error('no'), { code: 7 }), /JSON has no Error; pass its message/],
    [{ at: new Date('yesterday') }, /^The value at args\[0\]\.at .* it is an invalid Date/],
    [new Hidden(1), /JSON has no Hidden/],
    [[new WeakMap()], /^The value at args\[0\]\[0\] .* JSON has no WeakMap/],
    [runInNewContext('new Map([[1, 2]])'), /JSON has no Map/],
  ])('an argument that is no JSON: %o', async (value, sentence) => {
    const error = await fault(faas.function('py-add')(value));
    expect(error).toBeInstanceOf(client.SerializationError);
    expect((error as Error).message).toMatch(sentence);
  });

  it('an argument that is nested too deeply is one sentence, and what a toJSON throws is its own', async () => {
    let deep: unknown = 1;
    for (let n = 0; n < 50_000; n += 1) deep = [deep];
    const error = await fault(faas.function('py-add')(deep));
    expect(error).toBeInstanceOf(client.SerializationError);
    expect((error as Error).message).toBe('The value at args does not fit into JSON: it is nested too deeply.');
    const moody = {
      toJSON: () => {
        throw new RangeError('not today');
      },
    };
    expect(await fault(faas.function('py-add')(moody))).toMatchObject({ name: 'RangeError', message: 'not today' });
  });

  it('an object of a class goes as its fields, one of another realm as any', async () => {
    const echo = await faas.register('echo', (...args: unknown[]) => args);
    const given: unknown[] = [
      ...[new Shop(), runInNewContext('({ a: {}, b: [] })') as object, Object.create(null) as object],
      ...[{}, new URL('http://a/')],
    ];
    expect(await echo(...given)).toEqual([{ open: true }, { a: {}, b: [] }, {}, {}, 'http://a/']);
  });

  it('dates are texts, undefined is null, whatever stands beside', async () => {
    const echo = await faas.register('echo', (...args: unknown[]) => args);
    expect(await echo(new Date(0), undefined, [undefined], { a: undefined, b: 1 }, 'ü\u2028')).toEqual([
      ...['1970-01-01T00:00:00.000Z', null, [null], { b: 1 }, 'ü\u2028'],
    ]);
  });
});

describe('options', () => {
  it('are no arguments, and stay with their function', async () => {
    const add = faas.function<[number, number], number>('py-add');
    const urgent = add.with({ priority: 7, timeoutMs: 5000, maxAttempts: 2, tags: ['a'] }).with({ group: 'g1' });
    const handle = await urgent
      .with({ retry: { maxRetries: 1, backoffMs: 5 }, notBefore: new Date(1000) })
      .submit(1, 2);
    expect(await handle.result()).toBe(3);
    expect((await handle.record()).options).toMatchObject({
      ...{ priority: 7, timeout_ms: 5000, max_attempts: 2, tags: ['a'], group: 'g1' },
      ...{ retry: { max_retries: 1, backoff_ms: 5 }, not_before: '1970-01-01T00:00:01.000Z' },
    });
    expect((await (await add.submit(1, 2)).record()).options.priority).toBe(0);
  });

  it('of a function hold for its calls', async () => {
    const one = await faas.register('slow-one', () => 1, { timeoutMs: 1234, retry: { maxRetries: 2 } });
    const { options } = await (await one.submit()).record();
    expect(options).toMatchObject({ timeout_ms: 1234, retry: { max_retries: 2 } });
  });
});

describe('a key', () => {
  it('makes the same call one task, in another program too', async () => {
    const add = faas.function<[number, number], number>('py-add').with({ key: 'order-17' });
    const first = await add.submit(1, 2);
    expect(await add(1, 2)).toBe(3);
    const other = new Faas({ url: up.url });
    const again = await other.submit<number>('py-add', { args: [1, 2] }, { key: 'order-17' });
    expect(again.id).toBe(first.id);
    expect(await again.result()).toBe(3);
    expect(await fault(add(1, 3))).toBeInstanceOf(client.Conflict);
    expect(await faas.function<[number, number], number>('py-add')(1, 3)).toBe(4);
  });

  it('is of one call, and of what a header can carry', async () => {
    const add = faas.function<[number], number>('py-add');
    const many = await fault(add.with({ key: 'order-18' }).map([1, 2]).toArray());
    expect(many).toMatchObject({ message: 'A key is for one call, not for those of a map.' });
    for (const key of ['schlüssel', 'a\nb']) {
      const error = await fault(add.with({ key }).submit(1));
      expect(error).toMatchObject({
        name: 'TypeError',
        message: 'key takes a key of plain letters, digits and signs.',
      });
    }
    for (const key of ['', 'x'.repeat(256)])
      expect(await fault(add.with({ key })(1))).toBeInstanceOf(client.BadRequest);
  });
});

describe('a handle', () => {
  it('tells state, record and result, and is made again from the id', async () => {
    const { id } = await faas.function('py-add').submit(1, 2);
    // In capitals, too, though the service tells it in small letters.
    for (const one of [id, id.toUpperCase()]) expect(await faas.task<number>(one).result()).toBe(3);
    const handle = faas.task(id);
    expect(await handle.status()).toBe('COMPLETED');
    expect(await handle.record()).toMatchObject({ task_id: id, function: { name: 'py-add' } });
    expect(await (await handle.retry()).result()).toBe(3);
    expect(await handle.cancel()).toBe(false);
  });

  it('cancels', async () => {
    const handle = await faas.function('py-nap').submit(600);
    expect(await handle.cancel()).toBe(true);
    expect(await fault(handle.result())).toBeInstanceOf(client.TaskCanceled);
  });

  it('tells its output as it comes, and its end', async () => {
    const talk = await faas.register('talk', async () => {
      console.log('one ü');
      await new Promise((resolve) => setTimeout(resolve, 700));
      console.error('two');
      return 3;
    });
    const handle = await talk.submit();
    const told: string[] = [];
    for await (const event of handle)
      told.push(event.event === 'log' ? `${event.stream} ${event.text}` : event.result.status);
    expect(told).toEqual(['stdout one ü\n', 'stderr two\n', 'COMPLETED']);
    expect(await handle.logs()).toMatchObject({ stdout: { text: 'one ü\n' }, stderr: { text: 'two\n' } });
  });

  it('tells all of its output, after bytes that are no UTF-8 too', async () => {
    const raw = await faas.register('raw', async () => {
      process.stdout.write(Uint8Array.of(255, 255, 255, 10));
      await new Promise((resolve) => setTimeout(resolve, 1500));
      console.log('on');
    });
    let text = '';
    for await (const log of (await raw.submit()).logs({ follow: true })) text += log.text;
    expect(text).toBe('\ufffd\ufffd\ufffd\non\n');
  });

  it('tells what only programs take for the end of a line', async () => {
    const lines = await faas.register('lines', () => console.log('a\u2028b\u0085c: d'));
    let text = '';
    for await (const log of (await lines.submit()).logs({ follow: true })) text += log.text;
    expect(text).toBe('a\u2028b\u0085c: d\n');
  });

  it('stops telling when its signal fires', async () => {
    const stop = new AbortController();
    const handle = await faas.function('py-nap').submit(600);
    const events = handle.events({ signal: stop.signal });
    expect((await events.next()).value).toMatchObject({ event: 'log', text: 'going\n' });
    stop.abort(new Error('heard enough'));
    expect(await fault(events.next())).toMatchObject({ message: 'heard enough' });
    expect(await handle.cancel()).toBe(true);
  });

  it('stops waiting when its signal fires, and the task goes on', async () => {
    const handle = await faas.function<[number], string>('py-nap').submit(1);
    const stop = new AbortController();
    const waiting = handle.result({ signal: stop.signal });
    stop.abort(new Error('enough'));
    expect(await fault(waiting)).toMatchObject({ message: 'enough' });
    expect(await handle.result()).toBe('rested');
  });
});

describe('what goes wrong is one class each', () => {
  it('the function raised', async () => {
    const error = (await fault(faas.function('py-raise')('no such luck'))) as client.RemoteError;
    expect(error).toBeInstanceOf(client.RemoteError);
    expect(error).toBeInstanceOf(client.FaasError);
    expect(error).toMatchObject({
      name: 'RemoteError',
      typeName: 'ValueError',
      message: 'no such luck',
      kind: 'raised',
    });
    expect(error.traceback).toMatch(/raise ValueError\(text\)/);
    expect(error.stack).toContain(error.traceback);
  });

  it('time, loss, expiry, load, result', async () => {
    const nap = faas.function<[number], string>('py-nap');
    const away = new Date(Date.now() - 1000);
    const none = await faas.register('none', { source: 'export const x = 1;' });
    const odd = await faas.register('odd', () => new Map());
    const [timeout, expired, lost, unloaded, bad] = await Promise.all([
      fault(nap.with({ timeoutMs: 300 })(60)),
      fault(nap.with({ expiresAt: away })(1)),
      fault(faas.function('py-die').with({ maxAttempts: 1 })()),
      fault(none()),
      fault(odd()),
    ]);
    expect(timeout).toBeInstanceOf(client.TaskTimeout);
    expect(expired).toBeInstanceOf(client.TaskExpired);
    expect(lost).toBeInstanceOf(client.WorkerLost);
    expect(lost).toMatchObject({ details: { exit_code: 1 }, attempts: [{ attempt: 1, reason: 'lost' }] });
    expect(unloaded).toBeInstanceOf(client.LoadFailed);
    expect(bad).toBeInstanceOf(client.BadResult);
  });

  it('nothing of that name, no such task, a wrong option', async () => {
    const missing = await fault(faas.function('nobody')(1));
    expect(missing).toBeInstanceOf(client.NotFound);
    expect((missing as Error).message).toMatch(/^There is no function "nobody"/);
    expect(await fault(faas.task('7f0c0c1e-4d2a-4b39-9c35-0d7e5f1e6a11').result())).toBeInstanceOf(client.NotFound);
    const wrong = await fault(faas.function('py-add').with({ priority: 1e6 })(1));
    expect(wrong).toBeInstanceOf(client.BadRequest);
    expect((wrong as Error).message).toMatch(/priority/);
    expect(() => new Faas({ url: 'localhost:8000' })).toThrow(/url takes an address such as/);
  });

  it('what is no id, and a path where there is none, are one sentence', async () => {
    for (const id of ['', '..', '../functions', '7f0c0c1e', 7 as never])
      expect(() => faas.task(id)).toThrow(/^A task's id is a UUID, as `handle\.id` tells it, not \S+\.$/);
    const astray = new Faas({ url: `${up.url}/api/` });
    const error = await fault(astray.stats());
    expect(error).toBeInstanceOf(client.VersionMismatch);
    expect((error as Error).message).toMatch(new RegExp(`^The service is at ${up.url}: leave out /api\\. \\(`));
  });

  it('one wrong task of many that went together fails alone', async () => {
    const add = faas.function<[number, number], number>('py-add');
    const calls = Array.from({ length: 20 }, (_, n) => (n === 13 ? faas.function('nobody')(n) : add(n, 1)));
    const ends = await Promise.allSettled(calls);
    expect(ends.map(({ status }) => status === 'fulfilled')).toEqual(ends.map((_, n) => n !== 13));
    expect(ends[7]).toEqual({ status: 'fulfilled', value: 8 });
  });
});

describe('map', () => {
  it('is in order, whatever ends first, and lazy', async () => {
    const slow = await faas.register('slow', async (n: number) => {
      await new Promise((resolve) => setTimeout(resolve, n === 0 ? 300 : 0));
      return n * 2;
    });
    const numbers = Array.from({ length: 500 }, (_, n) => n);
    expect(await slow.map(numbers).toArray()).toEqual(numbers.map((n) => n * 2));
    const taken: number[] = [];
    const endless = function* (): Generator<number> {
      for (let n = 1; ; n++) {
        taken.push(n);
        yield n;
      }
    };
    const got: number[] = [];
    for await (const value of slow.map(endless(), { window: 20 })) {
      got.push(value);
      if (got.length === 50) break;
    }
    expect(got).toEqual(Array.from({ length: 50 }, (_, n) => (n + 1) * 2));
    expect(taken.length).toBeLessThanOrEqual(71);
  });

  it('takes lists of arguments and asynchronous inputs', async () => {
    const add = faas.function<[number, number], number>('py-add');
    const pairs = async function* (): AsyncGenerator<[number, number]> {
      yield [1, 2];
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield [3, 4];
    };
    expect(await add.starmap(pairs()).toArray()).toEqual([3, 7]);
    expect(await add.starmap([]).toArray()).toEqual([]);
  });

  it('tells failures in their places, or throws the first one', async () => {
    const odd = await faas.register('odd-only', (n: number) => {
      if (n % 2 === 0) throw new RangeError(`${n} is even`);
      return n;
    });
    const ends = await all(odd.map([1, 2, 3]).settled());
    expect(ends).toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: expect.objectContaining({ typeName: 'RangeError' }) as unknown },
      { status: 'fulfilled', value: 3 },
    ]);
    expect(await fault(odd.map([1, 2, 3]).toArray())).toBeInstanceOf(client.RemoteError);
    const broken = function* (): Generator<number> {
      yield 1;
      throw new Error('the inputs broke');
    };
    expect(await fault(odd.map(broken()).toArray())).toMatchObject({ message: 'the inputs broke' });
  });

  it('that is left, by break or by its signal, cancels what has not run', async () => {
    const nap = faas.function<[number], string>('py-nap');
    const stop = new AbortController();
    const left = nap.with({ group: 'left' }).map([0, 600, 600, 600, 600]);
    for await (const value of left) {
      expect(value).toBe('rested');
      break;
    }
    expect(await states('left')).toEqual(['CANCELED', 'CANCELED', 'CANCELED', 'CANCELED', 'COMPLETED']);
    const running = nap.with({ group: 'aborted', signal: stop.signal }).map([600, 600, 600]).toArray();
    await expect.poll(() => states('aborted')).toHaveLength(3);
    stop.abort();
    expect(await fault(running)).toMatchObject({ name: 'AbortError' });
    expect(await states('aborted')).toEqual(['CANCELED', 'CANCELED', 'CANCELED']);
  });

  it('takes a text letter by letter, and no window of nothing', async () => {
    const same = await faas.register('same', (value: unknown) => value);
    expect(await same.map('ab').toArray()).toEqual(['a', 'b']);
    expect(await fault(same.map([1], { window: 0 }).toArray())).toBeInstanceOf(RangeError);
    for (const none of [5, null, undefined, {}])
      expect(await fault(same.map(none as never).toArray())).toMatchObject({
        name: 'TypeError',
        message: 'A map takes an array or another iterable.',
      });
  });

  it('many wait by one signal without a warning', async () => {
    const warnings: string[] = [];
    const hear = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', hear);
    const nap = faas.function<[number], string>('py-nap').with({ signal: AbortSignal.timeout(60_000) });
    await Promise.all([
      ...Array.from({ length: 20 }, () => nap(0)),
      nap.map(Array.from({ length: 20 }, () => 0)).toArray(),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });

  it('a call whose signal fires is canceled', async () => {
    const stop = new AbortController();
    const call = faas.function<[number], string>('py-nap').with({ group: 'call', signal: stop.signal })(600);
    await expect.poll(() => states('call')).toHaveLength(1);
    stop.abort(new Error('changed my mind'));
    expect(await fault(call)).toMatchObject({ message: 'changed my mind' });
    expect(await states('call')).toEqual(['CANCELED']);
  });
});

describe('the rest of the service', () => {
  it('functions, tasks, workers, counts, version', async () => {
    await faas.register('short-lived', () => 1);
    const names = (await all(faas.functions())).map(({ name }) => name);
    expect(names).toContain('short-lived');
    expect(await faas.unregister('short-lived')).toBe(1);
    expect(await all(faas.tasks({ status: 'COMPLETED', since: new Date(Date.now() + 60_000) }))).toEqual([]);
    expect((await faas.workers()).items).toHaveLength(1);
    expect((await faas.stats()).slots).toBe(2);
    expect((await faas.version()).name).toBe('mpcsfaas');
  });

  it('results of one group, and of many groups at a time', async () => {
    const nap = faas.function<[number], string>('py-nap');
    const naps = (group: string): Promise<string[]> =>
      nap
        .with({ group })
        .map(Array.from({ length: 40 }, () => 0.01))
        .toArray();
    expect(new Set(await naps('one'))).toEqual(new Set(['rested']));
    expect((await Promise.all([naps('one'), naps('two'), naps('')])).flat()).toHaveLength(120);
  });

  it('the ends of a group as they come', async () => {
    const stop = new AbortController();
    const ends = faas.events({ group: 'watched', signal: stop.signal });
    const first = ends.next();
    const add = faas.function<[number, number], number>('py-add').with({ group: 'watched' });
    // Whoever follows from now on misses what was before: until something is heard, something ends.
    const heard = first.then(() => true);
    while (!(await Promise.race([heard, add(1, 2).then(() => false)])));
    expect((await first).value).toMatchObject({ status: 'COMPLETED', group: 'watched', kind: null });
    stop.abort();
    // What had come with the first is told before.
    const rest = async (): Promise<void> => {
      while ((await ends.next()).done !== true);
    };
    expect(await fault(rest())).toMatchObject({ name: 'AbortError' });
  });
});
