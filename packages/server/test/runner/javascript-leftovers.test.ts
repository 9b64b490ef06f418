// What a JavaScript call leaves behind does not meet the next one: the runner is replaced, ours goes on.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { javascript, TestPool, untilGone, valueOf, type Ended } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open({ slots: 1 });
});
afterAll(() => pool.close());

const run = (text: string, args: unknown[] = []): Promise<Ended> => pool.run(pool.call(javascript(text), args));
const pid = async (): Promise<unknown> => valueOf(await run('() => process.pid'));

describe('the runner is replaced after a call that leaves', () => {
  const worker =
    'import { Worker } from "node:worker_threads";\nconst loop = () => new Worker("for (;;);", { eval: true });\n';
  const net = 'import { createServer } from "node:net";\n';
  const listening = `${net}export default () => new Promise((resolve) => { const server = createServer(); server.listen(0, () => {`;
  test.each([
    ['a thread', `${worker}export default () => { loop(); return process.pid }`],
    ['a thread that does not count', `${worker}export default () => { loop().unref(); return process.pid }`],
    ['an endless chain of immediates', '() => { const turn = () => setImmediate(turn); turn(); return process.pid }'],
    ['a timer', '() => { setTimeout(() => {}, 1e6); return process.pid }'],
    [
      'a timer that does not count',
      '() => { setInterval(() => { throw new Error("of another call") }, 1).unref(); return process.pid }',
    ],
    ['an immediate that does not count', '() => { setImmediate(() => {}).unref(); return process.pid }'],
    ['a server', `${listening} resolve(process.pid) }) })`],
    ['a server that does not count', `${listening} server.unref(); resolve(process.pid) }) })`],
    [
      'a server that is about to listen',
      `${net}export default () => { createServer().listen(0, "127.0.0.1"); return process.pid }`,
    ],
    [
      'a child process that does not count',
      'import { spawn } from "node:child_process";\n' +
        'export default () => { spawn("sleep", ["1000"], { detached: true, stdio: "ignore" }).unref(); return process.pid }',
    ],
  ])('%s', async (_what, text) => {
    const left = valueOf(await run(text)) as number;
    expect(await pid()).not.toBe(left);
    await untilGone(left);
  });
});

test('nothing begins beside what a call has left, also what lies in the pipe behind it', async () => {
  const text =
    '(leaves) => { if (leaves) setInterval(() => { throw new Error("of the call before") }, 1); return process.pid }';
  const code = javascript(text);
  // Known to be short, they go into one pipe.
  for (let round = 0; round < 16; round += 1) await pool.run(pool.call(code, [false]));
  const leaving = pool.call(code, [true]);
  const behind = Array.from({ length: 8 }, () => pool.call(code, [false]));
  pool.submit(leaving);
  const ends = await pool.runAll(behind);
  const left = valueOf(await pool.end(leaving));
  for (const end of ends) expect(valueOf(end)).not.toBe(left);
});

test('the next call finds its port free', async () => {
  const text =
    'import { createServer } from "node:net";\nexport default (port) => new Promise((resolve, reject) => {\n' +
    '  const server = createServer().on("error", reject);\n' +
    '  server.listen(port, "127.0.0.1", () => resolve(server.address().port)) })';
  const port = valueOf(await run(text, [0]));
  expect(valueOf(await run(text, [port]))).toBe(port);
});

test('a call that puts away what it used leaves the runner warm', async () => {
  const text =
    'import { execFile } from "node:child_process";\nimport { createServer } from "node:net";\n' +
    'import { Worker } from "node:worker_threads";\nimport { once } from "node:events";\n' +
    'export default async () => {\n' +
    '  const worker = new Worker("", { eval: true });\n  await once(worker, "exit");\n' +
    '  const server = createServer().listen(0);\n  await once(server, "listening");\n' +
    '  await new Promise((resolve) => server.close(resolve));\n' +
    '  await new Promise((resolve) => execFile("true", resolve));\n' +
    '  await new Promise((resolve) => setTimeout(resolve, 1));\n' +
    '  clearInterval(setInterval(() => {}, 1e6).unref());\n' +
    '  await new Promise((resolve) => setImmediate(resolve));\n  return process.pid;\n}';
  const first = valueOf(await run(text));
  expect(valueOf(await run(text))).toBe(first);
});

test('a timer that a module made when it was loaded, and that does not count, leaves the runner warm', async () => {
  const code = javascript('setInterval(() => {}, 1e6).unref();\nexport default () => process.pid');
  const first = valueOf(await pool.run(pool.call(code)));
  expect(valueOf(await pool.run(pool.call(code)))).toBe(first);
  expect(await pid()).toBe(first);
});

test('what a timer of a module does is not of the calls of others that run beside it', async () => {
  const text =
    'globalThis.ticks = 0;\nconst timer = setInterval(() => {\n  if (!globalThis.heeded) return;\n' +
    '  if ((globalThis.ticks += 1) === 3) clearInterval(timer);\n' +
    '  console.log("of the module");\n  throw new Error("of the module") }, 1).unref();\n' +
    'export default () => process.pid';
  const first = valueOf(await pool.run(pool.call(javascript(text))));
  const heeds =
    'async () => { globalThis.heeded = true;\n' +
    '  while (globalThis.ticks < 3) await new Promise((resolve) => setTimeout(resolve, 1));\n  return process.pid }';
  const end = await run(heeds);
  expect(valueOf(end)).toBe(first);
  expect(end.logs).toBeNull();
});

test('a connection that fetch keeps, with its timers, leaves the runner warm', async () => {
  const server = createServer((_request, response) => response.end('kept'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  // The immediates in which a connection goes back into its pool are over when another one runs.
  const text =
    'async (port) => { const kept = await (await fetch(`http://127.0.0.1:${port}`)).text();\n' +
    '  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));\n  return [process.pid, kept] }';
  try {
    const first = valueOf(await run(text, [port]));
    expect(valueOf(await run(text, [port]))).toEqual(first);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

describe('what a call replaces reaches neither its own answer nor the next call', () => {
  test.each([
    'Array.prototype.shift = Array.prototype.map = Array.prototype.push = null',
    'Array.prototype[Symbol.iterator] = null',
    'Buffer.from = Buffer.concat = Buffer.alloc = Buffer.allocUnsafe = null',
    'Buffer.prototype.writeUInt32LE = Buffer.prototype.subarray = null',
    'Object.keys = JSON.stringify = JSON.parse = null',
    'Promise.prototype.then = null; globalThis.Promise = null',
    'Map.prototype.get = Map.prototype.set = null',
  ])('%s', async (line) => {
    const code = javascript(`async () => { ${line}; console.log("said"); await null; return [process.pid] }`);
    const end = await pool.run(pool.call(code));
    const [changed] = valueOf(end) as [number];
    expect(end.logs?.stdout.head.toString()).toBe('said\n');
    expect(await pid()).not.toBe(changed);
  });

  test('also where other calls come while it runs', async () => {
    const square = javascript('(x) => x * x');
    for (let x = 0; x < 16; x += 1) await pool.run(pool.call(square, [x]));
    const text =
      '(x) => { Array.prototype.push = Buffer.concat = null; Buffer.prototype.readUInt32LE = null;\n' +
      '  return new Promise((resolve) => setTimeout(resolve, 5, x)) }';
    const calls = Array.from({ length: 20 }, (_, x) => pool.call(x === 3 ? javascript(text) : square, [x]));
    const ends = await pool.runAll(calls);
    expect(ends.map(valueOf)).toEqual(calls.map((_, x) => (x === 3 ? 3 : x * x)));
  });
});
