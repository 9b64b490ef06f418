// What a call changes of its process, as the kernel keeps it: the next call does not meet it, also where it lies in the pipe.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { javascript, source, TestPool, valueOf } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open({ slots: 1 });
});
afterAll(() => pool.close());

const state = source(
  'import os, signal\n' +
    'def state():\n' +
    '    mask = os.umask(0)\n    os.umask(mask)\n' +
    '    limits = [line.split()[-3:-1] for line in open("/proc/self/limits")]\n' +
    '    blocked = sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))\n' +
    '    return [mask, limits, os.getpriority(os.PRIO_PROCESS, 0), blocked, sorted(os.sched_getaffinity(0))]\n',
);
const pid = source('import os\ndef pid(): return os.getpid()\n');

async function next(change: string): Promise<{ states: unknown[]; pids: unknown[] }> {
  const code = source(
    `import os, resource, signal\ndef change(now):\n    if now:\n        ${change}\n    return now\n`,
  );
  const before = valueOf(await pool.run(pool.call(pid)));
  const clean = valueOf(await pool.run(pool.call(state)));
  // Both are known to be short: the second goes into the pipe behind the first.
  for (let round = 0; round < 16; round += 1) await pool.run(pool.call(code, [false]));
  const changing = pool.call(code, [true]);
  const behind = pool.call(state);
  pool.submit(changing, behind);
  expect(valueOf(await pool.end(changing))).toBe(true);
  const after = valueOf(await pool.end(behind));
  return { states: [clean, after], pids: [before, valueOf(await pool.run(pool.call(pid)))] };
}

test.each([
  'resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))',
  'resource.setrlimit(resource.RLIMIT_CPU, (1000, 2000))',
  'resource.setrlimit(resource.RLIMIT_CORE, (1, resource.getrlimit(resource.RLIMIT_CORE)[1]))',
  'resource.prlimit(0, resource.RLIMIT_NOFILE, (50, 60))',
  'os.nice(3)',
  'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])',
  'os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])',
])('%s: the next call has another process', async (change) => {
  const { states, pids } = await next(change);
  expect(states[1]).toEqual(states[0]);
  expect(pids[1]).not.toBe(pids[0]);
});

test('a umask is put right', async () => {
  const { states, pids } = await next('os.umask(0o077)');
  expect(states[1]).toEqual(states[0]);
  expect(pids[1]).toBe(pids[0]);
});

test('a limit that a call sets for its own time, and a look at one, cost it nothing', async () => {
  const { states, pids } = await next(
    'own = resource.getrlimit(resource.RLIMIT_FSIZE); resource.setrlimit(resource.RLIMIT_FSIZE, (9, own[1])); ' +
      'resource.setrlimit(resource.RLIMIT_FSIZE, own)',
  );
  expect(states[1]).toEqual(states[0]);
  expect(pids[1]).toBe(pids[0]);
});

test('the same for JavaScript', async () => {
  const look = javascript(
    'import { getPriority } from "node:os";\n' +
      'export default () => { const mask = process.umask(0); process.umask(mask); return [mask, getPriority()] }',
  );
  const before = valueOf(await pool.run(pool.call(look)));
  const change =
    'import { setPriority } from "node:os";\nexport default () => { process.umask(0o77); setPriority(5); }';
  await pool.run(pool.call(javascript(change)));
  expect(valueOf(await pool.run(pool.call(look)))).toEqual(before);
});
