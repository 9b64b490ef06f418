// What a JavaScript call began and did not wait for is its own: it neither fails the next call nor prints into it.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { javascript, TestPool, valueOf, type Ended } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open({ slots: 1 });
});
afterAll(() => pool.close());

const run = (text: string, args: unknown[]): Promise<Ended> => pool.run(pool.call(javascript(text), args));

test.each([
  [
    'a promise',
    'import { readFile } from "node:fs/promises";\nconst begin = async (fifo, goOn) => { await readFile(fifo); goOn() };',
  ],
  ['a callback', 'import { readFile } from "node:fs";\nconst begin = (fifo, goOn) => { readFile(fifo, goOn) };'],
])('%s', async (what, begin) => {
  const fifo = join(pool.dataDir, what.replace(' ', '-'));
  execFileSync('mkfifo', [fifo]);
  // It goes on once the second call has written into the pipe.
  const forgetful =
    `${begin}\nexport default (fifo) => {\n  globalThis.met = new Promise((meet) => {\n` +
    '    begin(fifo, () => { console.log("of the first"); meet(); throw new Error("of the first") });\n' +
    '  });\n  return process.pid }';
  const next =
    'import { writeFile } from "node:fs/promises";\nexport default async (fifo) => {\n' +
    '  await writeFile(fifo, "go on");\n  await globalThis.met;\n' +
    '  await new Promise((resolve) => setImmediate(resolve));\n' +
    '  console.log("of the second");\n  return process.pid }';
  const pid = valueOf(await run(forgetful, [fifo]));
  const end = await run(next, [fifo]);
  expect(valueOf(end)).toBe(pid);
  expect(end.logs?.stdout.head.toString()).toBe('of the second\n');
});
