// A registered function as a function of the caller's own language: called, submitted, mapped over many.
import { checkKey } from './connection.ts';
import { fitting } from './json-text.ts';
import { Mapped } from './mapped.ts';
import { taskOptions } from './options.ts';
import { onAbort, orAborted, settledSoon } from './pause.ts';
import { TaskHandle } from './task-handle.ts';
import { valueOf } from './errors.ts';
import { Submitter } from './submitter.ts';
import type { CallOptions } from './options.ts';
import type { Inputs, MapOptions } from './mapped.ts';
import type { Line } from './task-handle.ts';

// `T` where one argument makes a call; else what nobody has, for the compiler to name.
type One<A, T> = A extends readonly [] | readonly [unknown, unknown, ...unknown[]] ? { useStarmap: never } : T;

export interface RemoteFunction<A extends readonly unknown[], R> {
  /** Calls it and waits for its value. */
  (...args: A): Promise<R>;
  /** Its id, name or name@version. */
  readonly ref: string;
  /** Queues a call; resolves once it is durable. */
  submit(...args: A): Promise<TaskHandle<R>>;
  /** One call for each input, which is the only argument. */
  map(inputs: One<A, Inputs<A[0]>>, options?: MapOptions): Mapped<R>;
  /** One call for each list of arguments. */
  starmap(inputs: Inputs<A>, options?: MapOptions): Mapped<R>;
  /** The same function, called with these options. */
  with(options: CallOptions): RemoteFunction<A, R>;
  /** The same function of Python, called with these keyword arguments too. */
  keywords(kwargs: Record<string, unknown>): RemoteFunction<A, R>;
}

/** @internal */
export interface Caller extends Line {
  /** The lane of calls by themselves, and that of maps. */
  alone: Submitter;
  mapped: Submitter;
}

/** One call. `kwargs` are for Python; a JavaScript function gets them as its last argument. */
export interface Arguments {
  args?: readonly unknown[] | undefined;
  kwargs?: Record<string, unknown> | undefined;
}

/** @internal */
export function remoteFunction<A extends readonly unknown[], R>(
  ref: string,
  caller: Caller,
  options: CallOptions = {},
  kwargs: Record<string, unknown> = {},
): RemoteFunction<A, R> {
  const submit = (args: readonly unknown[], room?: AbortSignal): Promise<string> =>
    submitTask(ref, { args, kwargs }, options, caller, room);
  const mapped = (
    inputs: Inputs<unknown>,
    argsOf: (input: unknown) => readonly unknown[],
    given: MapOptions = {},
  ): Mapped<R> =>
    new Mapped<R>(
      () => iteratorOf(inputs),
      (input, room) => submit(argsOf(input), room),
      lineOf(caller, options),
      given,
      options.signal,
    );
  const call = async (...args: A): Promise<R> => {
    const id = await submit(args);
    try {
      return valueOf(await caller.ends.of(id, options.signal, options.group ?? '')) as R;
    } catch (fault) {
      if (options.signal?.aborted) await settledSoon(caller.cancel(id));
      throw fault;
    }
  };
  return Object.assign(call, {
    ref,
    submit: async (...args: A) => handleOf<R>(await submit(args), options, caller),
    map: (inputs: One<A, Inputs<A[0]>>, given?: MapOptions) =>
      mapped(inputs as Inputs<unknown>, (input) => [input], given),
    starmap: (inputs: Inputs<A>, given?: MapOptions) => mapped(inputs, (input) => input as A, given),
    with: (more: CallOptions) => remoteFunction<A, R>(ref, caller, { ...options, ...more }, kwargs),
    keywords: (more: Record<string, unknown>) => remoteFunction<A, R>(ref, caller, options, { ...kwargs, ...more }),
  });
}

/**
 * The id of a task that is durable. Where the signal fires on the way, the task is canceled. `room`: of a map, which
 * cancels by itself; until that fires it waits for room in the queue. @internal
 */
export async function submitTask(
  ref: string,
  { args = [], kwargs = {} }: Arguments,
  options: CallOptions,
  caller: Caller,
  room?: AbortSignal,
): Promise<string> {
  const { key } = options;
  const signal = room ? undefined : options.signal;
  checkKey('key', key);
  if (key !== undefined && room) throw new TypeError('A key is for one call, not for those of a map.');
  signal?.throwIfAborted();
  const text = JSON.stringify({
    function: ref,
    options: { ...taskOptions(options), result_as: 'json' },
    kwargs: Object.keys(kwargs).length > 0 ? fitting(kwargs, 'kwargs') : undefined,
    args: fitting(args, 'args'),
  });
  const lane = room ? caller.mapped : key === undefined ? caller.alone : new Submitter(caller.connection, false, key);
  const sent = lane.submit(text, room ?? signal);
  try {
    const id = await orAborted(sent, signal);
    signal?.throwIfAborted();
    return id;
  } catch (fault) {
    // Its id may not be known yet: it is canceled once it is.
    if (signal?.aborted) await settledSoon(sent.then(caller.cancel));
    throw fault;
  }
}

/** The handle of a task that is canceled when the signal of its call fires, unless it is known to have ended. @internal */
export function handleOf<R>(id: string, options: CallOptions, caller: Caller): TaskHandle<R> {
  const forget = onAbort(options.signal, () => void caller.cancel(id));
  return new TaskHandle<R>(id, lineOf(caller, options), forget);
}

/** That of tasks with these options. */
function lineOf(caller: Caller, { group = '' }: CallOptions): Line {
  return { ...caller, group };
}

function iteratorOf(inputs: Inputs<unknown>): AsyncIterator<unknown> | Iterator<unknown> {
  // Asked for as a property: a text is iterable, too, and `in` takes objects alone.
  const given = inputs as Partial<AsyncIterable<unknown> & Iterable<unknown>> | undefined;
  const begin: (() => AsyncIterator<unknown> | Iterator<unknown>) | undefined =
    given?.[Symbol.asyncIterator] ?? given?.[Symbol.iterator];
  if (begin === undefined) throw new TypeError('A map takes an array or another iterable.');
  return begin.call(inputs);
}
