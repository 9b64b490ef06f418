// `mpcsfaas call NAME ARGS…`: runs a function and prints its value.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { MAX_KEY_CHARS } from '@mpcsfaas/contract/words';
import { Api, Refused, Unreachable, type ApiOptions } from '../api.ts';
import { parseExact } from '../exact-json.ts';
import { withExamples } from '../help.ts';
import { NOTICE_MS, nobodyFor } from '../nobody.ts';
import { withOptions } from '../options.ts';
import { SHORT_MS, isAway, patiently } from '../patience.ts';
import { interruption, leaveQuietly } from '../process.ts';
import { printJson } from '../print.ts';
import { conclude, endIn, lookAgain, open, type End } from '../task-end.ts';
import { taskOptionsOf, withTaskOptions, type TaskFlags } from '../task-options.ts';
import { UserError } from '../user-error.ts';
import { duration, named } from '../units.ts';
import { visible } from '../visible.ts';

interface CallOptions extends ApiOptions, TaskFlags {
  json: boolean;
  kw?: string[];
  wait: number;
  traceback: boolean;
  idempotencyKey?: string;
}

/** How long whoever is interrupted waits for the id of what it began, ms. */
const LAST_WORDS_MS = 1_000;

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
    .addOption(new Option('--traceback', "after the sentence of a failure, the function's traceback").default(false))
    .addOption(
      new Option('--idempotency-key <key>', 'the same call under the same key again is the same task')
        .argParser(headerText)
        .default(undefined, 'a new one'),
    );
  withExamples(
    withOptions(withTaskOptions(command, 'task'), 'client').action(call),
    'mpcsfaas call add 1 2',
    `mpcsfaas call greet Ada '{"loud": true}' --kw times=3`,
    'mpcsfaas call add@2 -1 2 --wait 10m     # an older version; a longer wait',
    'mpcsfaas call fetch https://a.example --timeout 30s --retries 3 --retry-on OSError',
    'mpcsfaas call report --delay 1h --tag nightly --wait 0',
  );
}

async function call(name: string, args: string[], options: CallOptions): Promise<void> {
  const kwargs = Object.fromEntries((options.kw ?? []).map(keyword));
  demandSameCall(options);
  const api = new Api(options);
  const body = { args: args.map(value), kwargs, options: taskOptionsOf(options) };
  const { wait, delay = 0, idempotencyKey: key = randomUUID() } = options;
  // Where it may start only after the wait, no value can come meanwhile.
  const until = performance.now() + (delay < wait ? wait : 0);
  const noticeAt = performance.now() + delay + NOTICE_MS;
  const { first: signal, cut } = interruption();
  const interrupted = signal.then(() => 'interrupted' as const);
  cut.addEventListener('abort', () => leaveQuietly(130));
  // Begun without a wait: the task's id is here before anything can happen to the service.
  const begun = await Promise.race([begin(api, name, body, key, cut), interrupted.then(() => pause(LAST_WORDS_MS))]);
  if (begun === undefined)
    throw new UserError(
      'Interrupted before the service answered; the call may go on all the same: `mpcsfaas task ls` tells.',
      130,
    );
  const { id } = begun;
  let { end } = begun;
  let isTold = false;
  const tellNobody = (): void => {
    const why = end.is === 'open' && !isTold ? nobodyFor(end.waits) : '';
    if (why === '') return;
    process.stderr.write(`mpcsfaas: ${visible(why)}\n`);
    isTold = true;
  };
  while (end.is === 'open' && performance.now() < until) {
    const lookUntil = performance.now() < noticeAt ? Math.min(noticeAt, until) : until;
    const next = await Promise.race([interrupted, lookAgain(api, id, lookUntil)]);
    if (next === 'interrupted') {
      if (options.json) printJson({ task_id: id, status: end.status });
      throw new UserError(
        `Interrupted; the call goes on as task ${id}: \`mpcsfaas task result ${id}\` waits for it, \`mpcsfaas task cancel ${id}\` ends it.`,
        130,
      );
    }
    end = next;
    if (performance.now() >= noticeAt) tellNobody();
  }
  tellNobody();
  conclude(
    id,
    end,
    options,
    `The call has not ended yet; it goes on as task ${id}: \`mpcsfaas task result ${id}\` waits for it.${whenDue(end)}`,
  );
}

/** Of one that may not start yet, as a sentence after another. */
function whenDue(end: End): string {
  return end.is === 'open' && end.waits?.reason === 'delayed' ? ` ${end.waits.detail}` : '';
}

interface Begun {
  id: string;
  end: End;
}

/** Under a key, so that it may be repeated: a connection that breaks does not tell whether the call is queued. @throws UserError */
async function begin(api: Api, name: string, body: object, key: string, cut: AbortSignal): Promise<Begun> {
  const path = `/v1/call/${encodeURIComponent(name)}`;
  const text = JSON.stringify(body);
  let isInDoubt = false;
  const ask = async (): Promise<Begun | Refused> => {
    try {
      const answer = await api.postText(path, text, { wait_ms: 0 }, key);
      const id = String(answer.headers['x-task-id'] ?? '');
      if (id === '') throw api.notOurs(answer);
      return { id, end: answer.status === 202 ? open(answer.body) : { is: 'value', value: answer.body } };
    } catch (error) {
      isInDoubt ||= error instanceof Unreachable && error.mayBeDone;
      if (!(error instanceof Refused)) throw error;
      const begun = endIn(error);
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

/** Times that are counted from now make another call of it each time. @throws UserError */
function demandSameCall({ idempotencyKey, delay, expires }: CallOptions): void {
  if (idempotencyKey === undefined || (delay === undefined && expires === undefined)) return;
  throw new UserError(
    '--idempotency-key goes with neither --delay nor --expires: they count from now, which makes another call of a repeat.',
    2,
  );
}

/** What a header can carry, as it is. @throws InvalidArgumentError */
function headerText(text: string): string {
  if (text.length <= MAX_KEY_CHARS && /^[!-~]([ -~]*[!-~])?$/.test(text)) return text;
  throw new InvalidArgumentError(`Give a key of 1 to ${MAX_KEY_CHARS} ASCII characters.`);
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
