// What a program takes of the machine: its private memory, descriptors, and processes below it.
import { readFileSync, readdirSync } from 'node:fs';
import { privateOf } from '../../bench/memory.ts';

export interface Footprint {
  /** Private memory, bytes: what would be free without it. */
  bytes: number;
  /** Each sample since the look before. */
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

export function inWords(look: ReadonlyMap<string, Footprint>): string {
  return [...look].map(([name, { bytes }]) => `${name} ${Math.round(bytes / 2 ** 20)} MiB`).join(', ');
}
