// Many calls of one function, each from a line: submitted as they come, in batches, their ends in the order of the lines.
// What is held is bounded by WINDOW lines, however many come, and before they are submitted by MOST_BYTES, however long.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { TaskError } from '@mpcsfaas/contract';
import { MAX_BATCH_TASKS, MAX_RESULT_IDS } from '@mpcsfaas/contract/words';
import { Refused, type Answer, type Api } from './api.ts';
import { LONG_MS, SHORT_MS, isAway, mayBeDone, patiently } from './patience.ts';
import { UserError } from './user-error.ts';

/** A line that is a call: its arguments as JSON text. */
export interface Input {
  line: number;
  args: string;
  bytes: number;
}

type End = { is: 'value'; value: unknown } | { is: 'failed'; error: TaskError };
export type Output = { line: number; bytes: number; id: string } & End;

/** One that is submitted: the service has its arguments. */
interface Call {
  line: number;
  bytes: number;
  id: string;
  end: Output | undefined;
}

export interface Canceled {
  canceled: number;
  /** How many could not be, and so may go on. */
  left: number;
  /** A sentence; '' where all could. */
  why: string;
}

const WINDOW = 10_000;
/** Of lines that are read and not yet submitted; the one that passes it is held, too, however long. */
const MOST_BYTES = 64 * 1024 * 1024;
/** In one request, where the queue has room for as many. */
const MOST_TASKS = Math.min(1_000, MAX_BATCH_TASKS);
const MOST_CHARS = 4 * 1024 * 1024;
/** The oldest ones are waited for: the next line to be written is among them. */
const MOST_ASKED = Math.min(1_000, MAX_RESULT_IDS);
const WAIT_MS = 10_000;
/**
 * While there may soon be more to ask for, ms: those are asked for with the next question. None is broken off for them: where
 * submissions end more often than a question is answered, no question would ever be.
 */
const SHORT_WAIT_MS = 250;
/** Who breaks it off waits so long for each answer, ms: a service that hangs does not hold them. */
const LEAVE_MS = 2_000;
/** Where an answer brought few ends, the next one may gather some more, ms: asking costs the service by the id. */
const GATHER_MS = 20;
const FEW = 200;

const GONE: TaskError = {
  ...{ kind: 'lost', type: '', message: 'The task is no longer kept.', traceback: '', details: {} },
};

interface Results {
  results: { task_id: string; value?: unknown; error: TaskError | null }[];
  unknown: string[];
}

export class Mapping {
  readonly #api: Api;
  readonly #ref: string;
  readonly #options: () => object;
  readonly #stop: AbortSignal;
  readonly #told: () => void;
  /** Read and not yet submitted. */
  #read: Input[] = [];
  #readBytes = 0;
  /** Submitted and not yet told, in order. */
  #calls: Call[] = [];
  #posting: Promise<void> = Promise.resolve();
  /** In a request that the service may have taken, and has not answered. */
  #unanswered = 0;
  #inputsOver = false;
  /** Of a line that is no call: told once all before it are. */
  #inputFault: { error: unknown } | undefined;
  #fault: { error: unknown } | undefined;
  #changed = nextChange();
  #mostTasks = MOST_TASKS;
  submitted = 0;
  /** Told by `outputs` or not yet: one that ended before others does. */
  ended = 0;
  failed = 0;
  /** Of the lines whose calls have ended. */
  endedBytes = 0;

  /**
   * `options`: of tasks that are submitted now. `stop`: no more is read, submitted or waited for. `told`: called when the counts
   * have changed, and no more once it is over.
   */
  constructor(api: Api, ref: string, options: () => object, stop: AbortSignal, told: () => void) {
    this.#api = api;
    this.#ref = ref;
    this.#options = options;
    this.#stop = stop;
    this.#told = told;
    stop.addEventListener('abort', () => this.#ring());
  }

  /** The first task that is not told yet. */
  get oldest(): string | undefined {
    return this.#calls[0]?.id;
  }

  /**
   * The ends, in the order of the inputs, as soon as they can be told. Of a line that is no call, or that the service
   * refuses, those before it are told first; nothing after it is submitted. @throws UserError; the signal's reason
   */
  async *outputs(inputs: AsyncIterable<Input>): AsyncGenerator<Output> {
    void this.#take(inputs).catch((error: unknown) => this.#endInputs(error));
    for (const work of [this.#submit(), this.#wait()]) work.catch((error: unknown) => this.#fail(error));
    for (;;) {
      this.#stop.throwIfAborted();
      if (this.#fault !== undefined) throw this.#fault.error;
      const [next] = this.#calls;
      if (next?.end !== undefined) {
        this.#calls.shift();
        this.#ring();
        yield next.end;
      } else if (this.#inputsOver && this.#read.length === 0 && next === undefined) {
        if (this.#inputFault !== undefined) throw this.#inputFault.error;
        return;
      } else await this.#changed.promise;
    }
  }

  /** Cancels what has not ended, as far as that is answered soon; once `cut` fires nothing is waited for. */
  async cancel(cut: AbortSignal): Promise<Canceled> {
    // What is on its way has no ids yet.
    await soon(this.#posting, cut).catch(() => undefined);
    const unknown = this.#unanswered;
    const ids = this.#calls.filter(({ end }) => end === undefined).map(({ id }) => id);
    let canceled = 0;
    for (let at = 0; at < ids.length; at += MOST_ASKED) {
      try {
        const asked = this.#api.post('/v1/tasks/cancel', { task_ids: ids.slice(at, at + MOST_ASKED) });
        const answer = await soon(asked, cut);
        canceled += this.#api.bodyOf<{ canceled: string[] }>(answer, 'canceled').canceled.length;
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return { canceled, left: ids.length - at + unknown, why: error.message };
      }
    }
    return { canceled, left: unknown, why: unknown === 0 ? '' : NO_ANSWER };
  }

  async #take(inputs: AsyncIterable<Input>): Promise<void> {
    for await (const input of inputs) {
      if (this.#takesNoMore()) return;
      this.#read.push(input);
      this.#readBytes += input.bytes;
      this.#ring();
      while (this.#isFull() && !this.#takesNoMore()) await this.#changed.promise;
    }
    this.#inputsOver = true;
    this.#ring();
  }

  /** The first fault is that of the earliest line: one that was refused was read before. */
  #endInputs(error: unknown, replaces = false): void {
    if (replaces || this.#inputFault === undefined) this.#inputFault = { error };
    this.#inputsOver = true;
    this.#ring();
  }

  async #submit(): Promise<void> {
    while (!this.#over()) {
      if (this.#read.length === 0) {
        if (this.#inputsOver) return;
        await this.#changed.promise;
        continue;
      }
      let chars = 0;
      const fits = this.#read.findIndex(
        ({ args }, at) => at === this.#mostTasks || (at > 0 && (chars += args.length) > MOST_CHARS),
      );
      const batch = this.#read.slice(0, fits < 0 ? undefined : fits);
      this.#posting = this.#post(batch).then((ids) => {
        if (ids === 'too many') {
          this.#mostTasks = batch.length >> 1;
          return;
        }
        if (!Array.isArray(ids)) {
          this.#read = batch.slice(0, ids.first);
          this.#endInputs(ids.error, true);
          return;
        }
        this.#mostTasks = Math.min(this.#mostTasks * 2, MOST_TASKS);
        this.#read = this.#read.slice(batch.length);
        for (const [at, { line, bytes }] of batch.entries()) {
          this.#readBytes -= bytes;
          this.#calls.push({ line, bytes, id: ids[at]!, end: undefined });
        }
        this.submitted += batch.length;
        if (!this.#over()) this.#told();
        this.#ring();
      });
      await this.#posting;
    }
  }

  /**
   * 'too many': fewer may be taken, for the queue, or a request, has no room for as many; `first`: how many come before what
   * is refused.
   */
  async #post(batch: readonly Input[]): Promise<string[] | 'too many' | { first: number; error: Refused }> {
    const key = randomUUID();
    // What may have been taken all the same stays as it is: in other requests it would be taken twice.
    let isInDoubt = false;
    let text = '';
    const post = async (): Promise<Answer | 'too many'> => {
      this.#unanswered = batch.length;
      if (!isInDoubt) text = this.#textOf(batch);
      try {
        const answer = await this.#api.postText('/v1/tasks/batch', text, {}, key);
        this.#unanswered = 0;
        return answer;
      } catch (error) {
        isInDoubt ||= isAway(error) && mayBeDone(error);
        if (!isInDoubt) this.#unanswered = 0;
        // A batch is taken as a whole. Where others fill what room there is, there may never be as much at once.
        if (batch.length > 1 && !isInDoubt && codeOf(error) === 'queue_full') return 'too many';
        throw error;
      }
    };
    try {
      const answer = await patiently(post, this.submitted === 0 ? SHORT_MS : LONG_MS, this.#stop);
      return answer === 'too many' ? answer : this.#api.bodyOf<{ task_ids: string[] }>(answer, 'task_ids').task_ids;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (codeOf(error) === 'exceeds_queue' && batch.length > 1) return 'too many';
      const first = refusedPlace(error);
      if (first !== undefined) return { first: Math.min(first, batch.length - 1), error: inLines(error, batch) };
      if (error.answer.status !== 413) throw inLines(error, batch);
      if (batch.length > 1) return 'too many';
      return { first: 0, error: new Refused(`Line ${batch[0]!.line}: ${error.message}`, error.answer) };
    }
  }

  #textOf(batch: readonly Input[]): string {
    const [ref, options] = [this.#ref, this.#options()].map((part) => JSON.stringify(part));
    return `{"tasks":[${batch.map(({ args }) => `{"function":${ref},"args":${args},"options":${options}}`).join(',')}]}`;
  }

  async #wait(): Promise<void> {
    while (!this.#over()) {
      const open = this.#calls.filter(({ end }) => end === undefined).slice(0, MOST_ASKED);
      if (open.length === 0) {
        if (this.#inputsOver && this.#read.length === 0) return;
        await this.#changed.promise;
        continue;
      }
      const calls = new Map(open.map((call) => [call.id, call]));
      const mayGrow = open.length < MOST_ASKED && !(this.#inputsOver && this.#read.length === 0);
      const asked = { task_ids: [...calls.keys()], wait_ms: mayGrow ? SHORT_WAIT_MS : WAIT_MS };
      const ask = () => this.#api.post('/v1/results', asked, {}, this.#stop);
      const answer = await patiently(ask, LONG_MS, this.#stop);
      // Whoever breaks it off ends what was asked for: no end of theirs is counted.
      if (this.#over()) return;
      const { results, unknown } = this.#api.bodyOf<Results>(answer, 'results');
      for (const { task_id: id, value, error } of results)
        this.#end(calls.get(id)!, error === null ? { is: 'value', value } : { is: 'failed', error });
      for (const id of unknown) this.#end(calls.get(id)!, { is: 'failed', error: GONE });
      this.#told();
      this.#ring();
      if (results.length < FEW && results.length < calls.size) await pause(GATHER_MS);
    }
  }

  #end(call: Call, how: End): void {
    const { line, bytes, id } = call;
    call.end = { line, bytes, id, ...how };
    this.ended += 1;
    if (how.is === 'failed') this.failed += 1;
    this.endedBytes += bytes;
  }

  #isFull(): boolean {
    return this.#read.length + this.#calls.length >= WINDOW || this.#readBytes > MOST_BYTES;
  }

  #takesNoMore(): boolean {
    return this.#over() || this.#inputsOver;
  }

  #over(): boolean {
    return this.#stop.aborted || this.#fault !== undefined;
  }

  #fail(error: unknown): void {
    this.#fault ??= { error };
    this.#ring();
  }

  #ring(): void {
    this.#changed.resolve();
    this.#changed = nextChange();
  }
}

const NO_ANSWER = 'The service did not answer.';

/** @throws UserError where it does not settle within LEAVE_MS, or before `cut` fires */
function soon<T>(work: Promise<T>, cut: AbortSignal): Promise<Awaited<T>> {
  const late = pause(LEAVE_MS, undefined, { signal: cut })
    .catch(() => undefined)
    .then(() => {
      throw new UserError(NO_ANSWER);
    });
  return Promise.race([work, late]);
}

function nextChange(): { promise: Promise<void>; resolve: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { promise, resolve: () => resolve(undefined) };
}

/** Of a refusal by the service. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Refused ? (error.answer.body as { code?: string } | null)?.code : undefined;
}

/** The first task of the batch that a refusal names. */
function refusedPlace({ message }: Refused): number | undefined {
  const places = Array.from(message.matchAll(/\/tasks\/(\d+)|task (\d+) of the batch/g), ([, one, other]) =>
    Number(one ?? other),
  );
  return places.length === 0 ? undefined : Math.min(...places);
}

/** A refusal speaks of tasks by their places in the batch: people know lines, and the function is none of a line's. */
function inLines(refused: Refused, batch: readonly Input[]): Refused {
  if (codeOf(refused) === 'function_not_found')
    return new Refused(refused.message.replace(/, which task \d+ of the batch names\..*/s, '.'), refused.answer);
  const lineOf = (at: string): string => `line ${batch[Number(at)]?.line ?? '?'}`;
  const text = refused.message
    .replaceAll(/\/tasks\/(\d+)/g, (_whole, at: string) => lineOf(at))
    .replaceAll(/task (\d+) of the batch/g, (_whole, at: string) => lineOf(at));
  return new Refused(text, refused.answer);
}
