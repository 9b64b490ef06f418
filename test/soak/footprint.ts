// What a program takes of the machine: its private memory, descriptors, and processes below it.
import { readFileSync, readdirSync } from 'node:fs';
import { privateOf } from '../../bench/memory.ts';
import { median } from '../../bench/statistics.ts';

export interface Footprint {
  /** Private memory, bytes: what would be free without it. */
  bytes: number;
  descriptors: number;
  /** Its children and theirs. */
  processes: number;
}

/** Of each program, by its pid. */
export function footprints(programs: ReadonlyMap<string, number>): Map<string, Footprint> {
  const parents = parentsOfAll();
  return new Map([...programs].map(([name, pid]) => [name, footprint(pid, parents)]));
}

function footprint(pid: number, parents: ReadonlyMap<number, number>): Footprint {
  const descriptors = readdirSync(`/proc/${pid}/fd`).length;
  const below = (one: number): boolean => {
    for (let at = parents.get(one); at !== undefined && at > 1; at = parents.get(at)) if (at === pid) return true;
    return false;
  };
  return { bytes: privateOf(pid), descriptors, processes: [...parents.keys()].filter(below).length };
}

function parentsOfAll(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const after = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'latin1'))?.[1];
      parents.set(Number(name), Number(after));
    } catch {
      // It has ended meanwhile.
    }
  }
  return parents;
}

/** Sentences for what has grown by more than `most`, as a share; a few descriptors and processes come and go. */
export function growth(
  before: ReadonlyMap<string, Footprint[]>,
  after: ReadonlyMap<string, Footprint[]>,
  most: number,
): string[] {
  const faults: string[] = [];
  for (const [name, then] of before) {
    const now = after.get(name)!;
    const of = (what: keyof Footprint, looks: Footprint[]): number => median(looks.map((look) => look[what]));
    const [from, to] = [of('bytes', then), of('bytes', now)];
    console.log(`soak: ${name}: ${mib(from)} MiB after the warm-up, ${mib(to)} MiB at the end`);
    if (to > from * (1 + most)) faults.push(`${name} grew from ${mib(from)} to ${mib(to)} MiB`);
    for (const what of ['descriptors', 'processes'] as const) {
      if (of(what, now) > of(what, then) + 4) {
        faults.push(`${name} had ${of(what, then)} ${what} and has ${of(what, now)}`);
      }
    }
  }
  return faults;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
