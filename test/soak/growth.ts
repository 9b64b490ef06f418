// Does a program grow? Judged by a line through what it has at each of many moments, not by two of them: its memory differs by a
// few percent with what the C library happens to keep, its descriptors with the runners that come and go: those are made
// ready for several at a time, so that the fewest of a stretch are what is held all the time.
import { privateOf } from '../../bench/memory.ts';
import { median } from '../../bench/statistics.ts';
import type { Footprint } from './footprint.ts';
import type { LiveMemory } from './live.ts';

/** The line of its memory may rise by so much of where it begins. */
const MOST_GROWTH = 0.05;
/** Those of descriptors and of processes, by so many. */
const MOST_MORE = 4;

/** What each program has while nothing is in progress and V8 has given back what it can, bytes. */
export interface Rest {
  /** Tasks that had ended. */
  done: number;
  /** Of the machine's memory. */
  'private memory': Map<string, number>;
  'live objects': Map<string, number>;
}

export async function restOf(live: LiveMemory, programs: ReadonlyMap<string, number>, done: number): Promise<Rest> {
  const left = await live.of(programs);
  const held = new Map([...programs].map(([name, pid]) => [name, privateOf(pid)]));
  const rest = { done, 'private memory': held, 'live objects': left };
  const words = [...programs.keys()].map((name) => `${name} ${mib(held.get(name)!)} (${mib(left.get(name)!)})`);
  console.log(`soak: at rest after ${done} tasks, MiB, in parentheses what is alive: ${words.join(', ')}`);
  return rest;
}

/** Sentences for programs whose memory grows. */
export function memoryGrowth(rests: readonly Rest[]): string[] {
  const faults: string[] = [];
  for (const what of ['private memory', 'live objects'] as const) {
    for (const name of rests[0]![what].keys()) {
      const { from, to } = line(rests.map((rest) => [rest.done, rest[what].get(name)!]));
      const words = `from ${mib(from)} to ${mib(to)} MiB (${percent(from, to)})`;
      console.log(`soak: ${name}: ${what} went ${words}`);
      if (to > from * (1 + MOST_GROWTH)) faults.push(`the ${what} of ${name} grew ${words}`);
    }
  }
  return faults;
}

/** Sentences for programs that have a few descriptors or processes more. `parts`: what was seen of each in one stretch of the load after the other. */
export function countGrowth(parts: readonly ReadonlyMap<string, readonly Footprint[]>[]): string[] {
  const faults: string[] = [];
  for (const name of parts[0]!.keys()) {
    const seen = parts.map((part) => part.get(name)!);
    const counts = {
      descriptors: seen.map((looks) => Math.min(...looks.flatMap(({ descriptors }) => descriptors))),
      processes: seen.map((looks) => median(looks.map(({ processes }) => processes))),
    };
    for (const [what, values] of Object.entries(counts)) {
      const { from, to } = line(values.map((value, at) => [at, value]));
      const words = `from ${from.toFixed(1)} to ${to.toFixed(1)}`;
      console.log(`soak: ${name}: ${what} went ${words}`);
      if (to > from + MOST_MORE) faults.push(`the ${what} of ${name} grew ${words}`);
    }
  }
  return faults;
}

/** Where the line through the points begins and ends. Theil and Sen's: the median of all slopes (Sen 1968, JASA 63, 1379), which no few points that lie elsewhere bend. */
export function line(points: readonly (readonly [x: number, y: number])[]): { from: number; to: number } {
  const slopes = points.flatMap(([x, y], at) => points.slice(at + 1).map(([x2, y2]) => (y2 - y) / (x2 - x)));
  const slope = median(slopes);
  const at0 = median(points.map(([x, y]) => y - slope * x));
  return { from: at0 + slope * points[0]![0], to: at0 + slope * points.at(-1)![0] };
}

function percent(from: number, to: number): string {
  const by = (to / from - 1) * 100;
  return `${by < 0 ? '−' : '+'}${Math.abs(by).toFixed(1)} %`;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
