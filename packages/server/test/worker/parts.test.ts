// Large arguments, in parts: the worker says what it has of them as they come, so that its dispatcher can go on.
import { afterEach, expect, it } from 'vitest';
import { PART_BYTES, PART_WINDOW_BYTES, type WorkerItem } from '../../src/protocol/index.ts';
import { Desk, kind, workerIn } from './desk.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it('a dispatcher that fills the window is told at once, not with the next heartbeat', async () => {
  const desk = await Desk.open();
  closers.push(() => desk.close());
  await workerIn('push', closers, desk.url);
  await desk.hears(kind('register'));
  await desk.hears(kind('heartbeat'));
  const window = PART_WINDOW_BYTES / PART_BYTES;
  const windows = 8;
  const parts = windows * window;
  desk.deliver(1, 'large', parts);
  const heartbeats = (): number => desk.heard.filter(({ k }) => k === 'heartbeat').length;
  const before = heartbeats();
  let sent = 0;
  while (sent < parts - 1) {
    const upTo = Math.min(sent + window, parts - 1);
    for (; sent < upTo; sent += 1) desk.part('large', sent, parts);
    // All but what need not be told yet.
    await desk.hears(
      (item): item is WorkerItem => item.k === 'credits' && item.part_bytes > sent * PART_BYTES - PART_WINDOW_BYTES / 2,
    );
  }
  // With them alone each window would wait for one; and they come every second, and when there is news of what can run here.
  expect(heartbeats() - before).toBeLessThan(windows);
});

it('one whose last part was lost is given back, whatever else comes meanwhile', async () => {
  const desk = await Desk.open();
  closers.push(() => desk.close());
  desk.lives = true;
  await workerIn('push', closers, desk.url);
  await desk.hears(kind('register'));
  await desk.hears(kind('heartbeat'));
  desk.deliver(1, 'broken', 3);
  for (const at of [0, 1]) desk.part('broken', at, 3);
  let number = 1;
  const more = setInterval(() => {
    number += 1;
    desk.deliver(number, `large-${number}`, 2);
    for (const at of [0, 1]) desk.part(`large-${number}`, at, 2);
  }, 500);
  closers.push(() => clearInterval(more));
  desk.heard.length = 0;
  // It is not named as one that arrives still.
  const again = await desk.hears(kind('register'));
  expect(again.held.find(({ t }) => t === 'broken')).toMatchObject({ done: true, at: 0 });
}, 30_000);
