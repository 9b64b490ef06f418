// What the embedded store remembers of tasks that wait, and that a claim hands out the same with it as without.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Fresh, type FreshTask } from '../../src/store/embedded/fresh.ts';
import type { TaskRow } from '../../src/store/embedded/row.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/store.ts';
import { LANE, NO_LIMITS, completion, submission } from './submission.ts';

const T = 'default';
const CLAIM = [{ lane: LANE, max: 100 }];

function task(n: number, { score = n, bytes = 1 } = {}): FreshTask {
  const row = { n, tenant: T, lane: LANE, score } as TaskRow;
  return { row, spec: submission().spec, packed: Buffer.alloc(0), args: Buffer.from(new ArrayBuffer(bytes)) };
}

describe('what is fresh', () => {
  it('is all of a lane where as many wait as are here, first in first', () => {
    const fresh = new Fresh();
    const tasks = [task(1), task(2), task(3)];
    for (const one of tasks) fresh.add(one);
    expect([fresh.isAll(T, LANE, 3), fresh.isAll(T, LANE, 4), fresh.isAll(T, 'other', 0)]).toEqual([true, false, true]);
    expect(fresh.first(T, LANE, 2)).toEqual(tasks.slice(0, 2));
    fresh.drop(tasks[0]!.row);
    fresh.drop(tasks[0]!.row);
    expect(fresh.isAll(T, LANE, 2)).toBe(true);
    expect(fresh.first(T, LANE, 9)).toEqual(tasks.slice(1));
    fresh.clear();
    expect(fresh.isAll(T, LANE, 2)).toBe(false);
  });

  it('has nothing that goes ahead of another, and no more than its bounds', () => {
    const fresh = new Fresh();
    fresh.add(task(1, { score: 10 }));
    fresh.add(task(2, { score: 5 }));
    expect(fresh.isAll(T, LANE, 1)).toBe(true);
    fresh.add(task(3, { score: 11, bytes: 64 * 1024 * 1024 }));
    expect(fresh.isAll(T, LANE, 1)).toBe(true);
    for (let n = 4; n < 5000; n += 1) fresh.add(task(n, { score: n + 10 }));
    expect(fresh.isAll(T, LANE, 4096)).toBe(true);
  });
});

describe('a claim', () => {
  let dataDir: string;
  let store: Store;
  let later: number;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
    later = 0;
    const clock = { ...systemClock, wall: () => systemClock.wall() + later };
    store = await openEmbeddedStore({ dataDir, sync: 'normal', clock });
  });
  afterEach(async () => {
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const claimed = async (): Promise<string[]> =>
    (await store.claim(T, 'me', CLAIM, 100)).tasks.map(({ fence }) => fence.id);

  it('takes what is fresh and what came back in one order', async () => {
    const [first, second, third] = [submission(), submission(), submission({ priority: 5 })];
    await store.submit(T, 0, [first], NO_LIMITS);
    const [held] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    await store.submit(T, 0, [second, third], NO_LIMITS);
    await store.release(T, [{ fence: held!.fence, reason: 'handed_back', worker: '', message: '' }]);
    expect(await claimed()).toEqual([third, first, second].map(({ spec }) => spec.id));
  });

  it('hands out nothing of a submit that was undone, and what is left of its turn', async () => {
    const good = submission();
    const bad = submission({ priority: 0.5 });
    const answers = await Promise.allSettled([
      store.submit(T, 0, [submission(), bad], NO_LIMITS),
      store.submit(T, 0, [good], NO_LIMITS),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(await claimed()).toEqual([good.spec.id]);
  });

  it('hands out what waits in the place of what was undone, though there is as much of both', async () => {
    const waits = submission();
    await store.submit(T, 0, [waits], NO_LIMITS);
    const [held] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    await store.release(T, [{ fence: held!.fence, reason: 'handed_back', worker: '', message: '' }]);
    // One turn, whose transaction goes on after an act of it was undone.
    const answers = await Promise.allSettled([
      store.submit(T, 0, [submission(), submission({ priority: 0.5 })], NO_LIMITS),
      store.states(T, [waits.spec.id]),
      store.renew(T, []),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(await claimed()).toEqual([waits.spec.id]);
  });

  it('leaves out what was canceled or has expired', async () => {
    const [canceled, waits] = [submission(), submission()];
    await store.submit(T, 0, [canceled, waits, submission({ expires_at: 1 })], NO_LIMITS);
    await store.cancel(T, [canceled.spec.id]);
    expect(await claimed()).toEqual([waits.spec.id]);
  });

  it('holds no more of a request than its own arguments', async () => {
    const body = Buffer.alloc(1024 * 1024, 7);
    const [small, large] = [submission(), submission()];
    small.args = body.subarray(0, 1000);
    large.args = body.subarray(1000);
    await store.submit(T, 0, [small, large], NO_LIMITS);
    const { tasks } = await store.claim(T, 'me', CLAIM, 100);
    expect(tasks.map(({ args }) => args.length)).toEqual([1000, body.length - 1000]);
    expect(tasks.map(({ args }) => args.buffer.byteLength <= Buffer.poolSize)).toEqual([true, false]);
    // Not read from the table: that would be a copy.
    expect(tasks[1]!.args.buffer).toBe(body.buffer);
  });

  it('keeps what was pinned while it waited', async () => {
    const pinned = submission({ result_ttl_ms: 1 });
    await store.submit(T, 0, [pinned], NO_LIMITS);
    await store.pin(T, pinned.spec.id, true);
    const { tasks } = await store.claim(T, 'me', CLAIM, 100);
    expect(tasks.map(({ fence }) => fence.id)).toEqual([pinned.spec.id]);
    await store.settle(
      T,
      tasks.map(({ fence }) => completion(fence)),
    );
    later = 1000;
    await store.sweep(T);
    expect(await store.states(T, [pinned.spec.id])).toEqual(['COMPLETED']);
  });
});
