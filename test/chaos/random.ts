// Numbers that only look random: the same seed gives the same ones, so that a run can be repeated.

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
  let state = hash(seed);
  // Mulberry32: 32 bits of state are enough for a choice of faults.
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
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
