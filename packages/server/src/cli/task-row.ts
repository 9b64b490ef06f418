// A task as a line of a table.
import type { Task } from '@mpcsfaas/contract';
import { cutTo } from './columns.ts';

export const TASK_COLUMNS = ['TASK', 'STATUS', 'FUNCTION', 'SUBMITTED', 'ATTEMPT', 'NOTE'];

export function taskRow(task: Task): string[] {
  const { name, version } = task.function;
  return [
    ...[task.task_id, task.status, version === 0 ? name : `${name}@${version}`],
    ...[task.submitted_at, String(task.attempt), note(task)],
  ];
}

/** Where some have a group. */
export const GROUPED_COLUMNS = [...TASK_COLUMNS.slice(0, -1), 'GROUP', ...TASK_COLUMNS.slice(-1)];

export function groupedRow(task: Task): string[] {
  const row = taskRow(task);
  return [...row.slice(0, -1), task.options.group, ...row.slice(-1)];
}

function note({ error, waits }: Task): string {
  if (error !== null) return cutTo(`${error.kind}: ${error.message.split('\n')[0] ?? ''}`, 80);
  return waits?.detail ?? '';
}
