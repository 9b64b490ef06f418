// Dice that fall the same way for the same seed, so that a run can be repeated.
import { mulberry32 } from '../harness/random.ts';

export interface Dice {
  /** From 0 to below 1. */
  fraction(): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  shuffled<T>(list: readonly T[]): T[];
  /** Dice of their own for a part of the run: what one part throws does not move the others' numbers. */
  apart(name: string): Dice;
}

export function dice(seed: string): Dice {
  const fraction = mulberry32(hash(seed));
  const between = (low: number, high: number): number => low + Math.floor(fraction() * (high - low + 1));
  return {
    fraction,
    between,
    chance: (probability) => fraction() < probability,
    pick: (list) => list[between(0, list.length - 1)]!,
    shuffled: (list) => {
      const left = [...list];
      return Array.from(list, () => left.splice(between(0, left.length - 1), 1)[0]!);
    },
    apart: (name) => dice(`${seed}/${name}`),
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value | 0;
}
