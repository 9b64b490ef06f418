// What a measure came to, on disk: one JSON a measure with the machine, the time and the command, and its plots.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Measure, Outcome, Plan } from './measure.ts';

export const RESULTS = fileURLToPath(new URL('results', import.meta.url));

export interface Circumstances {
  date: string;
  command: string;
  /** Of the programs; '' where they are no checkout, with a `+` where something was changed. Older results lack it. */
  commit?: string;
  seconds: number;
  runs: number;
  machine: string;
  node: string;
  /** Load average of a minute when the measure began: what others did on the machine. */
  load: number;
}

export interface Result extends Omit<Outcome, 'plots'> {
  id: string;
  title: string;
  /** As Measure.played said. */
  played: string;
  circumstances: Circumstances;
  /** File names beside this one. */
  plots: string[];
}

/** Of the code as it was read: what is changed while the bench runs is not what it measures. */
const COMMIT = commitHere();

export function circumstances({ seconds, runs }: Plan, command: string): Circumstances {
  const all = cpus();
  const machine = `${all.length} × ${all[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
  return {
    date: new Date().toISOString(),
    command,
    commit: COMMIT,
    seconds,
    runs,
    machine,
    node: process.version,
    load: loadavg()[0]!,
  };
}

function commitHere(): string {
  try {
    const git = (...words: string[]): string => execFileSync('git', words, { cwd: RESULTS, encoding: 'utf8' }).trim();
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--', '..', '../../packages', ':(exclude).') === '' ? '' : '+')
    );
  } catch {
    return '';
  }
}

/** Writes a result and its plots; the newest of a measure stands for the last. `folder` is below `RESULTS`. */
export function keep(folder: string, measure: Measure, { plots, ...outcome }: Outcome, when: Circumstances): Result {
  const { id, title } = measure;
  const to = join(RESULTS, folder);
  mkdirSync(to, { recursive: true });
  const result: Result = {
    id,
    title,
    played: measure.played(when),
    circumstances: when,
    ...outcome,
    plots: Object.keys(plots),
  };
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && Number.isFinite(value) ? Number(value.toPrecision(6)) : value;
  writeFileSync(join(to, `${id}.json`), `${JSON.stringify(result, rounded, 1)}\n`);
  for (const [name, svg] of Object.entries(plots)) writeFileSync(join(to, name), svg);
  return result;
}

/** All kept results, T1 first. */
export function newest(): Result[] {
  return readdirSync(RESULTS)
    .filter((name) => /^T\d+\.json$/.test(name))
    .map(
      (name) =>
        JSON.parse(readFileSync(join(RESULTS, name), 'utf8'), (key, value: unknown) =>
          key === 'got' ? (value ?? Number.NaN) : value,
        ) as Result,
    )
    .sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
}
