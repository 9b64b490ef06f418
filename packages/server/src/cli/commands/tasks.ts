// `mpcsfaas task ls | show | result | logs | cancel | retry`.
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Task } from '@mpcsfaas/contract';
import { TASK_STATES } from '@mpcsfaas/contract/words';
import { logsCommand } from './task-logs.ts';
import { resultCommand } from './task-result.ts';
import { Api, MOST_LISTED, type ApiOptions } from '../api.ts';
import { withExamples } from '../help.ts';
import { withOptions } from '../options.ts';
import { printJson, printLine, printMore, printTable } from '../print.ts';
import { GROUPED_COLUMNS, TASK_COLUMNS, groupedRow, taskRow } from '../task-row.ts';
import { moment, named, whole } from '../units.ts';
import { UserError } from '../user-error.ts';

interface ClientOptions extends ApiOptions {
  json: boolean;
}

const ID = named("the task's id, from `task ls`");
const ids = (id: string, before: string[] | undefined): string[] => [...(before ?? []), ID(id)];

export function taskCommands(parent: Command): void {
  const task = parent.command('task').description('list, look at, cancel and repeat tasks');
  const ls = withOptions(
    task
      .command('ls')
      .description('list tasks, newest first')
      .addOption(statusOption())
      .option('--function <ref>', 'of this function only')
      .option('--group <group>', 'of this group only')
      .option('--tag <tag>', 'with this tag only')
      .option('--since <time>', 'submitted then or later, such as 2030-12-31T23:59:59Z', moment)
      .option('--until <time>', 'submitted before then', moment)
      .option('--limit <n>', 'at most so many', whole(1, MOST_LISTED), 50),
    'client',
  ).action(list);
  withExamples(
    ls,
    'mpcsfaas task ls --status failed --limit 10',
    'mpcsfaas task ls --function add --json',
    'mpcsfaas task ls --since "$(date -u +%FT00:00:00Z)"     # those of today',
  );
  withOptions(task.command('show').description('show one task').argument('<id>', "the task's id", ID), 'client').action(
    show,
  );
  resultCommand(task, ID);
  logsCommand(task, ID);
  withOptions(
    task.command('cancel').description('cancel tasks that have not ended').argument('<ids...>', "the tasks' ids", ids),
    'client',
  ).action((given: string[], options: ClientOptions) => each(given, options, 'cancel'));
  withOptions(
    task.command('retry').description('run ended tasks again, as new ones').argument('<ids...>', "the tasks' ids", ids),
    'client',
  ).action((given: string[], options: ClientOptions) => each(given, options, 'retry'));
}

interface ListOptions extends ClientOptions {
  status?: string;
  function?: string;
  group?: string;
  tag?: string;
  since?: string;
  until?: string;
  limit: number;
}

/** Its words are told to who asks for help or completion; it takes several, too. */
function statusOption(): Option {
  const option = new Option('--status <statuses>', 'in these states only, with commas between');
  option.argChoices = [...TASK_STATES];
  return option.argParser(taskStates);
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
  const { status, group, tag, since, until, limit } = options;
  const query = { status, function: options.function, group, tag, since, until };
  const listed = await new Api(options).list('/v1/tasks', query, limit);
  if (options.json) return printJson(listed);
  const tasks = listed.items as Task[];
  if (tasks.some((task) => task.options.group !== '')) printTable(GROUPED_COLUMNS, tasks.map(groupedRow));
  else printTable(TASK_COLUMNS, tasks.map(taskRow));
  printMore(listed);
}

async function show(id: string, options: ClientOptions): Promise<void> {
  const api = new Api(options);
  printJson(api.bodyOf<Task>(await api.get(`/v1/tasks/${encodeURIComponent(id)}`), 'task_id'));
}

/** What is done to each by itself; the faults of all are told at the end. */
async function each(given: string[], options: ClientOptions, act: 'cancel' | 'retry'): Promise<void> {
  const api = new Api(options);
  const faults: string[] = [];
  const done: unknown[] = [];
  for (const id of given) {
    try {
      const answer = await api.post(`/v1/tasks/${encodeURIComponent(id)}/${act}`, {});
      const task = api.bodyOf<Task>(answer, 'task_id');
      done.push(task);
      if (!options.json) printLine(act === 'cancel' ? `${id} canceled` : `${id} runs again as ${task.task_id}`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      faults.push(`${id}: ${error.message}`);
    }
  }
  if (options.json) printJson(done);
  if (faults.length > 0) throw new UserError(faults.join('\nmpcsfaas: '));
}
