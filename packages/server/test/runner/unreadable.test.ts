// Python results, arguments and exceptions that raise while they are read: a failure of that call, and of it alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TaskSpec } from '../../src/lifecycle/spec.ts';
import { makeCall, pickled, source, TestPool, unpickled, valueOf } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open({ slots: 1 });
});
afterAll(() => pool.close());

/** How it failed, in words; the next call is right. */
async function wordsOf(text: string, args: unknown[] | Buffer = [], more: Partial<TaskSpec> = {}): Promise<string> {
  const code = source(text);
  pool.pool.provideCode(code.digest, code.bytes);
  const { outcome } = await pool.run(makeCall(code, args, more));
  expect(valueOf(await pool.run(pool.call(source('def f(x): return x + len("a")'), [1])))).toBe(2);
  if (outcome.is === 'completed') return `completed ${outcome.result.json?.toString() ?? ''}`;
  if (outcome.is !== 'failed') return outcome.is;
  const { kind, error, pickle } = outcome;
  if (more.result_as === 'pickle') expect(unpickled(pickle, 'str(isinstance(v, BaseException))')).toBe('True');
  return `${kind} ${error.type}: ${error.message}`;
}

const unfit = (place: string, why: string): string =>
  `result_not_json TypeError: the result does not fit into JSON at ${place}: reading it raised ${why}. ` +
  'Ask for the result as a pickle, or return something else.';

describe('a result', () => {
  test.each([
    [
      'items()',
      'class D(dict):\n  def items(s): raise ValueError(1)\ndef f(): return [D(a=1)]',
      '$[0]',
      'ValueError: 1',
    ],
    [
      '__iter__',
      'class D(list):\n  def __iter__(s): raise SystemExit(9)\ndef f(): return {"a": D()}',
      '$.a',
      'SystemExit: 9',
    ],
    [
      '__class__',
      'class X:\n  @property\n  def __class__(s): raise ValueError(1)\ndef f(): return X()',
      '$',
      'ValueError: 1',
    ],
    [
      '__str__ of a key',
      'class K(str):\n  def __str__(s): raise KeyError(1)\ndef f(): return {K("a"): 1}',
      '$',
      'KeyError: 1',
    ],
  ])('whose %s raises does not fit into JSON', async (_what, text, place, why) => {
    expect(await wordsOf(text)).toBe(unfit(place, why));
  });

  test('whose __len__ raises is taken by what it holds', async () => {
    const text = 'class S(str):\n  def __len__(s): raise ValueError(2)\ndef f(): return S("a")';
    expect(await wordsOf(text)).toBe('completed "a"');
  });

  test.each([
    ['__class__', 'class X:\n  @property\n  def __class__(s): raise ValueError(1)'],
    ['__reduce__', 'class X:\n  def __reduce__(s): raise SystemExit(5)'],
  ])('whose %s raises cannot be pickled', async (_what, text) => {
    const words = await wordsOf(`${text}\ndef f(): return X()`, [], { result_as: 'pickle' });
    expect(words).toMatch(/^result_not_serializable TypeError: the result, of type X, cannot be pickled/);
  });
});

describe.each(['json', 'pickle'] as const)('an exception, the result wanted as %s', (result_as) => {
  const wrong = (what: string): string => `  @property\n  def ${what}(self): raise ValueError(1)\n`;
  test.each([
    ['__traceback__', `class E(Exception):\n${wrong('__traceback__')}`],
    ['__class__', `class E(Exception):\n${wrong('__class__')}`],
    ["its class's __name__", `class M(type):\n${wrong('__name__')}class E(Exception, metaclass=M): pass\n`],
    ["its class's __mro__", `class M(type):\n${wrong('__mro__')}class E(Exception, metaclass=M): pass\n`],
  ])('%s raises', async (_what, text) => {
    expect(await wordsOf(`${text}def f(): raise E("words")`, [], { result_as })).toBe('raised E: words');
  });

  test('of a class that cannot even be compared', async () => {
    const text =
      'class M(type):\n  def __eq__(c, o): raise ValueError(1)\n  def __hash__(c): raise ValueError(2)\n' +
      'class E(Exception, metaclass=M): pass\ndef f(): raise E("words")';
    expect(await wordsOf(text, [], { result_as })).toMatch(/^raised (E: words|RuntimeError: .*cannot be shown)/);
  });
});

describe('arguments', () => {
  test.each([
    ['SystemExit', "type('X', (), {'__reduce__': lambda s: (__import__('sys').exit, (3,))})()"],
    [
      'KeyboardInterrupt',
      "type('X', (), {'__reduce__': lambda s: (eval, (\"(_ for _ in ()).throw(KeyboardInterrupt('k'))\",))})()",
    ],
  ])('whose loading raises %s', async (name, value) => {
    expect(await wordsOf('def f(x): return 1', pickled(`((${value},), {})`))).toMatch(
      new RegExp(`^load_failed RuntimeError: cannot load the arguments: ${name}: `),
    );
  });
});

describe('what a call leaves behind', () => {
  test.each([
    ['a trace function that raises', 'sys.settrace(lambda *a: 1 / 0)'],
    ['a trace function', 'sys.settrace(lambda *a: None)'],
    ['a profile function', 'sys.setprofile(lambda *a: None)'],
  ])('%s is gone', async (_what, line) => {
    expect(await wordsOf(`import sys\ndef f():\n  ${line}\n  return 18`)).toBe('completed 18');
    const left = await pool.run(pool.call(source('import sys\ndef f(): return [sys.gettrace(), sys.getprofile()]')));
    expect(valueOf(left)).toEqual([null, null]);
  });

  test('builtins that are gone do not reach the next call', async () => {
    const text =
      'import builtins\ndef f():\n  for n in ("isinstance", "hasattr", "len", "type", "str", "tuple", "BaseException"):\n' +
      '    delattr(builtins, n)\n  return 15';
    expect(await wordsOf(text)).toMatch(/^(completed 15|result_not_\w+ )/);
  });

  test('a handler that raises when the call is over ends no runner', async () => {
    const text =
      'import signal\ndef f(n):\n  def late(*_): raise ValueError("late")\n  signal.signal(signal.SIGALRM, late)\n' +
      '  signal.setitimer(signal.ITIMER_REAL, 1e-6 * n)\n  return list(range(2000))';
    for (let n = 1; n < 200; n += 5) {
      expect(await wordsOf(text, [n])).toMatch(/^(completed|raised|result_)/);
    }
  });

  test('the lines of a source are its own in tracebacks, whichever version was loaded since', async () => {
    const of = (words: string) => pool.call(source(`def f():\n    raise ValueError()  # ${words}\n`));
    const traceback = async (words: string): Promise<string> => {
      const { outcome } = await pool.run(of(words));
      return outcome.is === 'failed' ? outcome.error.traceback : '';
    };
    await traceback('first');
    await traceback('second');
    expect(await traceback('first')).toContain('# first');
  });

  test('a stream that is gone is put back', async () => {
    expect(await wordsOf('import sys\ndef f():\n  del sys.stdout\n  return 1')).toBe('completed 1');
  });
});
