// The smallest schedule that still fails: fast-check drew it, so fast-check can make it smaller.
import fc from 'fast-check';
import { schedules, type Schedule } from './plan.ts';
import { run } from './run.ts';
import type { Variant } from './variant.ts';

export interface Shrunk {
  schedule: Schedule;
  violation: string;
}

/** Shrinks the failing schedule of `seed` for at most `forMs`; undefined where it does not fail. */
export async function shrink(seed: number, variant: Variant, forMs: number): Promise<Shrunk | undefined> {
  const end = performance.now() + forMs;
  let smallest: Shrunk | undefined;
  await fc.check(
    fc.asyncProperty(schedules, async (schedule) => {
      // Out of time: nothing smaller is found.
      if (performance.now() > end && smallest !== undefined) return true;
      const { violation } = await run(schedule, variant);
      if (violation === '') return true;
      smallest = { schedule, violation };
      return false;
    }),
    { seed, numRuns: 1 },
  );
  return smallest;
}
