// `mpcsfaas workers`: who runs functions.
import type { Command } from 'commander';
import type { AnswerOf } from '@mpcsfaas/contract';
import { Api, type ApiOptions } from '../api.ts';
import { withOptions } from '../options.ts';
import { printJson, printTable } from '../print.ts';

export type Fleet = AnswerOf<'listWorkers', 200>;

export function workersCommand(parent: Command): void {
  withOptions(parent.command('workers').description('list the workers'), 'client').action(list);
}

async function list(options: ApiOptions & { json: boolean }): Promise<void> {
  const fleet = await new Api(options).page<Fleet>('/v1/workers');
  if (options.json) return printJson(fleet);
  printTable(WORKER_COLUMNS, fleet.items.map(workerRow));
}

export const WORKER_COLUMNS = [
  'WORKER',
  'MODE',
  'HOST',
  'PID',
  'STATE',
  'SLOTS',
  'BUSY',
  'WAITING',
  'RUNTIMES',
  'LABELS',
];

export function workerRow(worker: Fleet['items'][number]): string[] {
  const runtimes = worker.runtimes.map(
    ({ runtime, version, broken }) => `${runtime} ${broken === null ? version : '(broken)'}`,
  );
  return [
    ...[worker.worker_id, worker.mode, worker.host, String(worker.pid), worker.state],
    ...[worker.slots, worker.busy, worker.waiting].map(String),
    ...[runtimes.join(', '), worker.labels.join(', ')],
  ];
}
