// The token bucket on a clock of the test's own.
import { describe, expect, it } from 'vitest';
import { RateLimit } from '../../src/tasks/rate-limit.ts';
import { Refusal } from '../../src/tasks/refusal.ts';

function limitAt(perSecond: number, burst: number) {
  const clock = { now: 0, mono: () => clock.now, wall: () => 0 };
  const limit = new RateLimit(clock, perSecond, burst);
  /** 0 = taken, else after how many ms to come again. */
  const take = (caller: string, tasks = 1): number => {
    try {
      limit.take(caller, tasks);
      return 0;
    } catch (fault) {
      if (fault instanceof Refusal) return fault.members.retry_after_ms!;
      throw fault;
    }
  };
  /** Of `tasks`, so many came before. */
  const pay = async (tasks: number, old: number): Promise<{ looks: number }> => {
    let looks = 0;
    await limit.paid('a', {
      tasks,
      before: async () => ((looks += 1), old),
      submit: async () => ({ fresh: tasks - old }),
    });
    return { looks };
  };
  return { clock, take, pay };
}

describe('a rate limit', () => {
  it('of 0 is none', () => {
    const { take } = limitAt(0, 0);
    expect(take('a', 1_000_000)).toBe(0);
  });

  it('lets a burst pass, then so many a second, for each caller apart', () => {
    const { clock, take } = limitAt(10, 3);
    expect([take('a'), take('a'), take('a'), take('a')]).toEqual([0, 0, 0, 100]);
    expect(take('b')).toBe(0);
    clock.now += 99;
    expect(take('a')).toBeGreaterThan(0);
    clock.now += 1;
    expect([take('a'), take('a')]).toEqual([0, 100]);
    clock.now += 3_600_000;
    expect([take('a', 3), take('a')]).toEqual([0, 100]);
  });

  it('without a burst is that of one second, and never less than one task', () => {
    expect(limitAt(5, 0).take('a', 5)).toBe(0);
    const slow = limitAt(0.5, 0);
    expect([slow.take('a'), slow.take('a')]).toEqual([0, 2000]);
  });

  it('takes a batch larger than the burst from a full bucket, and lets it be paid off', () => {
    const { clock, take } = limitAt(10, 10);
    expect([take('a', 30), take('a')]).toEqual([0, 2100]);
    clock.now += 2100;
    expect([take('a'), take('a', 30)]).toEqual([0, 1000]);
  });

  it('looks for what came before where there are too few tokens alone', async () => {
    const { take, pay } = limitAt(10, 10);
    expect(await pay(8, 0)).toEqual({ looks: 0 });
    expect(await pay(10, 9)).toEqual({ looks: 1 });
    // Known when it was there: what was taken for it is given back.
    expect(await pay(1, 1)).toEqual({ looks: 0 });
    expect([take('a'), take('a')]).toEqual([0, 100]);
    expect(await pay(10, 10)).toEqual({ looks: 1 });
    await expect(pay(10, 9)).rejects.toMatchObject({ code: 'rate_limited', members: { retry_after_ms: 100 } });
  });

  it('forgets callers whose buckets are full, and only those', () => {
    const { clock, take } = limitAt(10, 1);
    expect(take('busy', 50)).toBe(0);
    for (let i = 0; i < 1500; i++) take(`caller ${i}`);
    clock.now += 200;
    for (let i = 0; i < 1500; i++) take(`other ${i}`);
    expect(take('busy')).toBeGreaterThan(4000);
  });
});
