// The options of a task at the shell: `call` and `map` take them for their tasks, `fn register` as a function's defaults.
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { FunctionOptions, TaskOptions } from '@mpcsfaas/contract';
import {
  ISOLATIONS,
  MAX_LABELS,
  MAX_MEMORY_BYTES,
  MAX_OPTION_MS,
  MAX_PRIORITY,
  MAX_RETRIES,
  MAX_RETRY_TYPES,
  MAX_TAGS,
  MAX_TASK_ATTEMPTS,
  MAX_TYPE_CHARS,
  MAX_WORD_CHARS,
  MIN_RESULT_TTL_MS,
  type Isolation,
} from '@mpcsfaas/contract/words';
import { collect, durationFrom, sizeUpTo, whole } from './units.ts';
import { UserError } from './user-error.ts';

/** What was said of them on the line; undefined: nothing. Times in ms. */
export interface FunctionFlags {
  priority?: number;
  timeout?: number;
  memory?: number;
  maxAttempts?: number;
  atMostOnce?: boolean;
  retries?: number;
  retryBackoff?: number;
  retryOn?: string[];
  resultTtl?: number;
  tag?: string[];
  label?: string[];
  isolation?: Isolation;
}

export interface TaskFlags extends FunctionFlags {
  delay?: number;
  expires?: number;
  group?: string;
}

const time = durationFrom(0, MAX_OPTION_MS);

/** What a function may fix for its calls; its default is what holds where neither says it. */
const fixed = (): Option[] => [
  option('--priority <n>', 'higher goes first, -100 to 100', '0').argParser(whole(-MAX_PRIORITY, MAX_PRIORITY)),
  option('--timeout <time>', 'time limit of an attempt; 0 = none', "the service's").argParser(time),
  option('--memory <size>', 'most memory of a call, beyond that of its process before; 0 = no limit', '0').argParser(
    sizeUpTo(MAX_MEMORY_BYTES),
  ),
  option('--isolation <kind>', 'warm: processes are kept; task: one for each call', 'warm').choices(ISOLATIONS),
  option('--label <label>', 'a label that its worker must have: key=value, or key; repeatable', 'none').argParser(
    several('a label', MAX_LABELS, MAX_WORD_CHARS),
  ),
  option('--tag <tag>', 'a tag, by which `task ls --tag` finds it; repeatable', 'none').argParser(
    several('a tag', MAX_TAGS, MAX_WORD_CHARS),
  ),
  option('--result-ttl <time>', 'how long its end is kept', "the service's").argParser(
    durationFrom(MIN_RESULT_TTL_MS, MAX_OPTION_MS),
  ),
  option('--max-attempts <n>', 'how often its runner or worker may be lost', '3').argParser(
    whole(1, MAX_TASK_ATTEMPTS),
  ),
  option('--at-most-once', 'never start it twice: a loss ends it, no retry', 'off'),
  option('--retries <n>', 'how often to run it again where the function raises', '0').argParser(whole(0, MAX_RETRIES)),
];

/** Parts of what --retries says: where a call says that, they are never the function's. */
const ofRetries = (): Option[] => [
  option('--retry-backoff <time>', 'with --retries: the first wait; those after it grow', '1s').argParser(time),
  option(
    '--retry-on <type>',
    'with --retries: after this type of exception alone, bases count; repeatable',
    'all',
  ).argParser(several('the name of an exception type', MAX_RETRY_TYPES, MAX_TYPE_CHARS)),
];

const ofTasksAlone = (): Option[] => [
  option('--no-at-most-once', 'start it again after a loss, whatever its function says', 'off'),
  option('--delay <time>', 'start it no sooner than so long from now', 'none').argParser(time),
  option('--expires <time>', 'end it where it has not started so long from now', 'none').argParser(
    durationFrom(1, MAX_OPTION_MS),
  ),
  option('--group <group>', 'its group, by which `task ls --group` finds it', 'none').argParser(
    atMost(MAX_WORD_CHARS, 'a group'),
  ),
];

/**
 * Each is said on the line alone: in the environment and the config file --label and --result-ttl are a worker's and the
 * service's.
 */
function option(flags: string, means: string, otherwise: string): Option {
  return new Option(flags, means).default(undefined, otherwise);
}

/** For a command that submits tasks, or registers a function. What does not go together is refused before it begins. */
export function withTaskOptions(command: Command, whose: 'task' | 'function'): Command {
  const ofFunction = fixed();
  if (whose === 'task')
    for (const one of ofFunction) one.default(undefined, `the function's, else ${one.defaultValueDescription}`);
  const heading = whose === 'task' ? 'How it runs:' : 'How its calls run where they do not say it:';
  for (const one of [...ofFunction, ...ofRetries(), ...(whose === 'task' ? ofTasksAlone() : [])])
    command.addOption(one.helpGroup(heading));
  return command.hook('preAction', (_parent, called) => demandTogether(called.opts<TaskFlags>()));
}

/** Fields that are undefined do not travel. */
type Told<T> = { [Name in keyof T]?: T[Name] | undefined };

/** What a function fixes for its tasks, as the API takes it. */
export function functionOptionsOf(flags: FunctionFlags): Told<FunctionOptions> {
  return {
    priority: flags.priority,
    timeout_ms: flags.timeout,
    memory_bytes: flags.memory,
    max_attempts: flags.maxAttempts,
    at_most_once: flags.atMostOnce,
    retry: retryOf(flags),
    result_ttl_ms: flags.resultTtl,
    tags: flags.tag,
    labels: flags.label,
    isolation: flags.isolation,
  };
}

/** Of a task that is submitted now; its value is to be printed. */
export function taskOptionsOf(flags: TaskFlags): Told<TaskOptions> {
  return {
    ...functionOptionsOf(flags),
    not_before: fromNow(flags.delay),
    expires_at: fromNow(flags.expires),
    group: flags.group,
    result_as: 'json',
  };
}

function retryOf({ retries, retryBackoff, retryOn }: FunctionFlags): Told<FunctionOptions>['retry'] {
  if (retries === undefined) return undefined;
  return {
    max_retries: retries,
    ...(retryBackoff !== undefined && { backoff_ms: retryBackoff }),
    ...(retryOn !== undefined && { on: retryOn }),
  };
}

function fromNow(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(Date.now() + ms).toISOString();
}

/** @throws UserError */
function demandTogether({
  retries,
  retryBackoff,
  retryOn,
  atMostOnce,
  delay = 0,
  expires = Infinity,
}: TaskFlags): void {
  const fault = (sentence: string): UserError => new UserError(sentence, 2);
  const lone = retryBackoff !== undefined ? '--retry-backoff' : retryOn !== undefined ? '--retry-on' : '';
  if (retries === undefined && lone !== '') throw fault(`${lone} is for retries: say how many with --retries.`);
  if (atMostOnce === true && (retries ?? 0) > 0)
    throw fault('--at-most-once and --retries exclude each other: a retry is a second start.');
  if (expires <= delay)
    throw fault('--expires must be more than --delay: it would end before the moment at which it may start.');
}

/** Values of a repeatable option, also with commas between, as a worker takes its labels. */
function several(what: string, most: number, longest: number): (text: string, before?: string[]) => string[] {
  const gather = collect(',', atMost(longest, what));
  return (text, before) => {
    const all = gather(text, before);
    if (all.length === (before?.length ?? 0)) throw new InvalidArgumentError(`Give ${what}.`);
    if (all.length > most) throw new InvalidArgumentError(`Give it ${most} times at most.`);
    return all;
  };
}

function atMost(characters: number, what: string): (text: string) => string {
  return (text) => {
    if (text !== '' && Array.from(text).length <= characters) return text;
    throw new InvalidArgumentError(`Give ${what} of 1 to ${characters} characters.`);
  };
}
