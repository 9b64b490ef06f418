// Reading tasks: the reads of one turn of the event loop in one store call, and what a missing task means.
import { MIN_RESULT_TTL_MS } from '@mpcsfaas/contract/words';
import type { TaskState } from '@mpcsfaas/contract';
import type { Clock } from '../clock.ts';
import { isWellFormedId, shardOf, timeOf } from '../lifecycle/ids.ts';
import type { EndedTask, Store, TaskProgress, TaskRecord } from '../store/index.ts';
import { Refusal } from './refusal.ts';
import { TurnBatches } from './turn.ts';

/** How far a task is: its end, or its state. */
export type Progress = TaskProgress | { is: 'missing' };

export class TaskReader {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #shortestMs: number;
  readonly #progress: TurnBatches<string, Progress>;
  readonly #states: TurnBatches<string, TaskState | undefined>;

  constructor(store: Store, clock: Clock, resultTtlMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#shortestMs = Math.min(resultTtlMs, MIN_RESULT_TTL_MS);
    this.#progress = new TurnBatches((tenant, ids) => this.progressOfMany(tenant, ids));
    // An absent answer must still be an answer: a batch hands out what it finds.
    this.#states = new TurnBatches((tenant, ids) => store.states(tenant, ids));
  }

  /** The id as the store spells it; refuses what is no UUID. */
  id(text: string): string {
    if (isWellFormedId(text)) return text.toLowerCase();
    throw new Refusal('invalid_id', `"${text.slice(0, 64)}" is no task id: a UUID is wanted.`);
  }

  progress(tenant: string, id: string): Promise<Progress> {
    return this.#progress.add(tenant, id);
  }

  /** Refuses with `task_not_found` or `task_expired`. */
  async state(tenant: string, id: string): Promise<TaskState> {
    return (await this.#states.add(tenant, id)) ?? this.refuse(id);
  }

  /** Refuses with `task_not_found` or `task_expired`. */
  async record(tenant: string, id: string): Promise<TaskRecord> {
    const [record] = await this.#store.tasks(tenant, [id]);
    return record ?? this.refuse(id);
  }

  /** Progress of each, in the order asked. */
  async progressOfMany(tenant: string, ids: readonly string[]): Promise<Progress[]> {
    const found = await this.#store.progress(tenant, ids);
    return found.map((progress) => progress ?? { is: 'missing' });
  }

  /** The ends, with the attempts before them where they failed after some. */
  async withHistory(tenant: string, ends: readonly EndedTask[]): Promise<EndedTask[]> {
    const ids = ends.filter(({ hasHistory }) => hasHistory).map(({ id }) => id);
    if (ids.length === 0) return [...ends];
    const records = await this.#store.tasks(tenant, ids);
    const histories = new Map(ids.map((id, i) => [id, records[i]?.history]));
    return ends.map((end) => (end.hasHistory ? { ...end, history: histories.get(end.id) ?? [] } : end));
  }

  /** An id of ours that is older than the shortest retention has expired; any other was never here. */
  refuse(id: string): never {
    if (shardOf(id) !== undefined && timeOf(id) < this.#clock.wall() - this.#shortestMs) {
      throw new Refusal('task_expired', `Task ${id} is no longer kept. Ask for a longer result_ttl_ms, or pin tasks.`, {
        task_id: id,
      });
    }
    throw new Refusal('task_not_found', `There is no task ${id}.`, { task_id: id });
  }
}
