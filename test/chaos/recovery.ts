// How long it took until work that was hit went on: read from the functions' own reports and from what clients read.
import type { Entry, FaultNote, Ledger } from './ledger.ts';
import { now } from './now.ts';
import type { Reported, Start } from './reports.ts';
import { sleep, type Recovery, type Scene } from './scene.ts';

/** A recovery that takes longer is given up, and counted so, ms. */
export const PATIENCE_MS = 15_000;
const LOOK_MS = 10;
/** A fault's aftermath may slow what another one is timed by: a kill was waited for, ms. */
const KILL_MARGIN_MS = 300;
/** After a silence or a standstill nobody is taken for dead for 3 s. */
const SILENCE_MARGIN_MS = 4000;

/** Nothing else was at work that could have made it longer. */
export function isClean({ from, ms }: Recovery, { faults }: Pick<Ledger, 'faults'>): boolean {
  // Its own fault began then, or, of a restart that is timed from its end, had begun before.
  const own = faults.find((fault) => fault.from <= from && from <= fault.to + 1);
  return !faults.some((fault) => fault !== own && fault.from <= from + ms && from <= quietFrom(fault));
}

export type Recovered = Recovery & {
  /** No other fault was at work that could have made it longer. */
  clean: boolean;
  /** Of the task that went on last, where that took long. */
  history: string[];
};

/** Of a kill that nothing else disturbed the work must go on, however slow the machine is; each in a sentence. */
export function neverRecovered(recoveries: readonly Pick<Recovered, 'kind' | 'ms' | 'clean' | 'given_up'>[]): string[] {
  return recoveries
    .filter(({ clean, given_up }) => clean && given_up)
    .map(({ kind, ms }) => `${kind}: what was hit had not gone on ${Math.round(ms)} ms after the kill`);
}

/** When nothing of these faults is left that could slow another one's recovery. */
export function quietAfter({ faults }: Pick<Ledger, 'faults'>): number {
  return Math.max(0, ...faults.map(quietFrom)) + 1;
}

/** When nothing of this fault is left that could slow work, or lose it. */
export function quietFrom({ fault, to }: FaultNote): number {
  return to + (fault.startsWith('F1') ? KILL_MARGIN_MS : SILENCE_MARGIN_MS);
}

interface Hit {
  entry: Entry;
  starts: number;
}

/** Tasks whose user code runs now, by its own account. */
export function runningNow(scene: Scene, where: (start: Start) => boolean): { entry: Entry; start: Start }[] {
  const reported = scene.reports.read();
  return [...scene.ledger.entries.values()].flatMap((entry) => {
    // Whoever has no answer to a submission reads no end of it, and not every function tells its own.
    if (entry.acks.length === 0 || entry.reads.length > 0 || entry.cancel !== undefined) return [];
    const start = reported.get(entry.label)?.running;
    return start !== undefined && where(start) ? [{ entry, start }] : [];
  });
}

/** What runs where it was hit: it goes on when it is started again elsewhere, or when its end is read. */
export async function untilStartedAgain(
  scene: Scene,
  kind: Recovery['kind'],
  from: number,
  hit: readonly Entry[],
): Promise<void> {
  const before = scene.reports.read();
  const hits = hit.map((entry): Hit => ({ entry, starts: before.get(entry.label)?.starts.length ?? 0 }));
  await until(scene, kind, from, hits, ({ entry, starts }, reported) => {
    const again = reported?.starts[starts]?.at;
    return again ?? entry.reads[0]?.at;
  });
}

/**
 * After the death of a dispatcher: what was open goes on when it starts, or, where user code had started, when its end is
 * read; what user code itself took is no part of it.
 */
export async function untilFlowing(scene: Scene, kind: Recovery['kind'], from: number): Promise<void> {
  const before = scene.reports.read();
  const hits = scene.ledger
    .waiting()
    .map((entry): Hit => ({ entry, starts: before.get(entry.label)?.starts.length ?? 0 }));
  await until(scene, kind, from, hits, ({ entry, starts }, reported) => {
    const again = reported?.starts[starts]?.at;
    if (starts === 0 || again !== undefined) return again ?? entry.reads[0]?.at;
    const read = entry.reads[0]?.at;
    if (read === undefined) return undefined;
    const own = reported?.ends.at(-1);
    return own === undefined ? read : from + Math.max(0, read - Math.max(from, own));
  });
}

/** A store that answers again since `from`: until a submission is acknowledged, and a task ends that started since. */
export async function untilServing(scene: Scene, kind: Recovery['kind'], from: number): Promise<void> {
  const first = (times: Iterable<number | undefined>): number =>
    [...times].reduce<number>((least, at) => (at !== undefined && at >= from ? Math.min(least, at) : least), Infinity);
  while (now() - from < PATIENCE_MS) {
    const reported = scene.reports.read();
    // What matters now is among the newest; a long run has many.
    const newest = [...scene.ledger.entries.values()].slice(-2000);
    const accepted = first(newest.map(({ acks }) => acks[0]?.at));
    const ended = first(
      newest.filter(({ label }) => (reported.get(label)?.starts[0]?.at ?? 0) >= from).map(({ reads }) => reads[0]?.at),
    );
    const ms = Math.max(accepted, ended) - from;
    if (Number.isFinite(ms)) {
      scene.recoveries.push({ kind, from, ms, given_up: false });
      return;
    }
    await sleep(LOOK_MS);
  }
  scene.recoveries.push({ kind, from, ms: now() - from, given_up: true });
}

async function until(
  scene: Scene,
  kind: Recovery['kind'],
  from: number,
  hits: Hit[],
  wentOn: (hit: Hit, reported: Reported | undefined) => number | undefined,
): Promise<void> {
  let open = hits;
  let slowest = 0;
  let last = hits[0]?.entry.label;
  while (open.length > 0 && now() - from < PATIENCE_MS) {
    const reported = scene.reports.read();
    open = open.filter((one) => {
      const at = wentOn(one, reported.get(one.entry.label));
      if (at !== undefined && at - from >= slowest) {
        slowest = at - from;
        last = one.entry.label;
      }
      return at === undefined;
    });
    if (open.length > 0) await sleep(LOOK_MS);
  }
  if (last === undefined) return;
  const [never] = open;
  const ms = never === undefined ? slowest : now() - from;
  scene.recoveries.push({ kind, from, ms, given_up: never !== undefined, last: never?.entry.label ?? last });
}
