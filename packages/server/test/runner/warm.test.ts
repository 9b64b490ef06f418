// The thin whole way: dill functions, arguments and results through a warm Python runner.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dilled, makeCall, pickled, source, TestPool, unpickled, valueOf } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open();
});
afterAll(() => pool.close());

test('a dill function with dill arguments gives a pickle back', async () => {
  const double = dilled('lambda x, y=1: (x * 2, y)');
  pool.pool.provideCode(double.digest, double.bytes);
  const end = await pool.run(makeCall(double, pickled('((21,), {"y": [1, 2]})')));
  expect(end.outcome.is).toBe('completed');
  expect(end.outcome.is === 'completed' && unpickled(end.outcome.result.pickle)).toBe('(42, [1, 2])');
  expect(end.logs).toBeNull();
  expect(pool.started.get(end.key)).toEqual([end.startedAtMs]);
});

test('a source function with JSON gives JSON back', async () => {
  const add = source('def add(a, b):\n    return a + b\n');
  expect(valueOf(await pool.run(pool.call(add, [1, 2])))).toBe(3);
});

test('code that the pool lacks is asked for once', async () => {
  const late = source('def late(): return "late"');
  const calls = [makeCall(late, []), makeCall(late, [])];
  pool.submit(...calls);
  await pool.until(() => pool.asked.includes(late.digest));
  expect(pool.pool.hasCode(late.digest)).toBe(false);
  pool.pool.provideCode(late.digest, late.bytes);
  for (const call of calls) expect(valueOf(await pool.end(call))).toBe('late');
  expect(pool.asked.filter((digest) => digest === late.digest)).toHaveLength(1);
});

test('many calls come back right, each once', async () => {
  const square = source('def square(x): return x * x');
  const calls = Array.from({ length: 2000 }, (_, x) => pool.call(square, [x]));
  const ends = await pool.runAll(calls);
  expect(ends.map(valueOf)).toEqual(calls.map((_, x) => x * x));
});
