// How long it took until work that was hit went on: read from the functions' own reports and from what clients read.
import type { Entry } from './ledger.ts';
import { now } from './now.ts';
import type { Reported, Start } from './reports.ts';
import { sleep, type Recovery, type Scene } from './scene.ts';

/** A recovery that takes longer is given up, and counted so, ms. */
const PATIENCE_MS = 15_000;
const LOOK_MS = 10;

interface Hit {
  entry: Entry;
  starts: number;
}

/** Tasks whose user code runs now, by its own account. */
export function runningNow(scene: Scene, where: (start: Start) => boolean): { entry: Entry; start: Start }[] {
  const reported = scene.reports.read();
  return [...scene.ledger.entries.values()].flatMap((entry) => {
    if (entry.reads.length > 0 || entry.cancel !== undefined) return [];
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
  const note = (ms: number, given_up: boolean): void => {
    scene.recoveries.push({ kind, from, ms: Math.max(0, ms), given_up });
  };
  let open = hits;
  let slowest = 0;
  while (open.length > 0 && now() - from < PATIENCE_MS) {
    const reported = scene.reports.read();
    open = open.filter((one) => {
      const at = wentOn(one, reported.get(one.entry.label));
      if (at !== undefined) slowest = Math.max(slowest, at - from);
      return at === undefined;
    });
    if (open.length > 0) await sleep(LOOK_MS);
  }
  if (hits.length > 0) note(open.length > 0 ? now() - from : slowest, open.length > 0);
}
