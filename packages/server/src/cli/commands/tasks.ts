// `mpcsfaas task ls | show | cancel`.
import { InvalidArgumentError, type Command } from 'commander';
import { TASK_STATES } from '@mpcsfaas/contract';
import { Api, MOST_LISTED, type ApiOptions } from '../api.ts';
import { withOptions } from '../options.ts';
import { printJson, printLine, printMore, printTable } from '../print.ts';
import { named, whole } from '../units.ts';
import { UserError } from '../user-error.ts';

interface ClientOptions extends ApiOptions {
  json: boolean;
}

interface TaskBody {
  task_id: string;
  status: string;
  function: { name: string; version: number };
  submitted_at: string;
  worker: string | null;
  attempt: number;
  error: { kind: string; message: string } | null;
  waits: { reason: string; detail: string } | null;
}

const ID = named("the task's id, from `task ls`");

export function taskCommands(parent: Command): void {
  const task = parent.command('task').description('list, look at and cancel tasks');
  withOptions(
    task
      .command('ls')
      .description('list tasks, newest first')
      .option('--status <statuses>', `some of ${TASK_STATES.join(',')}`, taskStates)
      .option('--function <ref>', 'of this function only')
      .option('--group <group>', 'of this group only')
      .option('--tag <tag>', 'with this tag only')
      .option('--limit <n>', 'at most so many', whole(1, MOST_LISTED), 50),
    'client',
  ).action(list);
  withOptions(task.command('show').description('show one task').argument('<id>', "the task's id", ID), 'client').action(
    show,
  );
  withOptions(
    task
      .command('cancel')
      .description('cancel tasks that have not ended')
      .argument('<ids...>', "the tasks' ids", (id: string, before: string[] | undefined) => [
        ...(before ?? []),
        ID(id),
      ]),
    'client',
  ).action(cancel);
}

interface ListOptions extends ClientOptions {
  status?: string;
  function?: string;
  group?: string;
  tag?: string;
  limit: number;
}

/** Small letters will do. @throws InvalidArgumentError */
function taskStates(text: string): string {
  const asked = text.toUpperCase().split(',');
  const states = asked.map((word) => TASK_STATES.find((one) => one === word.trim()));
  if (states.some((state): state is undefined => state === undefined)) {
    throw new InvalidArgumentError(`Give one of ${TASK_STATES.join(', ')}, or several with commas between.`);
  }
  return states.join(',');
}

async function list(options: ListOptions): Promise<void> {
  const { status, group, tag, limit } = options;
  const query = { status, function: options.function, group, tag };
  const listed = await new Api(options).list('/v1/tasks', query, limit);
  if (options.json) return printJson(listed);
  printTable(
    ['TASK', 'STATUS', 'FUNCTION', 'SUBMITTED', 'ATTEMPT', 'NOTE'],
    (listed.items as TaskBody[]).map((task) => [
      task.task_id,
      task.status,
      task.function.version === 0 ? task.function.name : `${task.function.name}@${task.function.version}`,
      task.submitted_at,
      String(task.attempt),
      note(task),
    ]),
  );
  printMore(listed);
}

function note(task: TaskBody): string {
  if (task.error !== null) return `${task.error.kind}: ${task.error.message.split('\n')[0] ?? ''}`.slice(0, 80);
  return task.waits?.detail ?? '';
}

async function show(id: string, options: ClientOptions): Promise<void> {
  printJson((await new Api(options).get(`/v1/tasks/${encodeURIComponent(id)}`)).body);
}

async function cancel(ids: string[], options: ClientOptions): Promise<void> {
  const api = new Api(options);
  const faults: string[] = [];
  const done: unknown[] = [];
  for (const id of ids) {
    try {
      done.push((await api.post(`/v1/tasks/${encodeURIComponent(id)}/cancel`, {})).body);
      if (!options.json) printLine(`${id} canceled`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      faults.push(`${id}: ${error.message}`);
    }
  }
  if (options.json) printJson(done);
  if (faults.length > 0) throw new UserError(faults.join('\n'));
}
