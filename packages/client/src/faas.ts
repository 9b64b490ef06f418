// The client: register functions, call them, look at tasks.
import { canceling } from './canceling.ts';
import { withCure } from './compiler-words.ts';
import { Connection } from './connection.ts';
import { Ends } from './ends.ts';
import { follow, pathOfEnds } from './server-events.ts';
import { taskOptions } from './options.ts';
import { handleOf, remoteFunction, submitTask } from './remote-function.ts';
import { sourceOf } from './source.ts';
import { Submitter } from './submitter.ts';
import { TaskHandle } from './task-handle.ts';
import type { CallOptions } from './options.ts';
import type { Caller, Arguments, RemoteFunction } from './remote-function.ts';
import type { Ask, ConnectionOptions } from './connection.ts';
import type { Fleet, FunctionOptions, FunctionRecord, Stats, Task, TaskEnded, Version } from './contract.ts';
import type { Waiting } from './task-handle.ts';

export interface RegisterOptions extends FunctionOptions {
  description?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** A function as text. */
export interface Source {
  /** An ES module or a bare function in JavaScript or TypeScript; or Python. */
  source: string;
  /** The function's name in it; without it the default export, or the only one. */
  entry?: string | undefined;
  /** 'javascript' unless said. */
  runtime?: 'python' | 'javascript' | undefined;
}

export interface TaskFilter extends Waiting {
  status?: Task['status'] | undefined;
  function?: string | undefined;
  group?: string | undefined;
  tag?: string | undefined;
  since?: Date | string | undefined;
  until?: Date | string | undefined;
}

/** What arrives of a result: JSON. */
export type Json<T> = T extends undefined ? null : Inside<T>;

type Inside<T> = unknown extends T
  ? T
  : T extends { toJSON(key: string): infer J }
    ? J
    : T extends string | number | boolean
      ? T
      : { [K in keyof T]: Inside<T[K]> };

export class Faas {
  readonly #caller: Caller;
  readonly #connection: Connection;

  constructor(options: ConnectionOptions = {}) {
    const connection = new Connection(options);
    this.#connection = connection;
    const [alone, mapped] = [new Submitter(connection, false), new Submitter(connection, true)];
    this.#caller = { connection, ends: new Ends(connection), cancel: canceling(connection), alone, mapped };
  }

  /**
   * Ships a function's text under a name; the same text is the same version. It must bring all that it uses, and
   * import inside. @throws NotSelfContained
   */
  register<A extends readonly unknown[], R>(
    name: string,
    fn: (...args: A) => R,
    options?: RegisterOptions,
  ): Promise<RemoteFunction<A, Json<Awaited<R>>>>;
  register<A extends readonly unknown[] = unknown[], R = unknown>(
    name: string,
    source: Source,
    options?: RegisterOptions,
  ): Promise<RemoteFunction<A, R>>;
  async register(
    name: string,
    given: ((...args: never[]) => unknown) | Source,
    options: RegisterOptions = {},
  ): Promise<RemoteFunction<unknown[], unknown>> {
    const { description, signal, ...defaults } = options;
    const {
      source,
      entry,
      runtime = 'javascript',
    } = typeof given === 'object' && (given as unknown) ? given : { source: sourceOf(given as never) };
    const body = JSON.stringify({ name, runtime, source, entry, description, options: taskOptions(defaults) });
    const { function_id } = await this.#connection
      .ask<FunctionRecord>('POST', '/v1/functions', { body, signal })
      .catch((fault: unknown) => {
        throw typeof given === 'function' ? withCure(fault, given.name) : fault;
      });
    return remoteFunction(function_id, this.#caller);
  }

  /** A registered function, of whatever language, by its name, `name@version` or id. */
  function<A extends readonly unknown[] = unknown[], R = unknown>(ref: string): RemoteFunction<A, R> {
    return remoteFunction(ref, this.#caller);
  }

  /** Queues one call, keyword arguments and all. */
  async submit<R = unknown>(ref: string, call: Arguments = {}, options: CallOptions = {}): Promise<TaskHandle<R>> {
    return handleOf<R>(await submitTask(ref, call, options, this.#caller), options, this.#caller);
  }

  /** A task by its id, of whatever program. @throws TypeError for what is no id */
  task<R = unknown>(id: string): TaskHandle<R> {
    if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id))
      throw new TypeError(`A task's id is a UUID, as \`handle.id\` tells it, not ${JSON.stringify(id)}.`);
    // As the service tells it: who waits is found by that.
    return new TaskHandle<R>(id.toLowerCase(), this.#caller);
  }

  /** Tasks, newest first, page after page as they are read. */
  tasks({ signal, ...filter }: TaskFilter = {}): AsyncGenerator<Task> {
    return this.#pages<Task>('/v1/tasks', filter, signal);
  }

  /** All versions, newest first. */
  functions({ signal }: Waiting = {}): AsyncGenerator<FunctionRecord> {
    return this.#pages<FunctionRecord>('/v1/functions', {}, signal);
  }

  /** Removes one version, or all of a name; answers how many went, 1 where that was lost. */
  async unregister(ref: string, { signal }: Waiting = {}): Promise<number> {
    const path = `/v1/functions/${encodeURIComponent(ref)}`;
    const asked = { signal, gone: { deleted: 1 } };
    return (await this.#connection.ask<{ deleted: number }>('DELETE', path, asked)).deleted;
  }

  /** The ends of tasks from when its first read has connected, over cuts. `reset`: some were missed; ask for those that matter. */
  async *events({ group, signal }: Waiting & { group?: string | undefined } = {}): AsyncGenerator<TaskEnded | 'reset'> {
    for await (const told of follow(this.#connection, pathOfEnds(group), signal)) {
      if (told.event !== 'open') yield told.event === 'reset' ? 'reset' : (JSON.parse(told.data) as TaskEnded);
    }
    signal?.throwIfAborted();
  }

  workers({ signal }: Waiting = {}): Promise<Fleet> {
    return this.#connection.ask('GET', '/v1/workers', { signal });
  }

  stats({ signal }: Waiting = {}): Promise<Stats> {
    return this.#connection.ask('GET', '/v1/stats', { signal });
  }

  version({ signal }: Waiting = {}): Promise<Version> {
    return this.#connection.ask('GET', '/v1/version', { signal });
  }

  async *#pages<T>(path: string, filter: Ask['query'], signal: AbortSignal | undefined): AsyncGenerator<T> {
    let cursor: string | undefined;
    do {
      const query = { ...filter, cursor, limit: 200 };
      const page = await this.#connection.ask<{ items: T[]; next_cursor: string }>('GET', path, { query, signal });
      yield* page.items;
      cursor = page.next_cursor;
    } while (cursor !== '');
  }
}
