// The proxy of the chaos runs keeps what TCP promises: what it delays arrives whole and in order, what it loses it resets.
import { createConnection, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { stretchWire, type Wire } from './wire.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A wire to somebody who says everything back. */
async function echo(): Promise<{ wire: Wire; near: Socket }> {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const wire = await stretchWire((server.address() as { port: number }).port, Math.random);
  closers.push(() => wire.close());
  const near = createConnection(wire.port, '127.0.0.1');
  near.on('error', () => undefined);
  await once(near, 'connect');
  closers.push(() => near.destroy());
  return { wire, near };
}

/** Whatever its error. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

async function read(socket: Socket, bytes: number): Promise<string> {
  let text = '';
  while (text.length < bytes) text += String(((await once(socket, 'data')) as [Buffer])[0]);
  return text;
}

it('delays each way by other lengths, and turns the delay off: every byte arrives in its order', async () => {
  const { wire, near } = await echo();
  near.setNoDelay(true);
  const said: string[] = [];
  const heard = read(near, 6 * 400);
  for (let n = 0; n < 400; n += 1) {
    if (n === 0) for (const way of ['requests', 'answers'] as const) wire.set(way, { kind: 'delay', ms: 5, jitter: 5 });
    if (n === 300) wire.heal();
    said.push(`${n}`.padStart(6, '0'));
    near.write(said.at(-1)!);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await heard).toBe(said.join(''));
});

it('holds, and lets go', async () => {
  const { wire, near } = await echo();
  wire.set('answers', { kind: 'hold' });
  near.write('held');
  let early = '';
  near.on('data', (chunk) => (early += String(chunk)));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(early).toBe('');
  wire.heal();
  while (early !== 'held') await once(near, 'data');
});

it('resets what lost bytes when it heals, and a swallowed answer at once', async () => {
  const first = await echo();
  first.wire.set('requests', { kind: 'lose' });
  first.near.write('lost');
  await new Promise((resolve) => setTimeout(resolve, 50));
  const closed = closing(first.near);
  first.wire.heal();
  await closed;
  const second = await echo();
  second.wire.swallow(1);
  second.near.write('done, and nobody knows');
  await closing(second.near);
  expect(second.near.bytesRead).toBe(0);
});

it('lets nobody in, and lets in again', async () => {
  const { wire, near } = await echo();
  const closed = closing(near);
  wire.refuse();
  await closed;
  const turned = createConnection(wire.port, '127.0.0.1');
  const [error] = (await once(turned, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  wire.heal();
  const again = createConnection(wire.port, '127.0.0.1');
  closers.push(() => again.destroy());
  await once(again, 'connect');
  again.write('here');
  expect(await read(again, 4)).toBe('here');
});
