// A service that stops: it waits for answers under way, and for nobody who only holds a connection.
import { once } from 'node:events';
import http from 'node:http';
import { createConnection } from 'node:net';
import { expect, it } from 'vitest';
import { addFunction, startRig } from './harness.ts';

it('does not wait for a connection that was opened ahead and never used', async () => {
  const rig = await startRig();
  const { hostname, port } = new URL(rig.url);
  const ahead = createConnection(Number(port), hostname);
  await once(ahead, 'connect');
  const closed = once(ahead, 'close');
  // The service knows of it: it answers another one.
  await rig.get('/healthz');
  const from = performance.now();
  await Promise.all([rig.stop(), closed]);
  // Answers under way would have 5 s.
  expect(performance.now() - from).toBeLessThan(3000);
});

it('sends a large answer to its end, be its reader slow', async () => {
  const rig = await startRig();
  const fn = await addFunction(rig);
  const text = 'x'.repeat(20_000_000);
  const reading = http.request(`${rig.url}/v1/call/${fn}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  reading.end('{"args":[1]}');
  const answered = once(reading, 'response') as Promise<[http.IncomingMessage]>;
  await expect.poll(async () => (await rig.store.lanes('default')).length).toBe(1);
  await rig.finish({ state: 'COMPLETED', result: { json: Buffer.from(JSON.stringify(text)) } });
  const [answer] = await answered;
  // Most of it is still on its way when the service is told to stop.
  const stopped = rig.stop();
  let bytes = 0;
  for await (const chunk of answer) {
    bytes += (chunk as Buffer).length;
    if (bytes < 1_000_000) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(bytes).toBeGreaterThan(text.length);
  await stopped;
});
