// One variant of the system, from its start to the judgement: load, faults, quiet, the drain, the books.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAgain, readBooks, untilIdle } from './books.ts';
import { check, tally, tooFew, type Tally, type Violation } from './check.ts';
import { draw, neverStruck, skipped } from './faults/index.ts';
import { register } from './functions.ts';
import { history } from './history.ts';
import { Ledger } from './ledger.ts';
import { startLoad } from './load.ts';
import { now } from './now.ts';
import { grown, holdings, orphans, type Holding } from './orphans.ts';
import type { Dice } from './random.ts';
import { isClean, neverRecovered, quietAfter, type Recovered } from './recovery.ts';
import { openReports } from './reports.ts';
import { sleep, type Scene } from './scene.ts';
import { setStage, type Stage, type Variant } from './stage.ts';
import { BACK_BESIDE_OTHERS_MS, BACK_WITHIN_MS, FLOOR, notBack, throughput } from './throughput.ts';
import { watch } from './watch.ts';

export interface Outcome {
  variant: string;
  seconds: number;
  tally: Tally;
  /** How often each fault was injected. */
  faults: Record<string, number>;
  /** Faults that could not be had here, each with its reason. */
  skipped: Record<string, string>;
  /** Faults of this variant that could be had and were not injected once. */
  neverStruck: string[];
  /** What was done when, in seconds since the start of the variant. */
  timeline: string[];
  /** The order in which the seed drew the faults. */
  drawn: string[];
  watched: { records: number; events: number };
  /** By how many ms the clock of each part was wrong, all the time (F10). */
  skews: Record<string, number>;
  recoveries: Recovered[];
  throughput: { before: number; after: number };
  holdings: { before: Record<string, Holding>; after: Record<string, Holding> };
  orphans: string[];
  calls: Record<string, number>;
  violations: (Violation & { history: string[] })[];
  /** What each part wrote, its newest end. */
  logs: Record<string, string>;
}

/** After the faults everything must end within this; what a lease, a silence and a restart take is in it. ms */
const DRAIN_MS = 45_000;
/** What the drain, the second measurement and the books take of the time of a variant at least, ms. */
const SHORTEST_END_MS = 10_000;
/** What was told to end is given this long to be gone with all that it started. */
const LEFT_MS = 5000;
/** Whoever looks into a recovery of more wants to know what it waited for. */
const LONG_RECOVERY_MS = 3000;

export interface Circumstances {
  /** No other variant runs at the same time. */
  alone: boolean;
  /** How long this variant is to take. */
  forMs: number;
  /** Is the run that it belongs to a long one? */
  isLong: boolean;
}

export async function runVariant(
  variant: Variant,
  { alone, forMs, isLong }: Circumstances,
  dice: Dice,
): Promise<Outcome> {
  const begun = now();
  const ledger = new Ledger();
  const folder = mkdtempSync(join(tmpdir(), 'test-chaos-reports-'));
  const reports = openReports(join(folder, 'reports'));
  let stage: Stage | undefined;
  try {
    stage = await setStage(variant, alone, forMs, ledger, dice.apart('stage'));
    return await play(stage, { ledger, reports, dice, begun, isLong, until: begun + forMs });
  } finally {
    await stage?.clear();
    reports.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Play extends Pick<Scene, 'ledger' | 'reports'>, Pick<Circumstances, 'isLong'> {
  dice: Dice;
  begun: number;
  /** When faults should have stopped, the drain been done and the books been read. */
  until: number;
}

async function play(stage: Stage, { ledger, reports, dice, begun, isLong, until }: Play): Promise<Outcome> {
  const url = stage.urls[0]!;
  const marks: [string, number][] = [];
  const mark = (what: string): void => void marks.push([what, now()]);
  mark('the stage is set');
  const functions = await register(url, reports.file);
  const forMs = until - begun;
  const before = await throughput(url, functions.id('quick'), {
    forMs: Math.min(3000, forMs / 12),
    ...{ enough: 0, atMostMs: BACK_WITHIN_MS },
  });
  mark('measured before');
  const held = holdings(stage);
  const loadedAt = now();
  const load = startLoad({ urls: stage.urls, functions, ledger, dice: dice.apart('load') });
  const watching = watch(stage.urls, ledger, dice.apart('watch'));
  const scene: Scene = {
    ...{ stage, ledger, reports, recoveries: [], taken: new Set() },
    longestMs: Math.max(2000, Math.min(20_000, forMs / 12)),
  };
  const drawn = await faultsUntil(
    scene,
    dice.apart('faults'),
    until - Math.min(60_000, Math.max(SHORTEST_END_MS, forMs / 5)),
  );
  mark('no more faults');
  const drainBy = now() + DRAIN_MS;
  await load.drain(DRAIN_MS);
  await untilIdle(url, drainBy);
  const loadedMs = now() - loadedAt;
  const watched = await watching.stop();
  mark('drained');
  const after = await throughput(url, functions.id('quick'), {
    forMs: Math.min(BACK_WITHIN_MS, forMs / 10),
    enough: before.perSecond * FLOOR,
    atMostMs: stage.alone || isLong ? BACK_WITHIN_MS : BACK_BESIDE_OTHERS_MS,
  });
  const heldAfter = holdings(stage);
  mark('measured after');
  const books = await readBooks(url);
  await readAgain(url, ledger);
  mark('books read');
  const ends = await stage.stop();
  mark('stopped');
  for (const [name, how] of ends)
    if (how !== 0) ledger.violation('crash', `${name} was told to end and ended with ${how}`);
  const left = await orphans(stage, LEFT_MS);
  for (const one of left) ledger.violation('I10', `orphan: ${one}`);
  for (const one of grown(held, heldAfter)) ledger.violation('I10', one);
  for (const one of notBack(before.perSecond, after.perSecond)) ledger.violation('I10', one);
  const evidence = { ledger, reported: reports.read(), books, apart: before.tasks + after.tasks };
  const recoveries = scene.recoveries.map((one) => ({
    ...one,
    clean: isClean(one, ledger),
    history: one.ms > LONG_RECOVERY_MS ? history(one.last, evidence) : [],
  }));
  for (const one of neverRecovered(recoveries)) ledger.violation('recovery', one);
  const violations = check(evidence);
  const counts = tally(evidence, violations);
  const seconds = (now() - begun) / 1000;
  violations.push(...tooFew(counts, loadedMs));
  const faults = countBy(ledger.faults.map(({ fault }) => fault));
  const absent = skipped(stage);
  return {
    variant: `${stage.variant.store} ${stage.variant.mode}`,
    seconds,
    tally: counts,
    faults,
    skipped: absent,
    neverStruck: neverStruck(stage, faults, absent),
    drawn,
    timeline: [
      ...marks.map(([what, at]): [number, string] => [at, what]),
      ...ledger.faults.map(({ fault, target, from, to }): [number, string] => [
        from,
        `${fault}: ${target}, for ${Math.round(to - from)} ms`,
      ]),
    ]
      .sort(([a], [b]) => a - b)
      .map(([at, what]) => `${((at - begun) / 1000).toFixed(1)} ${what}`),
    watched,
    skews: Object.fromEntries(stage.skews),
    recoveries,
    throughput: { before: before.perSecond, after: after.perSecond },
    holdings: { before: Object.fromEntries(held), after: Object.fromEntries(heldAfter) },
    orphans: left,
    calls: countBy([...ledger.entries.values()].map(({ call }) => call)),
    violations: violations.map((one) => ({ ...one, history: history(one.label, evidence) })),
    logs: Object.fromEntries(stage.parts.map((one) => [one.name, one.output()])),
  };
}

/** Injects what the deck gives until it is time; resolves when every fault is taken back. */
async function faultsUntil(scene: Scene, dice: Dice, until: number): Promise<string[]> {
  const drawn: string[] = [];
  const under = new Set<Promise<void>>();
  for (const { fault, dice: own, restMs, quiet, alone } of draw(scene.stage, dice)) {
    await sleep(restMs);
    if (quiet) {
      await Promise.all(under);
      await sleep(Math.max(0, Math.min(quietAfter(scene.ledger), until) - now()));
    }
    if (now() > until) break;
    drawn.push(fault.name);
    const done = fault.run(scene, own).finally(() => under.delete(done));
    under.add(done);
    if (alone) await Promise.all(under);
  }
  await Promise.all(under);
  return drawn;
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words.toSorted()) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
