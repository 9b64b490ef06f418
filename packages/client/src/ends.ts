// The ends of tasks, as they are pushed. Invariants:
//
//   E1  Whoever waits for an id is in `#waiting`, and every id there is covered: by one held request that names it, or by
//       the stream of events.
//   E2  The stream covers an id once it was read after the stream's place was fixed: at `open`, or when it came later.
//       It tells those of one group where all who wait for its ids have named that one; else it tells all.
//   E3  All that the stream covers is read again at every reconnection, at `reset`, and every REREAD_MS.
//   E4  A stream that is unwell fails nobody: while reads are answered, those go on, and it is tried again.
//   E5  Nothing is open, or asked for, while nobody waits: a program that has its results, or stopped, can end.
import { NotFound } from './errors.ts';
import { follow, pathOfEnds } from './server-events.ts';
import { orAborted, pause } from './pause.ts';
import type { Connection } from './connection.ts';
import type { Results, TaskEnded, TaskResult } from './contract.ts';

interface Waiter {
  promise: Promise<TaskResult>;
  resolve: (result: TaskResult) => void;
  reject: (fault: unknown) => void;
  /** How many wait. */
  count: number;
  /** Of the task, where it is known. */
  group: string | undefined;
}

/** Held requests at a time, and ids in one of them: for more the stream is better. Browsers have six connections. */
const MOST_HELD = 2;
const MOST_IDS_HELD = 32;
const HELD_MS = 25_000;
const REREAD_MS = 10_000;
const MOST_READ = 1_000;

export class Ends {
  readonly #connection: Connection;
  readonly #rereadMs: number;
  readonly #waiting = new Map<string, Waiter>();
  /** In `#waiting` and covered by nothing yet. */
  #fresh: string[] = [];
  readonly #held = new Set<{ ids: string[]; stop: AbortController }>();
  #stream: AbortController | undefined;
  /** The only group whose ends it tells. */
  #group: string | undefined;
  /** To be read now, for the stream. */
  #due = new Set<string>();
  #reading: AbortController | undefined;
  /** When a read was answered last, or a stream begun, Unix ms. */
  #wellAt = 0;

  constructor(connection: Connection, rereadMs = REREAD_MS) {
    this.#connection = connection;
    this.#rereadMs = rereadMs;
  }

  /** How the task, of this group, ended. @throws FaasError where that cannot be learnt, or the signal's reason */
  async of(id: string, signal: AbortSignal | undefined, group?: string): Promise<TaskResult> {
    signal?.throwIfAborted();
    const waiter = this.#waiting.get(id) ?? this.#add(id, group);
    waiter.count += 1;
    try {
      return await orAborted(waiter.promise, signal);
    } finally {
      waiter.count -= 1;
      if (waiter.count === 0 && this.#waiting.get(id) === waiter) this.#drop(id);
    }
  }

  #add(id: string, group: string | undefined): Waiter {
    const waiter = { count: 0, group } as Waiter;
    waiter.promise = new Promise((resolve, reject) => Object.assign(waiter, { resolve, reject }));
    waiter.promise.catch(() => undefined);
    this.#waiting.set(id, waiter);
    if (this.#fresh.push(id) === 1) queueMicrotask(() => this.#cover());
    return waiter;
  }

  #drop(id: string): void {
    this.#waiting.delete(id);
    for (const { ids, stop } of this.#held) if (!ids.some((one) => this.#waiting.has(one))) stop.abort();
    if (this.#waiting.size > 0) return;
    this.#stream?.abort();
    this.#reading?.abort();
  }

  #cover(): void {
    const fresh = this.#fresh.filter((id) => this.#waiting.has(id));
    this.#fresh = [];
    if (fresh.length === 0) return;
    const isTold = (id: string): boolean => [undefined, this.#waiting.get(id)?.group].includes(this.#group);
    if (this.#stream?.signal.aborted === false && fresh.every(isTold)) this.#read(fresh);
    else if (this.#held.size < MOST_HELD && fresh.length <= MOST_IDS_HELD) void this.#hold(fresh);
    else {
      this.#stream?.abort();
      void this.#follow();
    }
  }

  /** One request that the service answers when one of these has ended, again and again. */
  async #hold(ids: string[]): Promise<void> {
    const stop = new AbortController();
    // Of those that left, who comes again is another's.
    const held = { ids, stop };
    this.#held.add(held);
    try {
      while (held.ids.length > 0) {
        const { pending } = await this.#ask(held.ids, HELD_MS, stop.signal);
        held.ids = pending.filter((id) => this.#waiting.has(id));
      }
    } catch (fault) {
      if (!stop.signal.aborted) this.#fail(held.ids, fault);
    } finally {
      this.#held.delete(held);
    }
  }

  async #follow(): Promise<void> {
    const stop = new AbortController();
    this.#stream = stop;
    // Of all, unless they have one group.
    const groups = Array.from(this.#waiting.values(), ({ group }) => group);
    this.#group = groups.every((group) => group === groups[0]) ? groups[0] : undefined;
    this.#wellAt = Date.now();
    const timer = setInterval(() => this.#read(this.#waiting.keys()), this.#rereadMs);
    try {
      for await (const told of follow(this.#connection, pathOfEnds(this.#group), stop.signal)) {
        if (told.event === 'open' || told.event === 'reset') this.#read(this.#waiting.keys());
        else if (told.event === 'task.ended') {
          const { task_id: id } = JSON.parse(told.data) as TaskEnded;
          if (this.#waiting.has(id)) this.#read([id]);
        }
      }
    } catch (fault) {
      if (Date.now() - this.#wellAt > Math.max(this.#connection.patienceMs, this.#rereadMs))
        this.#fail([...this.#waiting.keys()], fault);
      else {
        // What cannot be read either fails by that (E4).
        this.#read(this.#waiting.keys());
        await pause(this.#rereadMs, stop.signal).catch(() => undefined);
      }
    } finally {
      clearInterval(timer);
      stop.abort();
      if (this.#stream === stop) this.#stream = undefined;
      // Who came while this stream was ending relied on it.
      const held = new Set([...this.#held].flatMap(({ ids }) => ids));
      this.#fresh.push(...[...this.#waiting.keys()].filter((id) => !held.has(id)));
      queueMicrotask(() => this.#cover());
    }
  }

  /** What has ended of these. Those that are asked for while a request is under way go in the next one. */
  #read(ids: Iterable<string>): void {
    for (const id of ids) this.#due.add(id);
    if (!this.#reading) void this.#readAll();
  }

  async #readAll(): Promise<void> {
    for (;;) {
      const stop = (this.#reading = new AbortController());
      // What one piece of the stream told goes together.
      await Promise.resolve();
      const ids = [...this.#due].filter((id) => this.#waiting.has(id)).slice(0, MOST_READ);
      if (ids.length === 0) break;
      for (const id of ids) this.#due.delete(id);
      try {
        const { results, pending } = await this.#ask(ids, 0, stop.signal);
        // An answer is bounded: what has ended may be among the pending of one that has results.
        if (results.length > 0) for (const id of pending) this.#due.add(id);
      } catch (fault) {
        if (!stop.signal.aborted) this.#fail(ids, fault);
      }
    }
    this.#due.clear();
    this.#reading = undefined;
  }

  async #ask(ids: readonly string[], waitMs: number, signal: AbortSignal): Promise<Results> {
    const body = JSON.stringify({ task_ids: ids, wait_ms: waitMs });
    const { patienceMs } = this.#connection;
    const answer = await this.#connection.ask<Results>('POST', '/v1/results', {
      body,
      signal,
      heldMs: waitMs,
      patienceMs,
    });
    this.#wellAt = Date.now();
    for (const result of answer.results) this.#settle(result.task_id, (waiter) => waiter.resolve(result));
    for (const id of answer.unknown) {
      const fault = new NotFound(`There is no task ${id}, or it is no longer kept.`);
      this.#settle(id, (waiter) => waiter.reject(fault));
    }
    return answer;
  }

  #settle(id: string, how: (waiter: Waiter) => void): void {
    const waiter = this.#waiting.get(id);
    if (waiter === undefined) return;
    this.#drop(id);
    how(waiter);
  }

  #fail(ids: readonly string[], fault: unknown): void {
    for (const id of ids) this.#settle(id, (waiter) => waiter.reject(fault));
  }
}
