// One task: its end, its state, its output. Only the id matters: a handle can be made again anywhere, at any time.
import { Conflict, valueOf } from './errors.ts';
import { followLogs } from './task-logs.ts';
import type { Cancel } from './canceling.ts';
import type { Ask, Connection } from './connection.ts';
import type { Ends } from './ends.ts';
import type { LogEvent, Task, TaskLogs, TaskResult } from './contract.ts';

export interface Waiting {
  /** Ends the waiting alone: the task goes on. */
  signal?: AbortSignal | undefined;
}

/** What a handle tells that is iterated. */
export type TaskEvent = ({ event: 'log' } & LogEvent) | { event: 'ended'; result: TaskResult };

/** What handles share. @internal */
export interface Line {
  connection: Connection;
  ends: Ends;
  cancel: Cancel;
  /** Of the tasks, where it is known; '' = none. */
  group?: string;
}

export class TaskHandle<R = unknown> {
  readonly id: string;
  readonly #line: Line;
  readonly #ended: (() => void) | undefined;

  /** `ended`: called once it is known to have. @internal */
  constructor(id: string, line: Line, ended?: () => void) {
    this.id = id;
    this.#line = line;
    this.#ended = ended;
  }

  /** The value, once it is there. @throws TaskFailed where it ended without one */
  async result({ signal }: Waiting = {}): Promise<R> {
    return valueOf(await this.#end(signal)) as R;
  }

  async status(waiting: Waiting = {}): Promise<Task['status']> {
    return (await this.record(waiting)).status;
  }

  /** All that is known of it: times, attempts, options, why it waits. */
  record({ signal }: Waiting = {}): Promise<Task> {
    return this.#ask('GET', '', { signal });
  }

  /** What it printed so far; with `follow` what it prints until it ends. */
  logs(options?: Waiting & { follow?: false | undefined }): Promise<TaskLogs>;
  logs(options: Waiting & { follow: true }): AsyncGenerator<LogEvent>;
  logs({ follow, signal }: Waiting & { follow?: boolean | undefined } = {}):
    Promise<TaskLogs> | AsyncGenerator<LogEvent> {
    if (follow) return followLogs(this.#line.connection, this.id, signal);
    return this.#ask('GET', '/logs', { signal });
  }

  /** True: it ends canceled. False: another end came first. */
  async cancel({ signal }: Waiting = {}): Promise<boolean> {
    try {
      await this.#ask('POST', '/cancel', { signal });
      return true;
    } catch (fault) {
      if (!(fault instanceof Conflict)) throw fault;
      return false;
    }
  }

  /** The same call again, as a new task. */
  async retry({ signal }: Waiting = {}): Promise<TaskHandle<R>> {
    const { task_id } = await this.#ask<{ task_id: string }>('POST', '/retry', { signal, once: true });
    return new TaskHandle<R>(task_id, this.#line);
  }

  /** Its output as it comes, and at last its end. */
  async *events({ signal }: Waiting = {}): AsyncGenerator<TaskEvent> {
    for await (const log of followLogs(this.#line.connection, this.id, signal)) yield { event: 'log', ...log };
    yield { event: 'ended', result: await this.#end(signal) };
  }

  [Symbol.asyncIterator](): AsyncGenerator<TaskEvent> {
    return this.events();
  }

  async #end(signal: AbortSignal | undefined): Promise<TaskResult> {
    const { ends, group } = this.#line;
    const end = await ends.of(this.id, signal, group);
    this.#ended?.();
    return end;
  }

  #ask<T>(method: 'GET' | 'POST', rest: string, asked: Ask): Promise<T> {
    return this.#line.connection.ask<T>(method, `/v1/tasks/${encodeURIComponent(this.id)}${rest}`, asked);
  }
}
