// What a measure is given and what it answers.
import type { Shared } from './ours.ts';
import { median } from './statistics.ts';

export interface Plan {
  /** Length of one run. */
  seconds: number;
  /** Runs of each contestant; medians are taken over them. */
  runs: number;
  /** Everything within a minute: fewer sizes, short runs, no slow contestants. */
  quick: boolean;
  /** How long a contestant is warmed up, in s: runners forked, the function loaded, the programs' code compiled by V8. */
  warmUp: number;
  /** Where a measure gets its systems from. */
  systems(): Shared;
  /** Tells how far it is. */
  note(line: string): void;
}

export interface Figure {
  name: string;
  unit: string;
  /** One value a run. */
  samples: number[];
  /** CPU µs a task, by program. */
  cpu?: Record<string, number>;
  remark?: string;
}

export interface Target {
  name: string;
  unit: string;
  is: '>=' | '<=';
  want: number;
  /** NaN where it could not be measured. */
  got: number;
}

export interface Outcome {
  figures: Figure[];
  targets: Target[];
  notes: string[];
  /** SVG by file name. */
  plots: Record<string, string>;
}

export interface Measure {
  id: string;
  title: string;
  /** How often and how long it plays, in turns or not, after what warm-up. */
  played(plan: Pick<Plan, 'runs' | 'seconds'>): string;
  run(plan: Plan): Promise<Outcome>;
}

/** How contestants play that take turns. */
export function inTurns({ runs, seconds }: Pick<Plan, 'runs' | 'seconds'>): string {
  return `${runs} runs of ${seconds} s, in turns`;
}

export function isMet({ is, want, got }: Target): boolean {
  return is === '>=' ? got >= want : got <= want;
}

export function atLeast(name: string, unit: string, want: number, got: number): Target {
  return { name, unit, is: '>=', want, got };
}

export function atMost(name: string, unit: string, want: number, got: number): Target {
  return { name, unit, is: '<=', want, got };
}

/** One figure over another, round by round; empty where one is missing. Both were measured in the same rounds. */
export function ratios(figures: readonly Figure[], over: string, under: string): number[] {
  const samplesOf = (name: string): number[] => figures.find((figure) => figure.name === name)?.samples ?? [];
  const below = samplesOf(under);
  return samplesOf(over).flatMap((value, round) => (below[round] === undefined ? [] : [value / below[round]]));
}

/** The median of a named figure; NaN where it is missing. */
export function medianOf(figures: readonly Figure[], name: string): number {
  return median(figures.find((figure) => figure.name === name)?.samples ?? []);
}
