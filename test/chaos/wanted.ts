// What is wanted of a whole run, besides that nothing was violated.
import { ms, type Times } from './times.ts';

/** Of fewer kills the slowest says more about the machine's other work than about us. */
const ENOUGH_KILLS = 5;
/** A short run goes beside other work, and the slowest of its few kills is its 99th percentile. */
export const LONG_MINUTES = 10;

/** Where enough kills tell, what is wanted must hold. */
export function tooSlow(recovery: Record<string, Times>): string[] {
  return Object.entries(recovery).flatMap(([kind, { target = Infinity, alone }]) =>
    alone.count < ENOUGH_KILLS || alone.p99 <= target
      ? []
      : [`${kind}: ${ms(alone.p99)} in the 99th percentile of ${alone.count} kills alone, wanted are ${ms(target)}`],
  );
}
