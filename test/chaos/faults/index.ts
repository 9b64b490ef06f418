// Every fault that a run can draw, and the deck from which the seed draws them.
import type { Dice } from '../random.ts';
import type { Fault } from '../scene.ts';
import type { Stage } from '../stage.ts';
import { dropAnswers } from './answers.ts';
import { fullDisk, noDescriptors } from './full.ts';
import { killDispatcher, killRunner, killService, killTemplate, killUp, killWorker } from './kill.ts';
import { endDispatcher, endService, endUp, endWorker } from './leave.ts';
import { badNetwork, noNetworkAtAll } from './network.ts';
import { partitionStore, partitionWorker } from './partition.ts';
import { pauseDispatcher, pauseUp, pauseWorker } from './pause.ts';
import { killMaster, replaceMaster, stopMaster } from './sentinel.ts';
import { fullRedis, killRedis, pauseRedis, refusingRedis, resetRedis } from './redis.ts';

export const FAULTS: readonly Fault[] = [
  ...[killRunner, killWorker, killDispatcher, killService, killUp, killTemplate, killRedis],
  ...[pauseWorker, pauseDispatcher, pauseUp],
  ...[pauseRedis, resetRedis, dropAnswers],
  ...[killMaster, stopMaster, replaceMaster],
  ...[partitionWorker, partitionStore, badNetwork, noNetworkAtAll],
  ...[fullDisk, noDescriptors, fullRedis, refusingRedis],
  ...[endWorker, endDispatcher, endService, endUp],
];

export interface Drawn {
  fault: Fault;
  dice: Dice;
  /** Rest before it, ms. */
  restMs: number;
  /** Is it to come after the aftermath of all others, so that its recovery is its own? */
  quiet: boolean;
  /** Does the next one wait until this one is over and its work goes on? Overlapping faults are the cruel ones. */
  alone: boolean;
}

/** The faults of a run, one after the other without end: each deck is shuffled anew, so none is long missing. */
export function* draw(stage: Stage, dice: Dice): Generator<Drawn, never> {
  const cards = FAULTS.filter((fault) => fault.applies(stage) && fault.missing?.(stage) === undefined).flatMap(
    (fault) => Array.from({ length: fault.weight }, () => fault),
  );
  for (let round = 1; ; round += 1) {
    // Each kind once before any comes twice: a short run sees them all.
    const first = [...new Set(cards)];
    const rest = [...cards];
    for (const fault of first) rest.splice(rest.indexOf(fault), 1);
    for (const [index, fault] of [...dice.shuffled(first), ...dice.shuffled(rest)].entries()) {
      const own = dice.apart(`fault ${round} ${index}`);
      const quiet = own.chance(fault.quiet ?? 0);
      yield { fault, dice: own, restMs: own.between(100, 1200), quiet, alone: own.chance(0.75) || quiet };
    }
  }
}

/** What belongs to this variant and cannot be had on this machine, with its reason. */
export function skipped(stage: Stage): Record<string, string> {
  const missing = FAULTS.filter((fault) => fault.applies(stage)).flatMap((fault) => {
    const reason = fault.missing?.(stage);
    return reason === undefined ? [] : [[fault.name, reason]];
  });
  return Object.fromEntries(missing) as Record<string, string>;
}

/** What belongs to this variant, could be had, and was not injected once. */
export function neverStruck(
  stage: Stage,
  injected: Readonly<Record<string, number>>,
  absent: Readonly<Record<string, string>>,
): string[] {
  return FAULTS.filter((fault) => fault.applies(stage))
    .map(({ name }) => name)
    .filter((name) => !(name in injected) && !(name in absent));
}
