// Hostile functions: each fails with its reason, its neighbour and the next call are right, no process is left.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TaskSpec } from '../../src/lifecycle/spec.ts';
import { leftOf, isAlive, source, untilGone, TestPool, valueOf, type Ended, type TestCode } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open();
});
afterAll(async () => {
  await pool.close();
  expect(await leftOf(pool.mark)).toEqual([]);
});

const fixture = (name: string): TestCode =>
  source(readFileSync(new URL(`fixtures/${name}.py`, import.meta.url), 'utf8'));
const sane = source('def sane(x):\n    return x + 1\n');
const sleeps = fixture('sleeps');

/** Runs the fixture with a neighbour beside it, and afterwards as many calls as there are slots. */
async function hostile(name: string, args: unknown[] = [], more: Partial<TaskSpec> = {}): Promise<Ended> {
  const neighbour = pool.call(sleeps, [0.15, 'neighbour']);
  const bad = pool.call(fixture(name), args, more);
  const [beside, end] = await pool.runAll([neighbour, bad]);
  expect(valueOf(beside!)).toBe('neighbour');
  await expectSane();
  return end!;
}

/** Each slot once more, and more than once. */
async function expectSane(): Promise<void> {
  const ends = await pool.runAll([1, 2, 3, 4].map((x) => pool.call(sane, [x])));
  expect(ends.map(valueOf)).toEqual([2, 3, 4, 5]);
}

const words = ({ outcome }: Ended): string =>
  outcome.is === 'failed'
    ? `${outcome.kind} ${outcome.error.type}: ${outcome.error.message}`
    : outcome.is === 'lost'
      ? `lost: ${outcome.error.message} ${JSON.stringify(outcome.error.details)}`
      : outcome.is;

describe('ends of the process', () => {
  test('os._exit', async () => {
    expect(words(await hostile('exits'))).toMatch(/^lost: .*exit code 3.*"exit_code":3/);
  });
  test('a segmentation fault', async () => {
    expect(words(await hostile('segfaults'))).toMatch(/^lost: .*SIGSEGV.*"signal":"SIGSEGV"/);
  });
  test('closing every descriptor', async () => {
    expect(words(await hostile('closes_everything'))).toMatch(/^lost: the runner broke its channel: it closed it/);
  });
  test('garbage on the channel', async () => {
    expect(words(await hostile('writes_garbage'))).toMatch(/^lost: the runner broke its channel/);
  });
  test('an answer to another call', async () => {
    expect(words(await hostile('answers_for_another'))).toMatch(/^lost: .*an answer to a call that does not run/);
  });
  test.each([
    ['SIGKILL', /^lost: .*template/],
    ['SIGSTOP', /^timed_out/],
  ])('%s to the template: what ran with it is lost, what comes is right', async (signal, expected) => {
    const bad = pool.call(fixture('kills_its_parent'), [signal], { timeout_ms: 500 });
    expect(words(await pool.run(bad))).toMatch(expected);
    await expectSane();
  });
});

describe('limits', () => {
  test('an endless loop that ignores SIGTERM', async () => {
    const end = await hostile('ignores_sigterm', [], { timeout_ms: 300 });
    expect(words(end)).toMatch(/^timed_out TimeoutError: .*time limit of 300 ms/);
  });
  test('a memory hog', async () => {
    expect(words(await hostile('hogs_memory', [], { memory_bytes: 100 * 2 ** 20 }))).toMatch(
      /^memory_exceeded MemoryError/,
    );
  });
  test('a memory hog that lifts its own limit', async () => {
    const end = await hostile('hogs_memory_in_native_code', [], { memory_bytes: 100 * 2 ** 20 });
    expect(words(end)).toMatch(/^memory_exceeded MemoryError: the call used \d+ bytes/);
  });
  test('a result of a gigabyte', async () => {
    const end = await hostile('returns_a_gigabyte', [], { result_as: 'pickle' });
    expect(words(end)).toMatch(/^result_too_large ValueError: the result has 10\d+ bytes and the limit is 67108864/);
  });
  test('a frame that claims a gigabyte', async () => {
    const before = process.memoryUsage.rss();
    expect(words(await hostile('sends_a_gigabyte'))).toMatch(/^result_too_large|^lost/);
    expect(process.memoryUsage.rss() - before).toBeLessThan(300 * 2 ** 20);
  });
});

describe('traces', () => {
  test('a child process left behind ends with the call', async () => {
    const pid = valueOf(await hostile('leaves_a_child')) as number;
    await untilGone(pid);
    expect(isAlive(pid)).toBe(false);
  });
  test('a daemon of a double fork ends with the call', async () => {
    const pid = valueOf(await hostile('leaves_a_daemon')) as number;
    await untilGone(pid);
    expect(isAlive(pid)).toBe(false);
  });
  test('a function that forks answers once', async () => {
    expect(valueOf(await hostile('comes_back_twice'))).toBeTypeOf('number');
  });
  test('changed state does not reach the next call', async () => {
    expect(valueOf(await hostile('changes_everything'))).toBe('changed');
    const look = source(
      'import os, pickle, sys\ndef look():\n    print("seen")\n    return [os.environ.get("LEFT"), os.getcwd() == "/", pickle.dumps is None, sys.getrecursionlimit()]\n',
    );
    for (let round = 0; round < 3; round += 1) {
      const end = await pool.run(pool.call(look, []));
      expect(valueOf(end)).toEqual([null, false, false, 1000]);
      expect(end.logs?.stdout.head.toString()).toBe('seen\n');
    }
  });
});

describe('what is only an exception', () => {
  test.each([
    ['calls_sys_exit', 'raised SystemExit: 4'],
    ['raises_keyboard_interrupt', 'raised KeyboardInterrupt: '],
  ])('%s', async (name, expected) => {
    expect(words(await hostile(name))).toBe(expected);
  });
  test('deep recursion', async () => {
    expect(words(await hostile('recurses'))).toMatch(/^raised RecursionError/);
  });
});

describe('floods', () => {
  test.each(['floods_stdout', 'floods_raw'])('%s: head, tail and the total are kept', async (name) => {
    const before = process.memoryUsage.rss();
    const end = await hostile(name, [100]);
    expect(valueOf(end)).toBe('done');
    expect(end.logs?.stdout.total).toBe(100 * 2 ** 20);
    expect(end.logs?.stdout.head.length).toBe(1024);
    expect(end.logs?.stdout.tail.length).toBe(1024);
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 2 ** 20);
  });
});
