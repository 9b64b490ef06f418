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

function note({ error, waits }: Task): string {
  if (error !== null) return cutTo(`${error.kind}: ${error.message.split('\n')[0] ?? ''}`, 80);
  return waits?.detail ?? '';
}
