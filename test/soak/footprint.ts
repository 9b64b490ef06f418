// What a program takes of the machine: its private memory, descriptors, and processes below it.
import { readFileSync, readdirSync } from 'node:fs';
import { privateOf } from '../../bench/memory.ts';
import { median } from '../../bench/statistics.ts';

export interface Footprint {
  /** Private memory, bytes: what would be free without it. */
  bytes: number;
  /** Each sample since the look before: they come and go with each runner, and are made ready for several at a time. */
  descriptors: number[];
  /** Its children and theirs. */
  processes: number;
}

const SAMPLE_MS = 100;

/** Looks at programs, by their pids, now and then; `stop` it. */
export class Watch {
  readonly #programs: ReadonlyMap<string, number>;
  readonly #timer: NodeJS.Timeout;
  #samples = new Map<string, number[]>();

  constructor(programs: ReadonlyMap<string, number>) {
    this.#programs = programs;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  look(): Map<string, Footprint> {
    this.#sample();
    const samples = this.#samples;
    this.#samples = new Map();
    const parents = parentsOfAll();
    return new Map([...this.#programs].map(([name, pid]) => [name, footprint(pid, samples.get(name)!, parents)]));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    for (const [name, pid] of this.#programs) {
      const samples = this.#samples.get(name) ?? [];
      samples.push(descriptorsOf(pid));
      this.#samples.set(name, samples);
    }
  }
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    // It has ended: whoever looks at its memory stumbles over that.
    return 0;
  }
}

function footprint(pid: number, descriptors: number[], parents: ReadonlyMap<number, number>): Footprint {
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

/** Sentences for programs that have a few descriptors or processes more; by medians, for both go up and down. */
export function countGrowth(
  before: ReadonlyMap<string, Footprint[]>,
  after: ReadonlyMap<string, Footprint[]>,
): string[] {
  const faults: string[] = [];
  for (const [name, then] of before) {
    const now = after.get(name)!;
    const counts = {
      descriptors: ofBoth(then, now, (looks) => looks.flatMap(({ descriptors }) => descriptors)),
      processes: ofBoth(then, now, (looks) => looks.map(({ processes }) => processes)),
    };
    for (const [what, [had, has]] of Object.entries(counts)) {
      console.log(`soak: ${name}: ${had} ${what} after the warm-up, ${has} at the end`);
      if (has > had + 4) faults.push(`${name} had ${had} ${what} and has ${has}`);
    }
  }
  return faults;
}

function ofBoth(then: Footprint[], now: Footprint[], values: (looks: Footprint[]) => number[]): [number, number] {
  return [median(values(then)), median(values(now))];
}

/** Sentences for programs of whose memory there is more by more than `share`; `what` it is, in bytes. */
export function memoryGrowth(
  what: string,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  share: number,
): string[] {
  const faults: string[] = [];
  for (const [name, from] of before) {
    const to = after.get(name)!;
    console.log(
      `soak: ${name}: ${mib(from)} MiB after the warm-up, ${mib(to)} MiB at the end (${percent(from, to)}), ${what}`,
    );
    if (to > from * (1 + share)) faults.push(`the ${what} of ${name} grew from ${mib(from)} to ${mib(to)} MiB`);
  }
  return faults;
}

function percent(from: number, to: number): string {
  const by = (to / from - 1) * 100;
  return `${by < 0 ? '−' : '+'}${Math.abs(by).toFixed(1)} %`;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
