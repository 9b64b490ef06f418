// Children killed at random under load: every call ends exactly once, as a value or as a loss that says why.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mulberry32 } from '../../../../test/harness/random.ts';
import { findMarked } from '../../src/runner/marks.ts';
import type { Call } from '../../src/runner/index.ts';
import { leftOf, javascript, source, TestPool, valueOf, type Ended } from './harness.ts';

const SEED = 20;
let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open({ slots: 3 });
});
afterAll(async () => {
  await pool.close();
  expect(await leftOf(pool.mark)).toEqual([]);
});

test(`kill -9 of templates, runners and Node children (seed ${SEED})`, async () => {
  const next = mulberry32(SEED);
  const python = source('import time\ndef f(x):\n    time.sleep((x % 7) / 2000)\n    return x\n');
  const node = javascript('(x) => x');
  const callOf = (x: number): Call => pool.call(x % 4 === 3 ? node : python, [x]);
  const calls = Array.from({ length: 4000 }, (_, x) => callOf(x));
  // Calls of one runtime end while the other one starts, so that several starts in a row can be hit: what is out gets none.
  const whole = (): Promise<void> => pool.until(() => pool.pool.runtimes.every((one) => one.broken === ''));
  let kills = 0;
  for (let at = 0; at < calls.length; at += 100) {
    const some = calls.slice(at, at + 100);
    await whole();
    pool.submit(...some);
    await pool.until(() => pool.ends.has(some[Math.floor(next() * 100)]!.key));
    const alive = findMarked(pool.mark);
    const victim = alive[Math.floor(next() * alive.length)];
    if (victim === undefined) continue;
    try {
      process.kill(victim, 'SIGKILL');
      kills += 1;
    } catch {
      // It ended meanwhile.
    }
  }
  // What is given back, because no slot comes to begin it, is claimed again.
  const endOf = async (call: Call, x: number): Promise<Ended> => {
    let end = await pool.end(call);
    while (end.outcome.is === 'released') {
      await whole();
      end = await pool.run(callOf(x));
    }
    return end;
  };
  const ends = await Promise.all(calls.map(endOf));
  expect(kills).toBeGreaterThan(20);
  let lost = 0;
  for (const [x, end] of ends.entries()) {
    if (end.outcome.is === 'lost') lost += 1;
    else expect(valueOf(end)).toBe(x);
  }
  // A kill of the template takes all three slots with it; any other at most one call.
  expect(lost).toBeLessThanOrEqual(kills * 3);
  expect(pool.pool.held()).toEqual([]);
  await pool.until(() => pool.pool.room().free === 3);
  expect(pool.pool.runtimes.map((one) => one.broken)).toEqual(['', '']);
});
