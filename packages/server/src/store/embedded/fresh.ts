// What was submitted a moment ago and waits still, so that a claim reads nothing that was written just before it. It is a
// part of what waits: a row comes when it is written and goes when its task leaves the queue. So where a lane has as many
// here as its counter says, all of it is here. The table is the truth: when something is undone, nothing is fresh.
import type { TaskSpec } from '../../lifecycle/spec.ts';
import type { TaskRow } from './row.ts';

export interface FreshTask {
  row: TaskRow;
  spec: TaskSpec;
  packed: Buffer;
  args: Buffer;
}

/** Tasks kept at most, and the memory behind their arguments, bytes. What comes beyond is read. */
const MOST = 4096;
const MOST_BYTES = 64 * 1024 * 1024;

interface Lane {
  /** By the row's number, lowest score first. */
  tasks: Map<number, FreshTask>;
  lastScore: number;
}

export class Fresh {
  /** By tenant, then by lane. */
  readonly #lanes = new Map<string, Map<string, Lane>>();
  #count = 0;
  #bytes = 0;

  /** Left out where there is no room, or where it would go ahead of another. */
  add(task: FreshTask): void {
    const { row, args } = task;
    if (this.#count >= MOST || this.#bytes + heldBy(args) > MOST_BYTES) return;
    let lanes = this.#lanes.get(row.tenant);
    if (lanes === undefined) this.#lanes.set(row.tenant, (lanes = new Map<string, Lane>()));
    let lane = lanes.get(row.lane);
    if (lane === undefined) lanes.set(row.lane, (lane = { tasks: new Map(), lastScore: row.score }));
    if (row.score < lane.lastScore) return;
    lane.lastScore = row.score;
    lane.tasks.set(row.n, task);
    this.#count += 1;
    this.#bytes += heldBy(args);
  }

  /** The task left the queue. */
  drop({ tenant, lane: name, n }: Pick<TaskRow, 'tenant' | 'lane' | 'n'>): void {
    const lanes = this.#lanes.get(tenant);
    const tasks = lanes?.get(name)?.tasks;
    const task = tasks?.get(n);
    if (lanes === undefined || tasks === undefined || task === undefined) return;
    tasks.delete(n);
    if (tasks.size === 0) lanes.delete(name);
    this.#count -= 1;
    this.#bytes -= heldBy(task.args);
  }

  /** Is all here of a lane in which `waiting` tasks wait? */
  isAll(tenant: string, name: string, waiting: number): boolean {
    return (this.#lanes.get(tenant)?.get(name)?.tasks.size ?? 0) === waiting;
  }

  /** Up to `max` of a lane, lowest score first. */
  first(tenant: string, name: string, max: number): FreshTask[] {
    const first: FreshTask[] = [];
    for (const task of this.#lanes.get(tenant)?.get(name)?.tasks.values() ?? []) {
      if (first.length >= max) break;
      first.push(task);
    }
    return first;
  }

  clear(): void {
    this.#lanes.clear();
    this.#count = 0;
    this.#bytes = 0;
  }
}

/** A view of a request's body holds all of it. */
function heldBy(args: Buffer): number {
  return args.buffer.byteLength;
}
