// How soon a dispatcher that listens again is reached: a heartbeat (1 s) at the latest, however long it was away.
import { afterEach, expect, it } from 'vitest';
import { backoffMs } from '../../src/backoff.ts';
import { HEARTBEAT_MS, overZeroMq } from '../../src/protocol/index.ts';
import { RECONNECT } from '../../src/worker/line.ts';
import { Desk, kind, workerMade } from './desk.ts';

/** ZeroMQ's longest wait between two connects of an open socket, with its jitter; and a turn of the push line's watch. */
const CONNECT_MS = 550;
const WATCH_MS = 250;

it('the pause without a socket stays short after any number of tries, and is never the same for all', () => {
  for (let tries = 1; tries < 100; tries += 1) {
    const longest = backoffMs(RECONNECT, tries, 0.999);
    expect(longest + CONNECT_MS + WATCH_MS).toBeLessThanOrEqual(HEARTBEAT_MS);
    expect(backoffMs(RECONNECT, tries, 0)).toBeLessThan(longest / 2);
  }
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it('a socket that cannot be opened, for there are no descriptors left, is opened when there are', async () => {
  const desk = await Desk.open();
  closers.push(() => desk.close());
  let refused = 0;
  const free: typeof overZeroMq.free = (...args) => {
    if (refused >= 3) return overZeroMq.free(...args);
    refused += 1;
    throw new Error('Too many open files');
  };
  await workerMade('push', closers, [desk.url], { lines: { ...overZeroMq, free } });
  await desk.hears(kind('register'));
  expect(refused).toBe(3);
});
