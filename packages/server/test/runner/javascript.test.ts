// The JavaScript child: forms of source, results, failures, output, and what it cannot be talked into.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { javascript, TestPool, valueOf, type Ended } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open();
});
afterAll(() => pool.close());

const run = (text: string, args: unknown[] = [], more = {}): Promise<Ended> =>
  pool.run(pool.call(javascript(text), args, more));

async function failureOf(end: Promise<Ended>): Promise<string> {
  const { outcome } = await end;
  return outcome.is === 'failed' ? `${outcome.kind} ${outcome.error.type}: ${outcome.error.message}` : outcome.is;
}

describe('source', () => {
  test.each([
    ['an arrow', '(a, b) => a + b', 3],
    ['an arrow with a semicolon', 'a => a;\n', 1],
    ['a function', 'function add(a, b) { return a + b }', 3],
    ['an async function', 'async (a, b) => { await null; return a + b }', 3],
    ['a default export', 'const k = 10;\nexport default (a, b) => (a + b) * k;', 30],
    ['the only export', 'export function add(a, b) { return a + b }\nexport const limit = 3;', 3],
    [
      'an import of Node',
      "import { join } from 'node:path';\nexport default (a, b) => join(String(a), String(b));",
      '1/2',
    ],
    ['TypeScript', 'type N = number;\nexport default function add(a: N, b: N): N { return a + b }', 3],
    ['a TypeScript expression', '(a: number, b: number): number => a + b', 3],
  ])('%s', async (_name, text, value) => {
    expect(valueOf(await run(text, [1, 2]))).toBe(value);
  });

  test('import.meta is the module that a bare function is made one of', async () => {
    expect(valueOf(await run('() => typeof import.meta.url'))).toBe('string');
    expect(valueOf(await run('(a: number) => [a, typeof import.meta]', [1]))).toEqual([1, 'object']);
    expect(valueOf(await run('const m = import.meta;\nexport default () => typeof m.url'))).toBe('string');
  });

  test('an entry names an export; a wrong one says what there is', async () => {
    const text = 'export const one = () => 1; export const two = () => 2;';
    expect(valueOf(await run(text, [], { entry: 'two' }))).toBe(2);
    expect(await failureOf(run(text, [], { entry: 'three' }))).toContain("no function 'three'; it exports one, two");
    expect(await failureOf(run(text))).toContain('several functions (one, two)');
    expect(await failureOf(run('42'))).toContain('load_failed');
    expect(await failureOf(run('export default ('))).toContain('load_failed SyntaxError');
  });

  test.each([
    ['export default (a) => {\n  return a +;\n}', /line 2: Expression expected/],
    ['enum A { X }\nexport default () => A.X', /line 1: TypeScript enum .*only TypeScript that can be erased is taken/],
    ['const k = 1;\nthrow new Error("at start");', /line 2: at start/],
    ['\nmodule.exports = (a) => a;', /line 2: module is not defined.*CommonJS.*`export default`/],
    ['const fs = require("fs");\nexport default () => 1;', /line 1: require is not defined.*CommonJS.*`import/],
    [
      'function d(x) { return x }\n@d class A {}\nexport default () => 1',
      /line 2: .*Node does not take decorators: .*esbuild/,
    ],
    ['class A {\n  accessor x = 1 }\nexport default () => 1', /line 2: .*Node does not take `accessor`: .*esbuild/],
    ['const a = 1;\nexport default () => <div>hi</div>', /line 2: .*Node does not take JSX: .*esbuild/],
    ['const a = 1;\nexport default () => /abc', /line 2: Unterminated regexp literal$/],
  ])('%j: what is wrong, and where', async (text, expected) => {
    expect(await failureOf(run(text))).toMatch(expected);
  });

  test.each([
    [
      'import { X } from "./nope.ts"; export default () => X',
      /'\.\/nope\.ts' cannot be imported.*`mpcsfaas fn register FILE`/,
    ],
    ['import x from "lodash"; export default () => x', /'lodash' cannot be imported.*self-contained/],
    [
      'export default async () => { await import("./late.js") }',
      /^raised TypeError: '\.\/late\.js' cannot be imported/,
    ],
    ['import x from "file:///nope.js"; export default () => x', /'\/nope\.js' imported from function:probe$/],
    ['export default () => { throw new Error(import.meta.url) }', /^raised Error: function:probe$/],
  ])('%j: no source in what is said of it', async (text, expected) => {
    const { outcome } = await run(text);
    if (outcome.is !== 'failed') throw new Error(outcome.is);
    expect(`${outcome.kind} ${outcome.error.type}: ${outcome.error.message}`).toMatch(expected);
    expect(JSON.stringify(outcome)).not.toContain('base64');
  });
});

describe('results', () => {
  test('empty objects are what they are', async () => {
    expect(valueOf(await run('() => [{}, Object.create(null), new (class A { a = 1 })(), [], [[]]]'))).toEqual([
      ...[{}, {}, { a: 1 }, [], [[]]],
    ]);
  });

  test('undefined is null, dates are text', async () => {
    expect(valueOf(await run('() => {}'))).toBeNull();
    expect(valueOf(await run('() => ({ at: new Date(0), none: undefined, list: [undefined] })'))).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      list: [null],
    });
  });

  test.each([
    ['() => ({ a: [1, 2n] })', '$.a[1]: JSON has no bigint'],
    ['() => ({ f() {} })', '$.f: JSON has no function'],
    ['() => { const a = {}; a.a = a; return a }', '$.a: it contains itself'],
    ['() => [NaN]', '$[0]: JSON has no NaN'],
    ['() => Symbol("s")', '$: JSON has no symbol'],
    ['() => [new Error("lost")]', '$[0]: JSON has no Error; throw it, or return its message'],
    ['() => ({ at: new Date("bad") })', '$.at: it is an invalid Date'],
    ['() => Buffer.from("a")', '$: JSON has no bytes'],
    ['() => new Float64Array(2)', '$: JSON has no bytes'],
    ['() => new ArrayBuffer(2)', '$: JSON has no bytes'],
    ['() => /x/', '$: JSON has no RegExp'],
    ['() => new (class Secret { #a = 1 })()', '$: JSON has no Secret'],
    ['function* make() { yield 1 }', '$: it is a generator or an iterator; return a list instead'],
    ['async function* make() { yield 1 }', '$: it is a generator or an iterator; return a list instead'],
    ['() => ({ all: [1][Symbol.iterator]() })', '$.all: it is a generator or an iterator; return a list instead'],
  ])('%s does not fit', async (text, why) => {
    expect(await failureOf(run(text))).toContain(
      `result_not_json TypeError: the result does not fit into JSON at ${why}`,
    );
  });

  test('a result over the limit is refused', async () => {
    expect(await failureOf(run('() => "x".repeat(2000)', [], { max_result_bytes: 1000 }))).toMatch(
      /^result_too_large .*2002 bytes.*1000.*--max-result-bytes/,
    );
  });
});

describe('failures', () => {
  test('an error has its type, message, stack and bases', async () => {
    const { outcome } = await run(
      'class Odd extends RangeError {}\nexport default function odd() { throw new Odd("3") }',
    );
    expect(outcome).toMatchObject({ is: 'failed', kind: 'raised', error: { type: 'Odd', message: '3' } });
    if (outcome.is !== 'failed') throw new Error();
    expect(outcome.error.bases).toEqual(['RangeError', 'Error']);
    expect(outcome.error.traceback).toContain('at odd (function:probe:2:');
    expect(outcome.error.traceback).not.toContain('runner.mjs');
  });

  test.each([
    ['() => { throw "text" }', 'raised string: text'],
    ['() => { throw null }', 'raised null: null'],
    ['() => { throw { a: 1 } }', 'raised Object: {"a":1}'],
    ['async () => { throw new TypeError("late") }', 'raised TypeError: late'],
    ['() => new Promise(() => setTimeout(() => { throw new Error("in a timer") }))', 'raised Error: in a timer'],
    ['() => new Promise(() => { void Promise.reject(new Error("forgotten")) })', 'raised Error: forgotten'],
  ])('%s', async (text, words) => {
    expect(await failureOf(run(text))).toBe(words);
  });

  describe('what is below an error stands in its traceback', () => {
    const tracebackOf = async (text: string): Promise<string> => {
      const { outcome } = await run(text);
      if (outcome.is !== 'failed') throw new Error(outcome.is);
      return outcome.error.traceback;
    };

    test('a connection that is refused', async () => {
      const trace = await tracebackOf("async () => (await fetch('http://127.0.0.1:2/')).status");
      expect(trace).toMatch(
        /^TypeError: fetch failed[^]* \{\n {2}\[cause\]: Error: connect ECONNREFUSED 127\.0\.0\.1:2/,
      );
      expect(trace).not.toContain('node:internal');
    });

    test('causes, one below the other, and what is no error', async () => {
      const trace = await tracebackOf(
        `() => { throw new Error('a', { cause: new RangeError('b', { cause: { code: 7 } }) }) }`,
      );
      expect(trace).toMatch(
        /^Error: a\n[^]* \{\n {2}\[cause\]: RangeError: b\n[^]* \{\n {4}\[cause\]: \{ code: 7 \}\n {2}\}\n\}$/,
      );
    });

    test('the members of an AggregateError', async () => {
      const trace = await tracebackOf(
        `() => Promise.any([Promise.reject(new Error('one')), Promise.reject(new TypeError('two')), Promise.reject(3)])`,
      );
      expect(trace).toMatch(
        /^AggregateError: .*\{\n {2}\[errors\]: \[\n {4}Error: one[^]*,\n {4}TypeError: two[^]*,\n {4}3\n {2}\]\n\}$/,
      );
    });

    test.each([
      [
        'a circle',
        `() => { const a = new Error('a'); a.cause = new Error('b', { cause: a }); throw a }`,
        /\[Circular\]/,
      ],
      [
        'a getter that throws',
        `() => { throw Object.defineProperty(new Error('a'), 'cause', { get() { throw 1 } }) }`,
        /a/,
      ],
      [
        'a stack that throws',
        `() => { throw new Error('a', { cause: Object.defineProperty(new Error('b'), 'stack', { get() { throw 1 } }) }) }`,
        /\[cause\]: \(cannot be shown\)/,
      ],
      [
        'a chain without an end',
        `() => { let e = new Error('0'); for (let n = 1; n < 1e4; n++) e = new Error('x'.repeat(1e5), { cause: e }); throw e }`,
        /…/,
      ],
      [
        'members behind a getter that throws',
        `() => { const e = new AggregateError([1], 'm'); Object.defineProperty(e, 'errors', { get() { throw 1 } }); throw e }`,
        /^AggregateError: m/,
      ],
      [
        'many that are no errors, and long',
        `() => Promise.any(Array.from({ length: 70_000 }, () => Promise.reject('x'.repeat(8192))))`,
        /^AggregateError: [^]*… 69968 more/,
      ],
      [
        'a cause that is large',
        `() => { throw new Error('a', { cause: { all: Array(1e6).fill(Buffer.alloc(1e3)) } }) }`,
        /999980 more items/,
      ],
      [
        'a cause of its own looks',
        `() => { throw new Error('a', { cause: { [Symbol.for('nodejs.util.inspect.custom')]() { throw 1 } } }) }`,
        /\[cause\]: \{/,
      ],
      [
        'more than many',
        `() => { const all = (n) => new AggregateError(n ? Array.from({ length: 50 }, () => all(n - 1)) : [], 'm'); throw all(2) }`,
        /… \d+ more/,
      ],
    ])('%s', async (_name, text, expected) => {
      const trace = await tracebackOf(text);
      expect(trace).toMatch(expected);
      expect(trace.length).toBeLessThan(66_000);
    });
  });

  test('process.exit is a loss that says so; the next call is right', async () => {
    const { outcome } = await run('() => process.exit(3)');
    expect(outcome).toMatchObject({ is: 'lost', error: { details: { exit_code: 3 } } });
    expect(valueOf(await run('() => 1'))).toBe(1);
  });

  test('an endless loop ends at its time limit', async () => {
    expect(await failureOf(run('() => { for (;;); }', [], { timeout_ms: 100 }))).toContain('timed_out TimeoutError');
  });

  test('a hog ends at its memory limit', async () => {
    const text = '() => { const all = []; for (;;) all.push(new Array(1e5).fill(1.5)); }';
    expect(await failureOf(run(text, [], { memory_bytes: 200 * 2 ** 20 }))).toContain('memory_exceeded');
  });
});

test('console and streams belong to the call', async () => {
  const text = '(n) => { console.log("out", n); console.error("err", n); process.stdout.write("raw\\n"); return n }';
  const ends = await pool.runAll([1, 2, 3].map((n) => pool.call(javascript(text), [n])));
  for (const end of ends) {
    const n = String(valueOf(end));
    expect(end.logs?.stdout.head.toString()).toBe(`out ${n}\nraw\n`);
    expect(end.logs?.stderr.head.toString()).toBe(`err ${n}\n`);
  }
});

test('keyword arguments come as a last object', async () => {
  const call = pool.call(javascript('(a, { b }) => a + b'), []);
  call.args = Buffer.from('{"args":[1],"kwargs":{"b":2}}');
  expect(valueOf(await pool.run(call))).toBe(3);
});

test('many calls come back right', async () => {
  const square = javascript('(x) => x * x');
  const calls = Array.from({ length: 1000 }, (_, x) => pool.call(square, [x]));
  const ends = await pool.runAll(calls);
  expect(ends.map(valueOf)).toEqual(calls.map((_, x) => x * x));
});

test('calls behind a long one are taken back and run elsewhere', async () => {
  // Ends when the file exists: with '/' at once.
  const holds = javascript(
    'import { existsSync } from "node:fs";\nexport default async (path, x) => {\n' +
      '  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));\n  return x }',
  );
  for (let round = 0; round < 16; round += 1) await pool.run(pool.call(holds, ['/', 1]));
  const gate = join(pool.dataDir, 'gate');
  const long = pool.call(holds, [gate, 'long']);
  const short = Array.from({ length: 40 }, (_, x) => pool.call(holds, ['/', x]));
  pool.submit(long);
  const ends = await pool.runAll(short);
  expect(ends.map(valueOf)).toEqual(short.map((_, x) => x));
  for (const call of short) expect(pool.started.get(call.key)).toHaveLength(1);
  expect(pool.ends.has(long.key)).toBe(false);
  writeFileSync(gate, '');
  expect(valueOf(await pool.end(long))).toBe('long');
  expect(valueOf(await pool.run(pool.call(holds, ['/', 'after'])))).toBe('after');
});
