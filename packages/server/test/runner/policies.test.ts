// The pure policies: how deep a pipe may be, how much work to hold.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  depthFor,
  HICCUP_RESULTS,
  longAfterMs,
  mayBeNext,
  mayQueue,
  mustSettle,
  NEXT_ONE_MS,
  notePace,
  noteSlow,
  PIPE_BYTES,
  SLOW_MEMORY_MS,
  TRUSTED_RESULTS,
  SLOW_MS,
} from '../../src/runner/depth.ts';
import { nextGroups, QUICK_MS, smallGroups } from '../../src/runner/template-size.ts';
import { MOST_PER_SLOT, moveWithinMs, NO_RUN_TIMES, observe, prefetchFor } from '../../src/runner/prefetch.ts';

describe('depth', () => {
  const fast = { results: TRUSTED_RESULTS, meanMs: 0.02, slowAt: -Infinity, sinceSlow: 0, raw: false };
  test('needs eight results', () => {
    expect(mayQueue({ ...fast, results: 7 }, 0)).toBe(false);
    expect(mayQueue(fast, 0)).toBe(true);
  });
  test('is one for ten seconds after a slow call', () => {
    expect(mayQueue({ ...fast, slowAt: 100 }, 100 + SLOW_MEMORY_MS - 1)).toBe(false);
    expect(mayQueue({ ...fast, slowAt: 100 }, 100 + SLOW_MEMORY_MS)).toBe(true);
  });
  test('or until two thousand others have ended; after as many, one is a hiccup and two are not', () => {
    const pace = { ...fast };
    const short = (count: number): void => {
      for (let n = 0; n < count; n += 1) notePace(pace, 0.1, 101);
    };
    notePace(pace, SLOW_MS + 1, 101);
    short(HICCUP_RESULTS - 1);
    expect(mayQueue(pace, 101)).toBe(false);
    short(1);
    expect(mayQueue(pace, 101)).toBe(true);
    const later = 101 + SLOW_MEMORY_MS;
    noteSlow(pace, later);
    expect(mayQueue(pace, later)).toBe(true);
    short(HICCUP_RESULTS - 1);
    noteSlow(pace, later);
    expect(mayQueue(pace, later)).toBe(false);
  });
  test('is one for what writes to the raw descriptors, and for what might', () => {
    expect(mayQueue({ ...fast, raw: true }, 0)).toBe(false);
    expect([mustSettle(fast), mustSettle({ ...fast, raw: true }), mustSettle({ ...fast, results: 0 })]).toEqual([
      false,
      true,
      true,
    ]);
  });
  test('grows as calls become shorter, from 4 to 64', () => {
    expect([10, 1, 0.5, 0.1, 0.02, 0].map((meanMs) => depthFor(meanMs, 0))).toEqual([4, 4, 8, 40, 64, 64]);
  });
  test('is 4 where the arguments in the pipe are large', () => {
    expect([PIPE_BYTES, PIPE_BYTES + 1].map((bytes) => depthFor(0.02, bytes))).toEqual([64, 4]);
  });
  test('is two where calls take up to 150 ms in the mean, also after a slow one', () => {
    expect(mayBeNext({ ...fast, meanMs: NEXT_ONE_MS, slowAt: 0 })).toBe(true);
    expect(mayBeNext({ ...fast, meanMs: NEXT_ONE_MS + 1 })).toBe(false);
    expect(mayBeNext({ ...fast, results: TRUSTED_RESULTS - 1 })).toBe(false);
    expect(mayBeNext({ ...fast, raw: true })).toBe(false);
  });
  test('a call is long that runs half as long again as others do, within bounds', () => {
    expect([0, 10, 60, 140, 1000].map(longAfterMs)).toEqual([SLOW_MS, SLOW_MS, 90, NEXT_ONE_MS, NEXT_ONE_MS]);
  });
  test('follows the mean of recent run times', () => {
    const pace = { ...fast, results: 0, meanMs: 0 };
    for (const ms of [1, 3]) notePace(pace, ms, 7);
    expect(pace).toEqual({ ...fast, results: 2, meanMs: 2, sinceSlow: 2 });
    notePace(pace, 50, 7);
    expect(pace).toMatchObject({ results: 3, slowAt: 7, sinceSlow: 0 });
    for (let n = 0; n < 200; n += 1) notePace(pace, 1, 8);
    expect(pace.meanMs).toBeCloseTo(1, 3);
  });
});

describe('what a template can fork', () => {
  test('doubles while templates follow each other quickly, up to a bound; many slots have more from the start', () => {
    const sizes = [smallGroups(2)];
    for (let n = 0; n < 6; n += 1) sizes.push(nextGroups(sizes.at(-1)!, QUICK_MS - 1));
    expect(sizes).toEqual([12, 24, 48, 96, 112, 112, 112]);
    expect(nextGroups(smallGroups(2), QUICK_MS)).toBe(12);
    expect(nextGroups(smallGroups(100), 0)).toBe(208);
  });
});

describe('prefetch', () => {
  const after = (...runs: number[]): typeof NO_RUN_TIMES =>
    runs.reduce((times, ms) => observe(times, ms), NO_RUN_TIMES);
  test('is nothing before eight results', () => {
    expect(prefetchFor(4, after(...Array<number>(7).fill(0.1)))).toBe(0);
  });
  test('holds about 20 ms of work for each slot that moves', () => {
    expect(prefetchFor(4, after(...Array<number>(8).fill(2)))).toBe(40);
    expect(prefetchFor(1, after(...Array<number>(8).fill(19)))).toBe(1);
    expect(prefetchFor(0, after(...Array<number>(8).fill(2)))).toBe(0);
  });
  test('holds one call for each slot that moves where calls are long and not very long', () => {
    expect(prefetchFor(4, after(...Array<number>(8).fill(100)))).toBe(4);
    expect(prefetchFor(4, after(...Array<number>(8).fill(NEXT_ONE_MS)))).toBe(4);
    expect(prefetchFor(4, after(...Array<number>(8).fill(NEXT_ONE_MS + 1)))).toBe(0);
  });
  test('counts a slot as moving while its call takes no longer than calls do', () => {
    expect(moveWithinMs(NO_RUN_TIMES)).toBe(SLOW_MS);
    expect(moveWithinMs(after(...Array<number>(8).fill(0.1)))).toBe(SLOW_MS);
    expect(moveWithinMs(after(...Array<number>(8).fill(60)))).toBeCloseTo(90);
    expect(moveWithinMs(after(...Array<number>(8).fill(140)))).toBe(NEXT_ONE_MS);
    expect(moveWithinMs(after(...Array<number>(8).fill(60_000)))).toBe(SLOW_MS);
  });
  test('has a bound', () => {
    expect(prefetchFor(2, after(...Array<number>(8).fill(0)))).toBe(2 * MOST_PER_SLOT);
  });
  test('is nothing for functions that run long', () => {
    expect(prefetchFor(8, after(...Array<number>(100).fill(2_000)))).toBe(0);
  });
  test('survives a single hiccup, however long', () => {
    expect(prefetchFor(2, after(...Array<number>(100).fill(0.1), 60_000))).toBeGreaterThan(10);
  });
  test('never negative, never above the bound, never more for longer runs', () => {
    const runs = fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 8, maxLength: 50 });
    fc.assert(
      fc.property(runs, fc.integer({ min: 1, max: 64 }), (list, slots) => {
        const now = prefetchFor(slots, after(...list));
        const longer = prefetchFor(slots, after(...list.map((ms) => Math.min(20, ms * 2))));
        expect(now).toBeGreaterThanOrEqual(longer);
        expect(longer).toBeGreaterThanOrEqual(0);
        expect(now).toBeLessThanOrEqual(slots * MOST_PER_SLOT);
      }),
      { seed: 7 },
    );
  });
});
