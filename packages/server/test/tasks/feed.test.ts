// Who follows the ends of tasks, on a real store: that a follower who reads no more is told of, and one whose reader is slow is not.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { newId } from '../../src/lifecycle/ids.ts';
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

async function following(on: Store): Promise<{ feed: Feed; waits: EndWaits; items: AsyncGenerator<FeedItem[]> }> {
  const waits = await EndWaits.open(store);
  const feed = new Feed(on, waits, clock);
  const items = feed.follow({ tenant: 'default', after: '', filter: {}, results: false, signal: over.signal });
  return { feed, waits, items };
}

it('tells of a service that does not hear what its followers read', async () => {
  let reads = 0;
  let ended: Awaited<ReturnType<Store['events']>>['items'] = [];
  const events: Store['events'] = () => {
    reads += 1;
    return Promise.resolve({ items: ended, cursor: '1-999', reset: false });
  };
  const { feed, waits, items } = await following({ ...store, events });
  await items.next();
  // In a second it would say that all is quiet.
  later = 14_000;
  const next = items.next();
  await expect.poll(() => reads).toBe(2);
  const told = { id: newId(0, 0), state: 'COMPLETED', kind: '', group: '', functionId: '', endedAt: 1 } as const;
  ended = [{ ...told, cursor: '2-999' }];
  await next;
  expect(waits.trouble).toMatch(/^ends are not announced to this process/);
  expect(feed.trouble).toBe('');
});

it('reads the log every ten seconds, however much it hears', async () => {
  let reads = 0;
  let heard = 0;
  const told = (cursor: string): Awaited<ReturnType<Store['events']>> => {
    const end = { id: newId(0, 0), state: 'COMPLETED', kind: '', group: '', functionId: '', endedAt: 1 } as const;
    return { items: [{ ...end, cursor }], cursor, reset: false };
  };
  const events: Store['events'] = () => Promise.resolve(told(`${(reads += 1)}-1999`));
  const announced: Store['announced'] = () => told(`${(heard += 1)}-2999`);
  const { items } = await following({ ...store, events, announced });
  await items.next();
  expect([reads, heard]).toEqual([1, 0]);
  await items.next();
  // With what was heard there may be more: it is asked again when somebody has been woken.
  expect([reads, heard]).toEqual([1, 1]);
  later = 10_001;
  await items.next();
  expect([reads, heard]).toEqual([2, 1]);
});

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
