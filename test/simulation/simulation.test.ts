// Whole systems on simulated time: ten thousand schedules hold, every broken system is caught, and what failed once never
// fails again.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kernel, newLife } from './kernel.ts';
import { MUTANTS, type MutantName } from './mutants.ts';
import { scheduleOf, type Schedule } from './plan.ts';
import { REGRESSIONS } from './regressions.ts';
import { run } from './run.ts';
import { Searchers, tooLittle } from './search.ts';
import { shrink } from './shrink.ts';
import { REAL } from './variant.ts';

const RUNS = 10_000;
const THREADS = 2;
/** Many times what it takes on a machine of its own. */
const TIMEOUT_MS = 300_000;

let searchers: Searchers;
beforeAll(() => {
  searchers = new Searchers(THREADS);
});
afterAll(() => searchers.close());

describe('schedules that failed once', () => {
  it.each(REGRESSIONS)('$name', async ({ schedule }) => {
    expect((await run(schedule, REAL)).violation).toBe('');
  });
});

describe('the real system', () => {
  it(
    `keeps every promise in ${RUNS} schedules`,
    async () => {
      const totals = await searchers.search({ seed: 1, runs: RUNS, mutant: undefined });
      expect(totals.found).toBeUndefined();
      expect(totals.schedules).toBe(RUNS);
      expect(tooLittle(totals)).toBe('');
    },
    TIMEOUT_MS,
  );

  it('does the same thing for the same seed', async () => {
    const [first, second] = [await run(scheduleOf(7), REAL), await run(scheduleOf(7), REAL)];
    expect(second).toEqual(first);
    expect(first.steps).toBeGreaterThan(100);
  });
});

it('the clock moves on, however little is waited for', async () => {
  const kernel = new Kernel();
  const clock = kernel.clockOf(newLife('waits'), 0);
  const until = clock.mono() + 0.3;
  let waits = 0;
  const wait = (): void => {
    waits += 1;
    if (clock.mono() < until && waits < 100) clock.after(Number.EPSILON, wait);
  };
  clock.after(0.3 - 2e-6, wait);
  await kernel.run(() => false);
  expect(clock.mono()).toBeGreaterThanOrEqual(until);
});

describe('a broken system is caught', () => {
  it.each(Object.keys(MUTANTS) as MutantName[])(
    '%s',
    async (mutant) => {
      const { found, schedules } = await searchers.search({ seed: 1, runs: RUNS, mutant });
      expect(found, `not caught in ${schedules} schedules`).toBeDefined();
    },
    TIMEOUT_MS,
  );

  it('in a schedule that is shrunk to what matters', async () => {
    const mutant = MUTANTS['a loss that is not counted'];
    const failing = await firstFailing(mutant);
    const shrunk = await shrink(failing, mutant, 20_000);
    expect(shrunk).toBeDefined();
    const size = ({ tasks, faults, workers, dispatchers }: Schedule): number =>
      tasks.length + faults.length + workers.length + dispatchers.length;
    expect(size(shrunk!.schedule)).toBeLessThan(size(scheduleOf(failing)));
    expect((await run(shrunk!.schedule, mutant)).violation).not.toBe('');
    expect((await run(shrunk!.schedule, REAL)).violation).toBe('');
  });

  async function firstFailing(mutant: (typeof MUTANTS)[MutantName]): Promise<number> {
    for (let seed = 1; ; seed += 1) if ((await run(scheduleOf(seed), mutant)).violation !== '') return seed;
  }
});
