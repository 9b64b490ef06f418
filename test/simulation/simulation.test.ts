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

/** What breaks first in each of the broken systems, as docs/reliability.md has it: how the ledger names it. */
const BREAKS: Record<MutantName, string> = {
  'no fence': 'I2',
  'a fence of the attempt number alone': 'I2',
  'leases renewed for tasks that no worker names': 'I4',
  'a loss that is not counted': 'I5',
  'a release that is counted': 'I5',
  'a sweep right after a reconnect': 'I3',
  'adoption without comparing the token': 'I2',
  'an at-most-once task released after it was handed out': 'I3',
  'what was started expires': 'I5',
  'a cancel that leaves the token': 'I2',
  'hints taken for facts': 'I1',
  'credits counted as slots by two dispatchers': 'W3',
};

describe('a broken system is caught', () => {
  // By the invariant that it breaks: one that merely throws would be caught as well, and show nothing.
  it.each(Object.entries(BREAKS) as [MutantName, string][])(
    '%s breaks %s',
    async (mutant, breaks) => {
      const { found, schedules } = await searchers.search({ seed: 1, runs: RUNS, mutant });
      expect(found, `not caught in ${schedules} schedules`).toBeDefined();
      expect(found!.violation).toMatch(new RegExp(`^${breaks}: `));
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
    expect((await run(shrunk!.schedule, mutant)).violation).toMatch(/^[IW]\d: /);
    expect((await run(shrunk!.schedule, REAL)).violation).toBe('');
  });

  async function firstFailing(mutant: (typeof MUTANTS)[MutantName]): Promise<number> {
    for (let seed = 1; ; seed += 1) if ((await run(scheduleOf(seed), mutant)).violation !== '') return seed;
  }
});
