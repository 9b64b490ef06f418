// Calls that want a process of their own beside calls that share theirs: while slots are free, neither waits for the other.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Call } from '../../src/runner/index.ts';
import { javascript, leftOf, source, TestPool, valueOf } from './harness.ts';

let folder: string;
let pool: TestPool;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'isolation-test-'));
});
afterEach(async () => {
  await pool.close();
  expect(await leftOf(pool.mark)).toEqual([]);
  rmSync(folder, { recursive: true, force: true });
});

/** Returns once the file is there. */
const waits = source(
  'import os, time\ndef f(file):\n    while not os.path.exists(file):\n        time.sleep(0.005)\n    return "there"\n',
);
const warm = (file: string): Call => pool.call(waits, [join(folder, file)]);
const isolated = (file: string): Call => pool.call(waits, [join(folder, file)], { isolation: 'task' });
const put = (file: string): void => writeFileSync(join(folder, file), '');
const hasStarted = ({ key }: Call): boolean => pool.started.has(key);

/** Every slot has a runner that a warm call has used, and an isolated call runs in the one more that there may be. */
async function crowded(slots: number): Promise<Call> {
  pool = await TestPool.open({ slots });
  const calls = Array.from({ length: slots }, () => warm('warm'));
  pool.submit(...calls);
  await pool.until(() => calls.every(hasStarted));
  put('warm');
  for (const call of calls) await pool.end(call);
  const first = isolated('isolated');
  pool.submit(first);
  await pool.until(() => hasStarted(first));
  return first;
}

test('isolated calls run side by side where warm ones have used every runner, and no warm one takes their slot', async () => {
  const first = await crowded(2);
  const second = isolated('isolated');
  const behind = warm('never');
  pool.submit(second, behind);
  await pool.until(() => hasStarted(second));
  expect(pool.ends.has(first.key)).toBe(false);
  expect(hasStarted(behind)).toBe(false);
  put('isolated');
  expect([valueOf(await pool.end(first)), valueOf(await pool.end(second))]).toEqual(['there', 'there']);
});

test('a warm call passes an isolated one whose runner is being started, where a slot is free for both', async () => {
  const first = await crowded(3);
  const second = isolated('isolated');
  const behind = warm('warm');
  pool.submit(second, behind);
  expect(valueOf(await pool.end(behind))).toBe('there');
  await pool.until(() => hasStarted(second));
  const order = [...pool.started.keys()];
  expect(order.indexOf(behind.key)).toBeLessThan(order.indexOf(second.key));
  expect(pool.ends.has(first.key)).toBe(false);
});

test('calls of the other language, of which some always wait, leave it a slot', async () => {
  await crowded(2);
  // Longer than what is sent ahead into a pipe: each takes a slot.
  const busy = javascript('() => { const end = Date.now() + 25; while (Date.now() < end); }');
  let over = false;
  const keepBusy = async (): Promise<void> => {
    while (!over) await pool.run(pool.call(busy));
  };
  const others = [keepBusy(), keepBusy(), keepBusy()];
  const [end] = await pool.runAll([isolated('warm')]);
  over = true;
  expect(valueOf(end!)).toBe('there');
  await Promise.all(others);
});
