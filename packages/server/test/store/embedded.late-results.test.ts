// What the embedded store remembers of large results, and that they are read the same the first time and later.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { LateResults } from '../../src/store/embedded/late-results.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import { LANE, NO_LIMITS, completion, endsIn, submission } from './submission.ts';

const T = 'default';
const MIB = 1024 * 1024;

describe('late results', () => {
  it('are given once, to their tenant', () => {
    const late = new LateResults();
    const result = { json: Buffer.from('1') };
    late.keep(T, 'a', result);
    expect(late.take('other', 'a')).toBeUndefined();
    expect(late.take(T, 'a')).toBe(result);
    expect(late.take(T, 'a')).toBeUndefined();
  });

  it('stay within their bound: the oldest go first, and what is larger than all of it is not kept', () => {
    const late = new LateResults();
    for (const id of ['a', 'b', 'c']) late.keep(T, id, { pickle: Buffer.alloc(12 * MIB) });
    late.keep(T, 'd', { pickle: Buffer.alloc(33 * MIB) });
    expect(['a', 'b', 'c', 'd'].map((id) => late.take(T, id) !== undefined)).toEqual([false, true, true, false]);
  });

  it('are read from the table ever after', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
    const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
    try {
      const task = submission();
      await store.submit(T, 0, [task], NO_LIMITS);
      const { tasks } = await store.claim(T, 'me', [{ lane: LANE, max: 1 }], 1);
      const large = JSON.stringify('x'.repeat(100_000));
      await store.settle(
        T,
        tasks.map(({ fence }) => completion(fence, large)),
      );
      const [first, again] = [await endsIn(store, T, [task.spec.id]), await endsIn(store, T, [task.spec.id])];
      expect(first[0]?.result.json?.toString()).toBe(large);
      expect(again).toEqual(first);
    } finally {
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
