// A service that stops: it waits for answers under way, and for nobody who only holds a connection.
import { createConnection } from 'node:net';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { startRig } from './harness.ts';

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
