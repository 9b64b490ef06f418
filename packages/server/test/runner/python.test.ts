// What a Python call can come to: values in both forms, exceptions, and what does not load or does not fit.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TaskSpec } from '../../src/lifecycle/spec.ts';
import { dilled, makeCall, pickled, PYTHON, source, TestPool, unpickled, valueOf, type Ended } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open();
});
afterAll(() => pool.close());

const run = (text: string, args: unknown[] = [], more: Partial<TaskSpec> = {}): Promise<Ended> =>
  pool.run(pool.call(source(text), args, more));

/** Calls a dill function the classic way. */
async function classic(text: string, args = '((), {})', more: Partial<TaskSpec> = {}): Promise<Ended> {
  // With what the function refers to, as the SDKs send it.
  const fn = dilled(`dill.settings['recurse'] = True\n${text}`);
  pool.pool.provideCode(fn.digest, fn.bytes);
  return pool.run(makeCall(fn, pickled(args), { classic: true, ...more }));
}

function failed({ outcome }: Ended): Extract<Ended['outcome'], { is: 'failed' }> {
  if (outcome.is !== 'failed') throw new Error(`not failed: ${JSON.stringify(outcome)}`);
  return outcome;
}
const words = (end: Ended): string => {
  const { kind, error } = failed(end);
  return `${kind} ${error.type}: ${error.message}`;
};

describe('functions', () => {
  test('async def is awaited', async () => {
    expect(valueOf(await run('import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x\n', [7]))).toBe(
      7,
    );
  });
  test('the entry is the only public function, or the one named', async () => {
    expect(
      valueOf(await run('from math import sqrt\nimport os\ndef _help(): return 1\ndef f(): return _help()\n')),
    ).toBe(1);
    const two = 'def one(): return 1\ndef two(): return 2\n';
    expect(valueOf(await run(two, [], { entry: 'two' }))).toBe(2);
    expect(words(await run(two))).toMatch(/^load_failed TypeError: .*several functions \(one, two\)/);
    expect(words(await run(two, [], { entry: 'three' }))).toMatch(/no function 'three'; it defines one, two/);
    expect(words(await run('x = 1'))).toMatch(/^load_failed .*no function/);
    expect(words(await run('def f(:'))).toMatch(/^load_failed SyntaxError/);
    const mixed = 'def f():\n        if 1:\n\treturn 1\n';
    expect(words(await run(mixed))).toMatch(/^load_failed TabError: cannot load the function: TabError: inconsistent/);
    expect(words(await run('def f():\nreturn 1\n'))).toMatch(/^load_failed IndentationError: .*expected an indented/);
    expect(words(await run('import not_a_module_at_all\ndef f(): pass'))).toMatch(
      /^load_failed ModuleNotFoundError.*--python-path/,
    );
  });
  test.each([
    ["if __name__ == '__main__':\n    raise SystemExit(6)\n", 'loaded'],
    ["if '__main__' != __name__:\n    seen = 'guarded'\n", 'guarded'],
    ["if __name__ == '__main__' and True:\n    seen = 'main'\nelse:\n    seen = 'else'\n", 'else'],
  ])('what is for those who start the file does not run: %j', async (guard, expected) => {
    const text = `seen = 'loaded'\n${guard}def f(): return [seen, __name__ == '__main__']\n`;
    expect(valueOf(await run(text))).toEqual([expected, true]);
  });
  test('a source may begin with a byte order mark', async () => {
    expect(valueOf(await run('\ufeffdef f(): return 1\n'))).toBe(1);
  });
  test('the functions of a source are found by the processes that it starts', async () => {
    const text =
      'import multiprocessing\ndef _square(x): return x * x\n' +
      "def f():\n    with multiprocessing.get_context('fork').Pool(2) as pool:\n        return pool.map(_square, [1, 2, 3])\n";
    expect(valueOf(await run(text))).toEqual([1, 4, 9]);
  });
  test('also by interpreters that it starts anew', async () => {
    const text =
      'import multiprocessing\ndef _square(x): return x * x\n' +
      "def f():\n    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        return pool.map(_square, [1, 2, 3])\n" +
      "if __name__ == '__main__':\n    raise SystemExit(6)\n";
    expect(valueOf(await run(text))).toEqual([1, 4, 9]);
  });
  test("a slip in a source that has a guard is told with the source's name", async () => {
    const end = failed(await run('# __main__\ndef f(:\n'));
    expect(end.error.message).toMatch(/<function [^>]*>, line 2/);
  });
  test('a source too deep for a tree runs all the same', async () => {
    const text = `word = '__main__'\nlong = ${Array.from({ length: 1200 }, () => '1').join(' + ')}\ndef f(): return long\n`;
    expect(valueOf(await run(text))).toBe(1200);
  });
  test('source runs once a digest, its classes come back by value', async () => {
    const text =
      'count = 0\nclass C:\n    def __init__(self, n): self.n = n\ndef _up():\n    global count\n    count += 1\n    return count\ndef f(): return C(_up())\n';
    const one = await run(text, [], { result_as: 'pickle' });
    const two = await run(text, [], { result_as: 'pickle' });
    const seen = [one, two].map(
      ({ outcome }) => outcome.is === 'completed' && unpickled(outcome.result.pickle, 'str(v.n)'),
    );
    expect(seen).toEqual(['1', '2']);
  });
  test('cloudpickle functions and classes run', async () => {
    const made = spawnSync(PYTHON, [
      '-c',
      'import cloudpickle, sys\nk = 3\ndef f(x): return x * k\nsys.stdout.buffer.write(cloudpickle.dumps(f))',
    ]);
    const fn = { ...dilled('print'), bytes: made.stdout, digest: 'cloud' };
    expect(valueOf(await pool.run(pool.call({ ...fn, spec: { form: 'pickle', digest: 'cloud' } }, [4])))).toBe(12);
  });
  test('globals of __main__ travel with dill, recursion works', async () => {
    const end = await classic('K = 5\ndef f(n): return K if n == 0 else f(n - 1)\nf', '((3,), {})');
    expect(end.outcome.is === 'completed' && unpickled(end.outcome.result.pickle)).toBe('5');
  });
  test('functions of __main__ do not share their globals', async () => {
    const put = dilled('def put():\n    global left\n    left = 1\nput');
    const look = dilled('def look(): return sorted(name for name in globals() if not name.startswith("__"))\nlook');
    expect(valueOf(await pool.run(pool.call(put)))).toBeNull();
    expect(valueOf(await pool.run(pool.call(look)))).toEqual([]);
  });
  test('what is no function does not load', async () => {
    expect(words(await classic('42'))).toMatch(/^load_failed TypeError: the registered object is an int/);
  });
  test('bytes that are no pickle do not load', async () => {
    const fn = { digest: 'junk', bytes: Buffer.from('junk'), spec: { form: 'pickle', digest: 'junk' } as const };
    expect(words(await pool.run(pool.call(fn)))).toMatch(/^load_failed/);
  });
});

describe('arguments', () => {
  test.each(['42', '(1, 2, 3)', '((1,), {2: 3})', '({}, ())'])('%s is no (tuple, dict)', async (args) => {
    const end = failed(await classic('lambda *a, **k: 1', args));
    expect(`${end.kind} ${end.error.type}`).toBe('load_failed TypeError');
    expect(unpickled(end.pickle, 'type(v).__name__')).toBe('TypeError');
  });
  test('that are no pickle', async () => {
    const fn = dilled('lambda: 1');
    pool.pool.provideCode(fn.digest, fn.bytes);
    expect(words(await pool.run(makeCall(fn, Buffer.from('junk'))))).toMatch(
      /^load_failed .*cannot load the arguments/,
    );
  });
  test('that are a list where the tuple belongs are refused', async () => {
    expect(words(await classic('lambda x: x', '([1], {})'))).toMatch(/^load_failed .*TypeError|^load_failed .*tuple/);
  });
  test('functions as arguments', async () => {
    const end = await classic('lambda f, x: f(x)', '((lambda x: x + 1, 1), {})');
    expect(end.outcome.is === 'completed' && unpickled(end.outcome.result.pickle)).toBe('2');
  });
  test('keyword arguments in JSON', async () => {
    const call = pool.call(source('def f(a, *, b): return a - b'));
    call.args = Buffer.from('{"args":[5],"kwargs":{"b":3}}');
    expect(valueOf(await pool.run(call))).toBe(2);
  });
});

describe('exceptions', () => {
  test('are data and, for Python callers, themselves', async () => {
    const end = failed(await classic('def f():\n    raise ValueError("bad", 3)\nf'));
    expect(end).toMatchObject({
      kind: 'raised',
      error: { type: 'ValueError', message: "('bad', 3)", bases: ['Exception', 'BaseException'] },
    });
    expect(unpickled(end.pickle)).toBe("ValueError('bad', 3)");
    expect(end.error.traceback).toContain('ValueError');
    expect(end.error.traceback).not.toContain('_mpcsfaas');
  });
  test('a traceback shows the lines of source', async () => {
    const end = failed(await run('def f():\n    return 1 / 0  # here\n'));
    expect(end.error.traceback).toContain('return 1 / 0  # here');
    expect(end.error.traceback).not.toContain('_mpcsfaas');
    expect(end.pickle).toBeUndefined();
  });
  test('the lines of a source are let go of with the last function that was made of it', async () => {
    const one = await TestPool.open({ slots: 1 });
    const called = (text: string, entry = ''): Promise<Ended> => one.run(one.call(source(text), [], { entry }));
    const shared = 'def bad(): return 1 / 0  # here\ndef good(): return 1\n';
    const held = 'import linecache\ndef f(): return sum(key.startswith("<function ") for key in linecache.cache)\n';
    await called(shared, 'good');
    await called(shared, 'bad');
    // A runner keeps 256 functions, and the first one goes as the last of these comes.
    for (let n = 1; n < 255; n += 1) await called(`def f(): return ${n}\n`);
    expect(valueOf(await called(held))).toBe(256);
    expect(failed(await called(shared, 'bad')).error.traceback).toContain('return 1 / 0  # here');
    await called('def f(): return 0\n');
    expect(valueOf(await called(held))).toBe(256);
    await called('def f(): return -1\n');
    expect(valueOf(await called(held))).toBe(256);
    await one.close();
  });
  test('of a class of the function’s own keep their names', async () => {
    const end = failed(await classic('class Odd(KeyError): pass\ndef f(): raise Odd("x")\nf'));
    expect(end.error).toMatchObject({ type: 'Odd', bases: ['KeyError', 'LookupError', 'Exception', 'BaseException'] });
    expect(unpickled(end.pickle, 'type(v).__name__ + str(isinstance(v, KeyError))')).toBe('OddTrue');
  });
  test.each([
    [
      'def f():\n    error = KeyError("rest")\n    error.rest = (n for n in ())\n    raise error\nf',
      "KeyError: \\'rest\\'",
    ],
    ['class E(Exception):\n    def __reduce__(self): raise OSError\ndef f(): raise E("no")\nf', 'E: no'],
  ])('that do not survive a pickle are told by one that does', async (text, said) => {
    expect(unpickled(failed(await classic(text)).pickle)).toContain(`RuntimeError('${said}`);
  });
  test('whose constructors want more than they keep are told by themselves', async () => {
    const text =
      'class E(Exception):\n    def __init__(self, a, b): super().__init__("two")\ndef f(): raise E(1, 2)\nf';
    expect(unpickled(failed(await classic(text)).pickle)).toBe("E('two')");
  });
  test('a text that UTF-8 cannot say is told by its escape', async () => {
    const { error } = failed(await run('def f(): raise ValueError("odd \\ud800 é")'));
    expect(error.message).toBe('odd \\ud800 é');
    expect(error.traceback).toContain('ValueError: odd \\ud800 é');
  });
  test('a text that cannot be shown and a text without end', async () => {
    const bad = 'class E(Exception):\n    def __str__(self): raise OSError\ndef f(): raise E\n';
    expect(words(await run(bad))).toContain('__str__ raised OSError');
    expect(failed(await run('def f(): raise ValueError("x" * 10**7)')).error.message.length).toBeLessThan(70_000);
  });
});

describe('results', () => {
  test('both forms at once', async () => {
    const { outcome } = await run('def f(): return (1, "a")', [], { result_as: 'both' });
    if (outcome.is !== 'completed') throw new Error(outcome.is);
    expect(outcome.result.json?.toString()).toBe('[1,"a"]');
    expect(unpickled(outcome.result.pickle)).toBe("(1, 'a')");
  });
  test.each([
    ['None', null],
    ['[True, 1, 1.5, "ä", (1, 2)]', [true, 1, 1.5, 'ä', [1, 2]]],
    ['2**53 - 1', 2 ** 53 - 1],
    ['{"a": {"b": []}}', { a: { b: [] } }],
    [
      '__import__("datetime").datetime(2024, 1, 2, 3, 4, 5, tzinfo=__import__("datetime").timezone.utc)',
      '2024-01-02T03:04:05Z',
    ],
    ['__import__("datetime").date(2024, 1, 2)', '2024-01-02'],
    ['__import__("decimal").Decimal("1.10")', '1.10'],
    ['__import__("uuid").UUID(int=1)', '00000000-0000-0000-0000-000000000001'],
    ['__import__("pathlib").Path("a/b")', 'a/b'],
    ['{3, 1, 2}', [1, 2, 3]],
    ['__import__("http").HTTPStatus.OK', 200],
    ['__import__("dataclasses").make_dataclass("P", ["x", "y"])(1, [2])', { x: 1, y: [2] }],
    ['__import__("collections").OrderedDict(b=1, a=2)', { b: 1, a: 2 }],
  ])('%s as JSON', async (expression, value) => {
    expect(valueOf(await run(`def f(): return ${expression}`))).toEqual(value);
  });
  test.each([
    ['[0, {"a": b"x"}]', '$[1].a: JSON has no bytes'],
    ['2**53', '$: the integer 9007199254740992 is beyond'],
    ['[float("nan")]', '$[0]: JSON has no nan'],
    ['{"a": float("inf")}', '$.a: JSON has no inf'],
    ['{1: 2}', '$: the key 1 is of type int'],
    ['[object()]', '$[0]: JSON has nothing for the type object'],
    ['(lambda a: a.append(a) or a)([])', '$[0]: it contains itself'],
    ['"\\ud800"', '$: a string holds a lone surrogate'],
  ])('%s does not fit', async (expression, why) => {
    expect(words(await run(`def f(): return ${expression}`))).toContain(
      `result_not_json TypeError: the result does not fit into JSON at ${why}`,
    );
  });
  test.each(['(x for x in [])', '__import__("sys")._getframe()'])('%s cannot be pickled', async (expression) => {
    expect(words(await run(`def f(): return ${expression}`, [], { result_as: 'pickle' }))).toMatch(
      /^result_not_serializable TypeError/,
    );
  });
  test('a generator is told what to do', async () => {
    expect(words(await run('def f():\n    yield 1\n'))).toContain('return a list instead');
  });
  test('over the limit', async () => {
    expect(words(await run('def f(): return [0] * 1000', [], { max_result_bytes: 1000 }))).toMatch(
      /^result_too_large .*--max-result-bytes/,
    );
  });
  test('names of an exception that are texts of their own are cut', async () => {
    const source = 'def f(): raise type("A" * 5_000_000, (type("B" * 5_000_000, (ValueError,), {}),), {})("no")';
    const { outcome } = await run(source);
    if (outcome.is !== 'failed') throw new Error(`it was ${outcome.is}`);
    const { type, message, bases } = outcome.error;
    expect([type, message, bases?.slice(0, 2)]).toEqual(['A'.repeat(1024), 'no', ['B'.repeat(1024), 'ValueError']]);
  });
  test('a large one comes whole', async () => {
    const { outcome } = await run('def f(): return "x" * 20_000_000', []);
    expect(outcome.is === 'completed' && outcome.result.json?.length).toBe(20_000_002);
  });
});

describe('another Python version', () => {
  test('that is known is refused before anything is loaded', async () => {
    expect(words(await classic('lambda: 1', '((), {})', { python: '3.7' }))).toMatch(
      /^version_mismatch .*Python 3\.7.*source/,
    );
  });
  test('that shows itself in bad byte code is named', async () => {
    const end = await classic('import types\ndef g(): pass\ndef f(): raise SystemError("unknown opcode")\nf');
    expect(words(end)).toMatch(/^version_mismatch RuntimeError: .*this worker runs Python 3/);
  });
  test('is hinted at where a runner dies of a function by value', async () => {
    const { outcome } = await classic('def f():\n    import ctypes\n    ctypes.string_at(0)\nf');
    expect(outcome.is === 'lost' && outcome.error.message).toMatch(
      /SIGSEGV.*It runs Python 3\.\d+\.\d+ .*byte code.*--python/,
    );
  });
  test.each([
    ['its byte code is by value', 'lambda x: x', true],
    ['it is a name', 'print', false],
  ])('is thought of in a loss where the function came as a pickle: %s', async (_, text, expected) => {
    const exits = `type('Exits', (), {'__reduce__': lambda self: (__import__('os')._exit, (7,))})()`;
    const { outcome } = await classic(text, `((${exits},), {})`);
    expect(outcome.is === 'lost' && outcome.error.details).toEqual({ exit_code: 7 });
    expect(outcome.is === 'lost' && outcome.error.message.includes('byte code')).toBe(expected);
  });
});
