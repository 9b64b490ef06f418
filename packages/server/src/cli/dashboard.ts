// What `top` shows, as lines: a pure function of what the service said now and a moment ago.
import type { AnswerOf, Task } from '@mpcsfaas/contract';
import { painted } from './colour.ts';
import { cutTo } from './columns.ts';
import { WORKER_COLUMNS, workerRow, type Fleet } from './commands/workers.ts';
import { tableLines } from './print.ts';
import { TASK_COLUMNS, taskRow } from './task-row.ts';

export interface Sample {
  at: number;
  stats: AnswerOf<'getStats', 200>;
  fleet: Fleet;
  tasks: readonly Task[];
}

export interface Rates {
  submitted_per_s: number;
  ended_per_s: number;
  failed_per_s: number;
}

/** Per second, between two samples. */
export function ratesOf(before: Sample | undefined, now: Sample): Rates {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000;
  const per = (count: (sample: Sample) => number): number =>
    before === undefined || seconds <= 0 ? 0 : Math.max(0, (count(now) - count(before)) / seconds);
  return {
    submitted_per_s: round(per(({ stats }) => stats.submitted)),
    ended_per_s: round(per(({ stats }) => sum(stats.ended))),
    failed_per_s: round(per(({ stats }) => sum(stats.ended) - (stats.ended['COMPLETED'] ?? 0))),
  };
}

/** Not wider than `columns` and not longer than `rows`: on a terminal a frame must not scroll. */
export function frameOf(sample: Sample, rates: Rates, url: string, { columns, rows, coloured }: Screen): string[] {
  const { stats, fleet, tasks } = sample;
  const bold = (text: string): string => (coloured ? painted(text, 'bold') : text);
  const state = (name: string): number => stats.states[name] ?? 0;
  const waiting = state('QUEUED') + state('DELAYED') + state('BLOCKED');
  const head = [
    `${bold('mpcsfaas')} ${url}  ${new Date(sample.at).toISOString().slice(11, 19)} UTC`,
    `throughput  ${rates.ended_per_s}/s ended, ${rates.submitted_per_s}/s submitted, ${rates.failed_per_s}/s failed`,
    `queue       ${waiting} waiting (${state('DELAYED')} delayed, ${state('BLOCKED')} blocked), ${state('RUNNING')} running${oldest(sample)}`,
    `slots       ${meter(stats.busy, stats.slots)} ${stats.busy} of ${stats.slots} busy on ${stats.workers} ${stats.workers === 1 ? 'worker' : 'workers'}`,
  ];
  const workers = tableLines(WORKER_COLUMNS, fleet.items.map(workerRow), coloured);
  const newest = tableLines(TASK_COLUMNS, tasks.map(taskRow), coloured);
  // Half of what is left for the workers, where there are as many.
  const left = Math.max(4, rows - head.length - 2);
  const workerLines = workers.slice(0, Math.max(2, Math.min(workers.length, Math.floor(left / 2))));
  const lines = [...head, '', ...workerLines, '', ...newest].slice(0, rows);
  return lines.map((line) => cutTo(line, columns));
}

export interface Screen {
  columns: number;
  rows: number;
  coloured: boolean;
}

function oldest({ at, stats }: Sample): string {
  const since = stats.lanes.flatMap(({ oldest_at: one }) => (one === null ? [] : [Date.parse(one)]));
  return since.length === 0 ? '' : `, the oldest for ${Math.max(0, Math.round((at - Math.min(...since)) / 1000))} s`;
}

function meter(part: number, whole: number): string {
  const width = 20;
  const full = whole === 0 ? 0 : Math.min(width, Math.round((part / whole) * width));
  return `[${'#'.repeat(full)}${' '.repeat(width - full)}]`;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}

function round(value: number): number {
  return value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
}
