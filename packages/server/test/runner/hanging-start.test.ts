// A Python that hangs where it starts: it is given up in time, holds up nobody else, and is back when it is repaired.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PoolOptions } from '../../src/runner/index.ts';
import { javascript, leftOf, PYTHON, source, TestPool, valueOf } from './harness.ts';

let folder: string;
let pool: TestPool;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanging-start-test-'));
});
afterEach(async () => {
  await pool.close();
  expect(await leftOf(pool.mark)).toEqual([]);
  rmSync(folder, { recursive: true, force: true });
});

/** Hangs at each start of a program, not where it is asked what it is. */
const PTH = "import os, sys, time; 'start.py' in ' '.join(sys.orig_argv) and time.sleep(1e6)\n";

/** An interpreter of its own. */
function hangingPython(): { python: string; repair: () => void } {
  const made = spawnSync(PYTHON, ['-m', 'venv', '--without-pip', '--system-site-packages', join(folder, 'own')]);
  if (made.status !== 0) throw new Error(`this test needs the module venv: ${made.stderr.toString()}`);
  const [lib] = readdirSync(join(folder, 'own/lib'));
  const pth = join(folder, 'own/lib', lib!, 'site-packages/hangs.pth');
  writeFileSync(pth, PTH);
  return { python: join(folder, 'own/bin/python3'), repair: () => rmSync(pth) };
}

async function open(python: string, options: Partial<PoolOptions>): Promise<void> {
  pool = await TestPool.open({ python, dataDir: join(folder, 'data'), ...options });
}

const two = source('def f(): return 2\n');
const three = javascript('() => 3');
const broken = (): string => pool.pool.runtimes.find(({ runtime }) => runtime === 'python')!.broken;

test('calls of the other runtime do not wait for it, and closing does not either', async () => {
  await open(hangingPython().python, { slots: 2, startMs: 1_000_000 });
  const waits = pool.call(two);
  pool.submit(waits);
  expect(valueOf(await pool.run(pool.call(three)))).toBe(3);
  expect(pool.ends.has(waits.key)).toBe(false);
  await pool.pool.stop(0);
  expect((await pool.end(waits)).outcome).toEqual({ is: 'released', reason: 'drain' });
});

test('it is out when its time is over, its calls are given back, and it is back when it is repaired', async () => {
  const { python, repair } = hangingPython();
  await open(python, { slots: 2, startMs: 4_000 });
  const calls = [pool.call(two), pool.call(two)];
  pool.submit(...calls);
  for (const call of calls) {
    expect((await pool.end(call)).outcome).toEqual({ is: 'released', reason: 'runner_unavailable' });
    expect(pool.started.has(call.key)).toBe(false);
  }
  expect(broken()).toMatch(/own\/bin\/python3 was not ready within 4 s and was killed: something hangs in its start/);
  expect(valueOf(await pool.run(pool.call(three)))).toBe(3);
  repair();
  await pool.until(() => broken() === '');
  expect(valueOf(await pool.run(pool.call(two)))).toBe(2);
});

test('an interpreter that hangs before anything of ours runs is given up, too', async () => {
  // Even what keeps the template does not come up.
  const python = join(folder, 'python3');
  writeFileSync(python, `#!/bin/bash\n[ "$1" = -c ] && exec -a "$0" ${PYTHON} "$@"\nsleep 1000000\n`, { mode: 0o700 });
  await open(python, { slots: 1, startMs: 200 });
  await pool.until(() => broken().startsWith(`${python} was not ready within 0.2 s`));
});
