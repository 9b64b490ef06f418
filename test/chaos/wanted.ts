// What is wanted of a whole run, besides that nothing was violated.
import { ms, type Times } from './times.ts';
import type { Outcome } from './variant.ts';

export interface Run {
  seed: string;
  minutes: number;
  /** The names of all its variants, whether they have been played or not. */
  variants: readonly string[];
}

/** A shorter run goes beside other work, and the slowest of its few kills is its 99th percentile. */
export const LONG_MINUTES = 10;
/** Of fewer kills the slowest says more about the machine's other work than about us. */
const ENOUGH_KILLS = 5;
/** Of these two were slow where the one in the middle was. */
const ENOUGH_FOR_A_MEDIAN = 3;
/** Other work on the machine makes single kills slow; what makes half of them so much slower than the slowest may be is ours. */
const SHORT_RUN_FACTOR = 2;

/** Where enough kills tell, what is wanted must hold: in a long run of the 99th percentile, in a short one of the median. */
export function tooSlow(recovery: Record<string, Times>, minutes: number): string[] {
  return Object.entries(recovery).flatMap(([kind, { target = Infinity, alone }]) => {
    const { count, p50, p99 } = alone;
    const isLong = minutes >= LONG_MINUTES;
    const [enough, found, wanted, where] = isLong
      ? ([ENOUGH_KILLS, p99, target, '99th percentile'] as const)
      : ([ENOUGH_FOR_A_MEDIAN, p50, target * SHORT_RUN_FACTOR, 'median'] as const);
    if (count < enough || found <= wanted) return [];
    return [`${kind}: ${ms(found)} in the ${where} of ${count} kills alone, wanted are at most ${ms(wanted)}`];
  });
}

/** A variant that is played for less may go through its faults once, and find nothing to hit with one of them. */
const VARIANT_MINUTES = 5;
/** A run of both stores that is as long as this must have done so much. */
const FULL = { minutes: 30, kills: 200, tasks: 100_000 };

/** What a run of this length should have tried and did not, each in a sentence. */
export function tooLittle(
  { minutes, variants }: Run,
  outcomes: readonly Pick<Outcome, 'variant' | 'neverStruck'>[],
  { kills, tasks }: { kills: number; tasks: number },
): string[] {
  if (minutes < VARIANT_MINUTES * variants.length) return [];
  const never = outcomes.flatMap(({ variant, neverStruck }) =>
    neverStruck.map((fault) => `${variant}: ${fault} never struck`),
  );
  const isOfBoth = ['redis', 'embedded'].every((store) => variants.some((name) => name.startsWith(store)));
  // What is told while it goes on is not its whole.
  if (minutes < FULL.minutes || !isOfBoth || outcomes.length < variants.length) return never;
  return [
    ...never,
    ...(kills < FULL.kills ? [`${kills} kills, wanted are at least ${FULL.kills}`] : []),
    ...(tasks < FULL.tasks ? [`${tasks} tasks acknowledged, wanted are at least ${FULL.tasks}`] : []),
  ];
}
