// How soon a dispatcher that listens again is reached: a heartbeat (1 s) at the latest, however long it was away.
import { expect, it } from 'vitest';
import { backoffMs } from '../../src/backoff.ts';
import { HEARTBEAT_MS } from '../../src/protocol/index.ts';
import { RECONNECT } from '../../src/worker/line.ts';

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
