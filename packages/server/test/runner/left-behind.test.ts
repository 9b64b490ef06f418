// Processes that a call starts and leaves, which nothing but their parentage ties to us: none outlives its runner.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { javascript, source, TestPool, untilGone, valueOf, type TestCode } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open();
});
afterAll(() => pool.close());

/** In a session of its own, its environment empty, it says its pid; then what `then` says happens. */
const inJavaScript = (then: string): TestCode =>
  javascript(
    'import { spawn } from "node:child_process";\nexport default async (ms) => {\n' +
      '  const child = spawn("/bin/sleep", ["1000"], { detached: true, stdio: "ignore", env: {} });\n' +
      `  child.unref(); console.log(child.pid);\n  ${then}\n  return child.pid }`,
  );
/** The same, and its parent is gone at once. */
const orphaned = (then: string): TestCode =>
  javascript(
    'import { execFileSync } from "node:child_process";\nexport default async (ms) => {\n' +
      '  const script = "/usr/bin/setsid /bin/sleep 1000 >/dev/null 2>&1 & echo $!";\n' +
      '  const pid = Number(execFileSync("/bin/sh", ["-c", script], { env: {} }));\n' +
      `  console.log(pid);\n  ${then}\n  return pid }`,
  );
const inPython = (then: string): TestCode =>
  source(
    'import os, signal, subprocess, time\ndef f(ms):\n' +
      "    child = subprocess.Popen(['/bin/sleep', '1000'], start_new_session=True, env={})\n" +
      `    print(child.pid)\n    ${then}\n    return child.pid\n`,
  );

const WAITS = 'await new Promise((resolve) => setTimeout(resolve, ms));';

describe.each([
  ['JavaScript', inJavaScript, WAITS, 'process.exit(3);', "process.kill(process.ppid, 'SIGKILL'); for (;;);"],
  ['JavaScript, orphaned', orphaned, WAITS, 'process.abort();', undefined],
  [
    'Python',
    inPython,
    'time.sleep(ms / 1000)',
    'os._exit(3)',
    'os.kill(os.getppid(), signal.SIGKILL); time.sleep(1000)',
  ],
])('%s', (_language, make, waits, dies, killsItsParent) => {
  const said = (key: string): number => {
    const printed = pool.printed.filter((one) => one.key === key && one.chunk.stream === 'stdout');
    return Number(Buffer.concat(printed.map((one) => Buffer.from(one.chunk.bytes))).toString());
  };

  test('after the call has ended', async () => {
    await untilGone(valueOf(await pool.run(pool.call(make(''), [0]))) as number);
  });

  test('after the time limit', async () => {
    const call = pool.call(make(waits), [100_000], { timeout_ms: 1500 });
    const end = await pool.run(call);
    expect(end.outcome).toMatchObject({ is: 'failed', kind: 'timed_out' });
    await untilGone(said(call.key));
  });

  test('after a cancel', async () => {
    const call = pool.call(make(waits), [100_000]);
    pool.submit(call);
    await pool.until(() => said(call.key) > 0);
    pool.pool.cancel(call.key);
    await untilGone(said(call.key));
  });

  test('after the death of its runner', async () => {
    const end = await pool.run(pool.call(make(dies), [0]));
    expect(end.outcome.is).toBe('lost');
    await untilGone(Number(end.logs?.stdout.head.toString()));
  });

  if (killsItsParent !== undefined) {
    test('after its runner has killed its own parent', async () => {
      const end = await pool.run(pool.call(make(killsItsParent), [0]));
      expect(end.outcome.is).toBe('lost');
      await untilGone(Number(end.logs?.stdout.head.toString()));
      expect(valueOf(await pool.run(pool.call(make(''), [0])))).toBeTypeOf('number');
    });
  }
});

test('without a Python JavaScript runs, and what carries the mark is found', async () => {
  const bare = await TestPool.open({ python: '/no/python/here' });
  try {
    const text =
      'import { spawn } from "node:child_process";\nexport default () => {\n' +
      '  const child = spawn("/bin/sleep", ["1000"], { detached: true, stdio: "ignore" });\n  child.unref(); return child.pid }';
    await untilGone(valueOf(await bare.run(bare.call(javascript(text)))) as number);
  } finally {
    await bare.close();
  }
});
