// Which worker gets a task. Pure: the state is given, the randomness is an argument.
//
// Tasks of one function go to the same few workers, found by rendezvous hashing of the function's digest, because
// those have its code loaded; among them the freest. When none of the few has a free slot, any worker that has one
// comes before the few's prefetch: a waiting call is worse than a cold one.
import { serves } from '../lifecycle/demand.ts';
import { parseLane } from '../lifecycle/lane.ts';
import type { Offer } from './executor.ts';

/** A worker as the choice sees it. `free` and `credits` are counted down by the caller as tasks are given. */
export interface Candidate extends Offer {
  id: string;
}

/** How many workers a function prefers. */
const FEW = 3;
/** How many random workers are compared when the few are full: the power of a few choices. */
const SAMPLES = 4;

/**
 * The choice among a fixed set of workers. Make a new one when workers come, go, or change what they can run;
 * numbers of free slots and credits may change under it.
 */
export class Choice<C extends Candidate> {
  readonly #byLane = new Map<string, C[]>();
  readonly #few = new Map<string, C[]>();
  readonly #all: readonly C[];

  constructor(all: readonly C[]) {
    this.#all = all;
  }

  /** The worker for a task of this lane and digest; undefined when nobody that fits has credit. */
  pick(lane: string, digest: string, atMostOnce: boolean, random: () => number): C | undefined {
    const fitting = this.#fitting(lane);
    const few = this.#fewOf(lane, digest, fitting);
    const free = freest(few, 'free') ?? sample(fitting, 'free', random);
    if (free !== undefined || atMostOnce) return free;
    return freest(few, 'credits') ?? sample(fitting, 'credits', random);
  }

  #fitting(lane: string): C[] {
    let fitting = this.#byLane.get(lane);
    if (fitting === undefined) {
      const demand = parseLane(lane);
      fitting = this.#all.filter((candidate) => serves(candidate, demand));
      this.#byLane.set(lane, fitting);
    }
    return fitting;
  }

  #fewOf(lane: string, digest: string, fitting: C[]): C[] {
    if (fitting.length <= FEW) return fitting;
    const key = `${lane} ${digest}`;
    let few = this.#few.get(key);
    if (few === undefined) {
      few = rendezvous(fitting, digest, FEW);
      this.#few.set(key, few);
    }
    return few;
  }
}

type Measure = 'free' | 'credits';

/** A worker counts as free only where it also has credit. */
function measure(candidate: Candidate, by: Measure): number {
  return by === 'credits' ? candidate.credits : Math.min(candidate.free, candidate.credits);
}

function freest<C extends Candidate>(among: readonly C[], by: Measure): C | undefined {
  let best: C | undefined;
  let most = 0;
  for (const candidate of among) {
    const value = measure(candidate, by);
    if (value > most) {
      most = value;
      best = candidate;
    }
  }
  return best;
}

/** The freest of a few random ones; where all of those are full, the first with room from a random start. */
function sample<C extends Candidate>(among: readonly C[], by: Measure, random: () => number): C | undefined {
  if (among.length <= SAMPLES) return freest(among, by);
  const drawn: C[] = [];
  for (let n = 0; n < SAMPLES; n += 1) drawn.push(among[Math.floor(random() * among.length)]!);
  const lucky = freest(drawn, by);
  if (lucky !== undefined) return lucky;
  const start = Math.floor(random() * among.length);
  for (let n = 0; n < among.length; n += 1) {
    const candidate = among[(start + n) % among.length]!;
    if (measure(candidate, by) > 0) return candidate;
  }
  return undefined;
}

/**
 * The `count` candidates that rank highest by hashes of their id and the digest together. Source: Thaler and Ravishankar, 1998.
 * One pass, for it is done anew for each function whenever one of many workers came or went.
 */
function rendezvous<C extends Candidate>(among: readonly C[], digest: string, count: number): C[] {
  const of = hash(digest);
  const best: { candidate: C; weight: number }[] = [];
  for (const candidate of among) {
    const weight = mixed(idHash(candidate) ^ of);
    if (best.length === count && weight <= best[count - 1]!.weight) continue;
    const at = best.findIndex((other) => other.weight < weight);
    best.splice(at < 0 ? best.length : at, 0, { candidate, weight });
    best.length = Math.min(best.length, count);
  }
  return best.map(({ candidate }) => candidate);
}

const idHashes = new WeakMap<Candidate, number>();

function idHash(candidate: Candidate): number {
  let value = idHashes.get(candidate);
  if (value === undefined) idHashes.set(candidate, (value = hash(candidate.id)));
  return value;
}

/** FNV-1a, 32 bit. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value;
}

/** Murmur3's final avalanche, because FNV alone leaves the high bits weak on short keys. */
function mixed(value: number): number {
  let bits = value ^ (value >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
