// What the embedded store remembers of ends, and that they are read the same the first time and later.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { LateEnds } from '../../src/store/embedded/late-ends.ts';
import type { ResultForms } from '../../src/lifecycle/outcome.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import type { Fence } from '../../src/lifecycle/fence.ts';
import type { EndedTask, Settlement } from '../../src/store/store.ts';
import { LANE, NO_LIMITS, completion, endsIn, loss, submission } from './submission.ts';

const T = 'default';
const MIB = 1024 * 1024;

function endOf(id: string, result: ResultForms = {}): EndedTask {
  const about = { state: 'COMPLETED', kind: '', error: null, resultAs: 'json', runtime: 'python' } as const;
  return { id, ...about, result, endedAt: 1, hasHistory: false };
}

type Failure = Extract<Settlement, { state: 'FAILED' }>;

function failure(fence: Fence, error: Failure['error']): Failure {
  return { is: 'end', state: 'FAILED', kind: 'raised', fence, worker: 'w1', startedAt: 1000, logs: null, error };
}

describe('late ends', () => {
  it('are given once, to their tenant', () => {
    const late = new LateEnds();
    const end = endOf('a', { json: Buffer.from('1') });
    late.keep(T, end, 0);
    expect(late.take('other', 'a')).toBeUndefined();
    expect(late.take(T, 'a')).toBe(end);
    expect(late.take(T, 'a')).toBeUndefined();
  });

  it('stay within their bound: the oldest go first, and what is larger than all of it is not kept', () => {
    const late = new LateEnds();
    for (const id of ['a', 'b', 'c']) late.keep(T, endOf(id, { pickle: Buffer.alloc(12 * MIB) }), 0);
    late.keep(T, endOf('d', { pickle: Buffer.alloc(33 * MIB) }), 0);
    expect(['a', 'b', 'c', 'd'].map((id) => late.take(T, id) !== undefined)).toEqual([false, true, true, false]);
  });

  it('stay within their number', () => {
    const late = new LateEnds();
    for (let n = 0; n <= 1024; n += 1) late.keep(T, endOf(String(n)), 0);
    expect(['0', '1', '1024'].map((id) => late.take(T, id) !== undefined)).toEqual([false, true, true]);
  });

  it('stay within their bound with their errors, too', () => {
    const late = new LateEnds();
    for (const id of ['a', 'b', 'c']) late.keep(T, endOf(id), 6 * MIB);
    expect(['a', 'b', 'c'].map((id) => late.take(T, id) !== undefined)).toEqual([false, true, true]);
  });

  it('are forgotten when their task is deleted', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
    let later = 0;
    const clock = { ...systemClock, wall: () => systemClock.wall() + later };
    const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock });
    try {
      const task = submission({ result_ttl_ms: 1000 });
      await store.submit(T, 0, [task], NO_LIMITS);
      await store.cancel(T, [task.spec.id]);
      later = 2000;
      expect(await store.sweep(T)).toMatchObject({ deleted: 1 });
      expect(await store.progress(T, [task.spec.id])).toEqual([undefined]);
    } finally {
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('are read from the table ever after, and are the same there', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
    const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
    try {
      const tasks = [...Array.from({ length: 4 }, () => submission()), submission({ max_attempts: 1 }), submission()];
      await store.submit(T, 0, tasks, NO_LIMITS);
      const claim = await store.claim(T, 'me', [{ lane: LANE, max: 5 }], 5);
      const [small, large, raised, raisedLong, lost] = claim.tasks.map(({ fence }) => fence) as [
        Fence,
        Fence,
        Fence,
        Fence,
        Fence,
      ];
      const error = { type: 'ValueError', message: 'no', traceback: 'Traceback\n' };
      await store.settle(T, [
        completion(small),
        completion(large, JSON.stringify('x'.repeat(100_000))),
        failure(raised, error),
        { ...failure(raisedLong, { ...error, traceback: 'x'.repeat(2000) }), pickle: Buffer.from('p') },
        loss(lost),
      ]);
      const ids = tasks.map(({ spec }) => spec.id);
      await store.cancel(T, ids.slice(5));
      const first = await endsIn(store, T, ids);
      expect(first.map((end) => end?.kind)).toEqual(['', '', 'raised', 'raised', 'lost', 'canceled']);
      expect(await endsIn(store, T, ids)).toEqual(first);
    } finally {
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
