// `mpcsfaas call NAME ARGS…`: runs a function and prints its value.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { MAX_WAIT_MS } from '@mpcsfaas/contract/words';
import type { Problem, Task, TaskError } from '@mpcsfaas/contract';
import { Api, Refused, Unreachable, type ApiOptions } from '../api.ts';
import { parseExact } from '../exact-json.ts';
import { withExamples } from '../help.ts';
import { withOptions } from '../options.ts';
import { SHORT_MS, isAway, patiently } from '../patience.ts';
import { interruption, leaveQuietly } from '../process.ts';
import { printJson, printValue } from '../print.ts';
import { UserError } from '../user-error.ts';
import { duration, named } from '../units.ts';
import { visible } from '../visible.ts';

interface CallOptions extends ApiOptions {
  json: boolean;
  kw?: string[];
  wait: number;
  traceback: boolean;
}

/** How long whoever is interrupted waits for the id of what it began, ms. */
const LAST_WORDS_MS = 1_000;

/** How long somebody who could run it may take to come before it is told that nobody can, ms. */
const NOTICE_MS = 1_000;

/** How a call went. */
type End = { is: 'value'; value: unknown } | { is: 'failed'; error: TaskError } | { is: 'open'; status: string };

export function callCommand(parent: Command): void {
  const command = parent
    .command('call')
    .description('call a function and print its value')
    .argument('<name>', "the function's name, name@version or id", named('a name, name@version or id'))
    .argument('[args...]', 'arguments: JSON where it is JSON, else text')
    .option('--kw <name=value>', 'keyword argument; repeatable', (value: string, before: string[] | undefined) => [
      ...(before ?? []),
      value,
    ])
    .addOption(
      new Option('--wait <time>', 'how long to wait for the value, such as 90s or 10m')
        .argParser(duration)
        .default(60_000, '60s'),
    )
    .addOption(new Option('--traceback', "after the sentence of a failure, the function's traceback").default(false));
  withExamples(
    withOptions(command, 'client').action(call),
    'mpcsfaas call add 1 2',
    `mpcsfaas call greet Ada '{"loud": true}' --kw times=3`,
    'mpcsfaas call add@2 -1 2 --wait 10m     # an older version; a longer wait',
  );
}

async function call(name: string, args: string[], options: CallOptions): Promise<void> {
  const kwargs = Object.fromEntries((options.kw ?? []).map(keyword));
  const api = new Api(options);
  const body = { args: args.map(value), kwargs };
  const until = performance.now() + options.wait;
  const { first: signal, cut } = interruption();
  const interrupted = signal.then(() => 'interrupted' as const);
  cut.addEventListener('abort', () => leaveQuietly(130));
  // Begun without a wait: the task's id is here before anything can happen to the service.
  const begun = await Promise.race([begin(api, name, body, cut), interrupted.then(() => pause(LAST_WORDS_MS))]);
  if (begun === undefined)
    throw new UserError(
      'Interrupted before the service answered; the call may go on all the same: `mpcsfaas task ls` tells.',
      130,
    );
  const { id } = begun;
  let { end, why } = begun;
  const tellWhy = (): void => {
    if (why !== '') process.stderr.write(`mpcsfaas: ${visible(why)}\n`);
    why = '';
  };
  while (end.is === 'open' && performance.now() < until) {
    const next = await Promise.race([
      interrupted,
      waitOn(api, id, waitMs(until, why === '' ? MAX_WAIT_MS : NOTICE_MS)),
    ]);
    if (next === 'interrupted') {
      if (options.json) printJson({ task_id: id, status: end.status });
      throw new UserError(
        `Interrupted; the call goes on as task ${id}: \`mpcsfaas task show ${id}\` tells, \`mpcsfaas task cancel ${id}\` ends it.`,
        130,
      );
    }
    end = next;
    if (end.is === 'open') tellWhy();
  }
  switch (end.is) {
    case 'value':
      if (options.json) printJson({ task_id: id, value: end.value });
      else printValue(end.value);
      return;
    case 'failed':
      if (options.json) printJson({ task_id: id, error: end.error });
      throw new UserError(failure(id, end.error, options.traceback && !options.json));
    case 'open':
      tellWhy();
      if (options.json) printJson({ task_id: id, status: end.status });
      throw new UserError(
        `The call has not ended yet; it goes on as task ${id}: \`mpcsfaas task show ${id}\` tells.`,
        3,
      );
  }
}

interface Begun {
  id: string;
  end: End;
  /** Where nobody is there who could run it, a sentence; else ''. */
  why: string;
}

/** Under a key, so that it may be repeated: a connection that breaks does not tell whether the call is queued. @throws UserError */
async function begin(api: Api, name: string, body: object, cut: AbortSignal): Promise<Begun> {
  const path = `/v1/call/${encodeURIComponent(name)}`;
  const text = JSON.stringify({ ...body, options: { result_as: 'json' } });
  const key = randomUUID();
  let isInDoubt = false;
  const ask = async (): Promise<Begun | Refused> => {
    try {
      const answer = await api.postText(path, text, { wait_ms: 0 }, key);
      const id = String(answer.headers['x-task-id'] ?? '');
      if (id === '') throw api.notOurs(answer);
      return { id, end: answer.status === 202 ? open(answer.body) : { is: 'value', value: answer.body }, why: '' };
    } catch (error) {
      isInDoubt ||= error instanceof Unreachable && error.mayBeDone;
      if (!(error instanceof Refused)) throw error;
      const begun = begunAllTheSame(error);
      if (begun === undefined && isAway(error)) throw error;
      // Where the queue is full, it is for who calls to say how long they would wait.
      return begun ?? error;
    }
  };
  const begun = await patiently(ask, SHORT_MS, cut).catch((error: unknown) => {
    if (!isInDoubt || !(error instanceof UserError) || (error instanceof Unreachable && error.mayBeDone)) throw error;
    throw new UserError(`${error.message} The call may be queued all the same: \`mpcsfaas task ls\` tells.`);
  });
  if (begun instanceof Refused) throw begun;
  return begun;
}

/** A refusal that names a task is about its end, or about who could run it. */
function begunAllTheSame({ answer, message }: Refused): Begun | undefined {
  const { code, task_id: id, task_status: status, task_error: error } = (answer.body ?? {}) as Partial<Problem>;
  if (id === undefined) return undefined;
  if (error !== undefined) return { id, end: { is: 'failed', error }, why: '' };
  if (code !== 'no_worker') return undefined;
  return { id, end: { is: 'open', status: status ?? 'QUEUED' }, why: message };
}

/** One more long wait: the service itself waits for a minute at most. */
async function waitOn(api: Api, id: string, wait: number): Promise<End> {
  const { status, body } = await api.get(`/v1/tasks/${id}/result`, { wait_ms: wait }).catch((error: unknown) => {
    const away = error instanceof Unreachable || (error instanceof Refused && error.answer.status === 503);
    if (!away) throw error;
    throw new UserError(
      `The service went away while task ${id} was waited for; its end is kept: \`mpcsfaas task show ${id}\` tells when the service is back.`,
      3,
    );
  });
  if (status === 202) return open(body);
  const { error, value: result } = body as Pick<Task, 'error'> & { value?: unknown };
  return error === null ? { is: 'value', value: result } : { is: 'failed', error };
}

/** 202 comes with the task. */
function open(body: unknown): End {
  return { is: 'open', status: (body as Pick<Task, 'status'>).status };
}

function waitMs(until: number, most: number): number {
  return Math.max(0, Math.min(most, Math.round(until - performance.now())));
}

/** What happened, in one line; then the remote traceback, where it is wanted. */
function failure(id: string, { kind, type, message, traceback }: TaskError, whole: boolean): string {
  const what = [type, message].filter((part) => part !== '').join(': ');
  const sentence = `The call failed, ${kind}: ${what.replaceAll(/\s*\n\s*/g, ' ')} (task ${id})`;
  return whole && traceback.trim() !== '' ? `${sentence}\n\n${traceback.trimEnd()}` : sentence;
}

/** `name=value`. */
function keyword(pair: string): [string, unknown] {
  const at = pair.indexOf('=');
  if (at < 1) throw new UserError(`--kw takes name=value, not ${JSON.stringify(pair)}.`, 2);
  return [pair.slice(0, at), value(pair.slice(at + 1))];
}

/** `1` is a number, `'{"a": 2}'` an object, `hello` a text. */
function value(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}
