// A function whose code cannot be loaded where a call before it has broken things: it is loaded in a new runner.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { javascript, source, TestPool, valueOf } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open({ slots: 1 });
});
afterAll(() => pool.close());

const spoils = source(
  'import builtins, json, os, sys\ndef f():\n' +
    '    json.dumps = None\n    os.write = None\n    sys.stdout = None\n    sys.modules.clear()\n    builtins.len = None\n    return 1\n',
);
const sane = source('import os, json\ndef f(x): return json.loads(json.dumps([x, len("ab"), os.getpid()]))\n');

test('what a call has broken does not fail the loading of the next function', async () => {
  expect(valueOf(await pool.run(pool.call(spoils)))).toBe(1);
  const [x, length] = valueOf(await pool.run(pool.call(sane, [7]))) as number[];
  expect([x, length]).toEqual([7, 2]);
});

test('the same for JavaScript', async () => {
  const spoil = javascript(
    '() => { const { prototype } = Array; delete prototype.map; prototype.push = null; return 1 }',
  );
  expect(valueOf(await pool.run(pool.call(spoil)))).toBe(1);
  const next = javascript('const doubled = [1, 2].map((n) => n * 2);\nexport default () => doubled');
  expect(valueOf(await pool.run(pool.call(next)))).toEqual([2, 4]);
});

test('a function that can be loaded nowhere is tried twice, and then no more', async () => {
  const wrong = source('import os\nprint("loading in", os.getpid())\nraise ValueError("no")\ndef f(): pass\n');
  const pid = async (): Promise<unknown> =>
    valueOf(await pool.run(pool.call(source('import os\ndef f(): return os.getpid()'))));
  const before = await pid();
  const failed = (): Promise<unknown> => pool.run(pool.call(wrong)).then(({ outcome }) => outcome);
  expect(await failed()).toMatchObject({
    is: 'failed',
    kind: 'load_failed',
    error: { message: 'cannot load the function: ValueError: no' },
  });
  const after = await pid();
  expect(after).not.toBe(before);
  expect(await failed()).toMatchObject({ is: 'failed', kind: 'load_failed' });
  expect(await pid()).toBe(after);
});

test('a call that is to run at most once is not tried again', async () => {
  expect(valueOf(await pool.run(pool.call(sane, [7])))).toBeDefined();
  const wrong = source('raise ValueError("once")\ndef f(): pass\n');
  const { outcome } = await pool.run(pool.call(wrong, [], { at_most_once: true }));
  expect(outcome).toMatchObject({
    is: 'failed',
    kind: 'load_failed',
    error: { message: 'cannot load the function: ValueError: once' },
  });
});
