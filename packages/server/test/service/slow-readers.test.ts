// Readers that take nothing: they are dropped, with a line about it, and hold nothing any more. Slow ones are served.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { defaultServiceConfig, UNTAKEN_BYTES } from '../../src/config/service.ts';
import { addFunction, startRig, type Rig } from './harness.ts';

const STUCK_MS = 400;
/** Where nobody is to be dropped: a loaded machine stands still for a while, too. */
const PATIENT_MS = 3000;

let rig: Rig;
let lines = '';
afterEach(() => rig.stop());

async function begin(stuckReaderMs: number, untakenBytes = UNTAKEN_BYTES): Promise<void> {
  lines = '';
  const log = new PassThrough();
  log.on('data', (text: Buffer) => (lines += text.toString()));
  rig = await startRig({
    config: { ...defaultServiceConfig, stuckReaderMs, untakenBytes },
    logLevel: 'warn',
    logTo: log,
  });
}

/** A connection that asks, and reads only when it is told to. */
async function ask(path: string): Promise<Socket> {
  const { hostname, port } = new URL(rig.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
  return socket;
}

const connections = (): Promise<number> =>
  new Promise((resolve, reject) =>
    rig.service.fastify.server.getConnections((fault, count) => (fault ? reject(fault) : resolve(count))),
  );

/** Value, or pickle: that one is made into base64 as it is read. */
const FORMS = ['json', 'pickle'] as const;

async function largeResult(form: (typeof FORMS)[number] = 'json'): Promise<string> {
  await addFunction(rig);
  const { body } = await rig.post('/v1/tasks', { function: 'double', args: [1] });
  const json = Buffer.from(JSON.stringify('x'.repeat(30_000_000)));
  const result = form === 'json' ? { json } : { json: Buffer.from('1'), pickle: Buffer.alloc(30_000_000) };
  await rig.finish({ state: 'COMPLETED', result });
  return `/v1/tasks/${body.task_id}/result?as=${form}`;
}

it('of a large result are dropped when they stand still', async () => {
  await begin(STUCK_MS);
  const path = await largeResult();
  const before = await connections();
  const stuck = await ask(path);
  await expect.poll(() => lines, { timeout: 10_000 }).toMatch(/"asked":"GET \/v1\/tasks\/.*a reader that took nothing/);
  await expect.poll(connections).toBeLessThanOrEqual(before);
  stuck.destroy();
});

it('of events are dropped when they stand still', async () => {
  await begin(STUCK_MS);
  await addFunction(rig);
  const { body: first } = await rig.post('/v1/tasks', {
    function: 'double',
    args: [1],
    options: { group: 'g'.repeat(100) },
  });
  expect(first.task_id).toBeDefined();
  // More than what the system's buffers take.
  for (let round = 0; round < 4; round += 1) {
    const tasks = Array.from({ length: 10_000 }, () => ({
      function: 'double',
      args: [1],
      options: { group: 'g'.repeat(120) },
    }));
    expect((await rig.post('/v1/tasks/batch', { tasks })).status).toBe(201);
    while ((await rig.finish()) > 0);
  }
  const stuck = await ask('/v1/events?after=0');
  await expect.poll(() => lines).toMatch(/"asked":"GET \/v1\/events.*a reader that took nothing/);
  stuck.destroy();
});

it.each(FORMS)(
  'that are slow are dropped where too much waits for all of them, those that came first: %s',
  async (form) => {
    await begin(PATIENT_MS * 100, 50_000_000);
    const path = await largeResult(form);
    const first = await ask(path);
    const second = await ask(path);
    await expect.poll(() => lines).toMatch(/"asked":"GET \/v1\/tasks\/.*a reader that was slow/);
    await once(first.resume(), 'close');
    // What is left is less than the limit.
    let bytes = 0;
    second.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
    await expect.poll(() => bytes).toBeGreaterThan(30_000_000);
    second.destroy();
    expect(lines.match(/was dropped/g)).toHaveLength(1);
  },
);

it('that are slow, or wait, are served', async () => {
  await begin(PATIENT_MS);
  const path = await largeResult();
  const slow = await ask(path);
  let bytes = 0;
  // Slower than what would be stuck, in all; never still for as long.
  const until = performance.now() + 1.5 * PATIENT_MS;
  while (bytes < 30_000_000) {
    const chunk = slow.read() as Buffer | null;
    expect(slow.closed).toBe(false);
    if (chunk === null) await Promise.race([once(slow, 'readable'), once(slow, 'close')]);
    else bytes += chunk.length;
    if (performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  slow.destroy();
  // A wait in which nothing moves for longer is no standing still.
  const { body } = await rig.post('/v1/tasks', { function: 'double', args: [1] });
  const waited = await rig.get(`/v1/tasks/${body.task_id}/result?wait_ms=${1.5 * PATIENT_MS}`);
  expect(waited.status).toBe(202);
  expect(lines).toBe('');
});
