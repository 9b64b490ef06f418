// Who follows the ends of tasks, on a real store: that a follower who reads no more is told of, and one whose reader is slow is not.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openEmbeddedStore, type Store } from '../../src/store/index.ts';
import { Feed, type FeedItem } from '../../src/tasks/feed.ts';
import { EndWaits } from '../../src/tasks/wait.ts';

let dataDir: string;
let store: Store;
let later: number;
const clock = { ...systemClock, mono: () => systemClock.mono() + later };
let over: AbortController;

beforeEach(async () => {
  later = 0;
  over = new AbortController();
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-feed-'));
  store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
});
afterEach(async () => {
  over.abort();
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function following(on: Store): Promise<{ feed: Feed; items: AsyncGenerator<FeedItem[]> }> {
  const waits = await EndWaits.open(store);
  const feed = new Feed(on, waits, clock);
  const items = feed.follow({ tenant: 'default', after: '', filter: {}, results: false, signal: over.signal });
  return { feed, items };
}

it('tells of a follower whose store does not answer', async () => {
  const { feed, items } = await following({ ...store, events: () => new Promise(() => undefined) });
  void items.next();
  later = 16_000;
  expect(feed.trouble).toBe('an event stream has not come round for 16 s');
});

it('tells of a follower that is not woken, and not of one whose reader takes its time', async () => {
  let reads = 0;
  const { feed, items } = await following({ ...store, events: (...of) => ((reads += 1), store.events(...of)) });
  await items.next();
  later = 16_000;
  expect(feed.trouble).toBe('');
  later = 0;
  void items.next();
  await expect.poll(() => reads).toBe(2);
  await new Promise(setImmediate);
  expect(feed.trouble).toBe('');
  later = 16_000;
  expect(feed.trouble).toBe('an event stream has not come round for 16 s');
});
