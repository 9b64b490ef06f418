// The report of a run, for people in Markdown and for programs in JSON.
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { root } from '../harness/program.ts';
import type { Holding } from './orphans.ts';
import { ms, recovered, type Times } from './times.ts';
import type { Outcome } from './variant.ts';
import { LONG_MINUTES, tooLittle, tooSlow, type Run } from './wanted.ts';

export interface Report {
  seed: string;
  /** Of the programs; '' where they are no checkout. */
  commit: string;
  minutes: number;
  machine: string;
  at: string;
  passed: boolean;
  outcomes: Outcome[];
  totals: {
    tasks: number;
    kills: number;
    faults: number;
    lost: number;
    wrong: number;
    secondEnds: number;
    duplicates: number;
    starts: number;
    orphans: number;
  };
  recovery: Record<string, Times>;
  /** Recoveries that take longer than is wanted. */
  slow: string[];
  /** What a run of this length should have tried and did not. */
  lacking: string[];
}

/** What is wanted of throughput after the faults on a machine that nobody else uses. */
const BACK_PERCENT = 95;

export function makeReport(run: Run, outcomes: Outcome[]): Report {
  const { seed, minutes } = run;
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
  const counts = (pattern: RegExp) => (outcome: Outcome) =>
    Object.entries(outcome.faults).reduce((total, [name, count]) => total + (pattern.test(name) ? count : 0), 0);
  const recovery = recovered(outcomes);
  const slow = tooSlow(recovery, minutes);
  const tasks = sum(({ tally }) => tally.acknowledged);
  const kills = sum(counts(/ kill /));
  const lacking = tooLittle(run, outcomes, { kills, tasks });
  return {
    ...{ seed, minutes, outcomes, recovery, slow, lacking },
    commit: commit(),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}`,
    at: new Date().toISOString(),
    passed: slow.length + lacking.length === 0 && outcomes.every(({ violations }) => violations.length === 0),
    totals: {
      tasks,
      kills,
      faults: sum(counts(/./)),
      lost: sum(({ tally }) => tally.lost),
      wrong: sum(({ tally }) => tally.wrong),
      secondEnds: sum(({ tally }) => tally.secondEnds),
      duplicates: sum(({ tally }) => tally.duplicates),
      starts: sum(({ tally }) => tally.starts),
      orphans: sum(({ orphans }) => orphans.length),
    },
  };
}

function held({ before, after }: Outcome['holdings']): string {
  const mebibytes = ({ memoryBytes }: Holding): number => Math.round(memoryBytes / 2 ** 20);
  const parts = Object.entries(after).map(([name, then]) => {
    const first = before[name];
    if (first === undefined) return `${name} ${mebibytes(then)}, ${then.descriptors}`;
    return `${name} ${mebibytes(first)} → ${mebibytes(then)}, ${first.descriptors} → ${then.descriptors}`;
  });
  return parts.join('; ');
}

function commit(): string {
  try {
    const git = (...words: string[]): string => execFileSync('git', words, { cwd: root, encoding: 'utf8' }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ', changed');
  } catch {
    return '';
  }
}

export function asMarkdown(report: Report): string {
  const { totals, recovery, outcomes, slow, lacking } = report;
  const rate = totals.starts === 0 ? 0 : (100 * totals.duplicates) / totals.starts;
  const lines = [
    `# Chaos: ${report.passed ? 'passed' : 'FAILED'}`,
    '',
    `Seed ${report.seed}, ${report.minutes} minutes, ${report.at}, on ${report.machine}${report.commit === '' ? '' : `, commit ${report.commit}`}.`,
    '',
    '| | |',
    '| --- | --- |',
    `| tasks acknowledged | ${totals.tasks} |`,
    `| faults, of them kills | ${totals.faults}, ${totals.kills} |`,
    `| lost | ${totals.lost} |`,
    `| wrong results | ${totals.wrong} |`,
    `| second accepted ends | ${totals.secondEnds} |`,
    `| orphans | ${totals.orphans} |`,
    `| starts beyond the first | ${totals.duplicates} of ${totals.starts} (${rate.toFixed(2)} %) |`,
    '',
    'Recovery, of all kills and of those that no other fault overlapped:',
    '',
    '| killed | all | given up | p50 | p99 | alone | p50 | p99 | target |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...Object.entries(recovery).map(
      ([kind, { all, givenUp, alone, target }]) =>
        `| ${kind} | ${all.count} | ${givenUp} | ${ms(all.p50)} | ${ms(all.p99)} | ${alone.count} | ${ms(alone.p50)} | ${ms(alone.p99)} | ` +
        `${target === undefined ? '–' : `≤ ${target} ms`} |`,
    ),
    ...slow.flatMap((sentence) => ['', `**Too slow**: ${sentence}`]),
    ...lacking.flatMap((sentence) => ['', `**Too little**: ${sentence}`]),
  ];
  for (const outcome of outcomes) {
    const { variant, seconds, tally, throughput, faults, skipped, neverStruck, violations, holdings } = outcome;
    const back = Math.floor((100 * throughput.after) / throughput.before);
    const word = back >= BACK_PERCENT ? `back to ${BACK_PERCENT} %` : `**not back to ${BACK_PERCENT} %**`;
    lines.push(
      ...['', `## ${variant}`, ''],
      `${Math.round(seconds)} s; ${tally.acknowledged} tasks acknowledged of ${tally.submitted}, ${tally.succeeded} ended as asked for; ` +
        `throughput ${Math.round(throughput.before)}/s before, ${Math.round(throughput.after)}/s after (${back} %)${report.minutes < LONG_MINUTES ? '' : `, ${word}`}.`,
      '',
      `Memory in MiB and descriptors, before → after: ${held(holdings)}.`,
      '',
      ...Object.entries(faults).map(([name, count]) => `- ${name}: ${count}`),
      ...neverStruck.map((name) => `- ${name}: 0`),
      ...Object.entries(skipped).map(([name, reason]) => `- ${name}: skipped, ${reason}`),
    );
    if (violations.length > 0) lines.push('', `### ${violations.length} violations`);
    for (const { invariant, what, label, history } of violations.slice(0, 50)) {
      lines.push('', `**${invariant}**${label === undefined ? '' : ` (label ${label})`}: ${what}`);
      if (history.length > 0) lines.push('', ...history.map((line) => `    ${line}`));
    }
  }
  return `${lines.join('\n')}\n`;
}
