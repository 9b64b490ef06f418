// How long recoveries took, as percentiles of what was killed: of all kills, and of those that no other fault overlapped.
import { PATIENCE_MS } from './recovery.ts';
import type { Outcome } from './variant.ts';

/** What is wanted of the kills that no other fault overlapped, p99 in ms. */
const WANTED_MS: Record<string, number> = {
  runner: 1000,
  worker: 4000,
  dispatcher: 6000,
  'Redis restart': 3000,
  'Sentinel failover': 2000,
};

export interface Percentiles {
  count: number;
  p50: number;
  p99: number;
}

export interface Times {
  target: number | undefined;
  all: Percentiles;
  /** How many of all were given up; in percentiles they count as what had been waited by then. */
  givenUp: number;
  alone: Percentiles;
}

export function recovered(outcomes: readonly Pick<Outcome, 'recoveries'>[]): Record<string, Times> {
  const all = outcomes.flatMap(({ recoveries }) => recoveries);
  const kinds = Object.entries(Object.groupBy(all, ({ kind }) => kind)).map(([kind, list]) => {
    const times = {
      target: WANTED_MS[kind],
      all: percentiles(list.map(({ ms }) => ms)),
      givenUp: list.filter(({ given_up }) => given_up).length,
      alone: percentiles(list.filter(({ clean }) => clean).map(({ ms }) => ms)),
    };
    return [kind, times] as const;
  });
  return Object.fromEntries(kinds);
}

function percentiles(values: readonly number[]): Percentiles {
  return { count: values.length, p50: quantile(values, 0.5), p99: quantile(values, 0.99) };
}

function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}

/** A recovery that was given up has no length: nobody waited for its end. */
export function ms(value: number): string {
  if (Number.isNaN(value)) return '–';
  return value >= PATIENCE_MS ? `> ${PATIENCE_MS} ms` : `${Math.round(value)} ms`;
}
