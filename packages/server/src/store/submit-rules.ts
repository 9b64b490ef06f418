// What a submit is answered, before the first write: repeats, conflicts, a full queue. Pure: what is there already is asked
// for. The embedded store and the simulation's use it; redis/queue/submit.lua says the same.
import type { QueueLimits, Submission, SubmitAnswer } from './store.ts';

/** What is there already. */
export interface Accepted {
  /** The task that came under an idempotency key. */
  underKey(name: string): { id: string; content: string } | undefined;
  /** When the task was submitted, Unix ms; undefined where there is none. */
  submittedAt(id: string): number | undefined;
  /** Tasks that wait, and the bytes of their arguments. */
  waiting(): { tasks: number; bytes: number };
}

/** The answers that are known; undefined = it is new, and is accepted unless its key came earlier in this call. */
export function judged(
  tasks: readonly Submission[],
  accepted: Accepted,
  limits: QueueLimits,
): (SubmitAnswer | undefined)[] {
  let known = keyed(tasks, accepted);
  if (known.some((answer) => answer?.is === 'conflict')) return known.map((answer) => answer ?? { is: 'refused' });
  const isFresh = (_: Submission, i: number): boolean => known[i] === undefined;
  if (fullBy(tasks.filter(isFresh), accepted, limits) === undefined) return known;
  // Tasks that are here already, by a repeat of a lost answer, take no room. Nobody asks while there is room.
  known = tasks.map((task, i) => known[i] ?? byId(task, accepted));
  const full = fullBy(tasks.filter(isFresh), accepted, limits);
  return full === undefined ? known : tasks.map(() => full);
}

/** The answer for a task whose key came before. */
export function byKey({ key, spec }: Submission, accepted: Accepted): SubmitAnswer | undefined {
  const before = key && accepted.underKey(key.name);
  if (before === undefined || before.id === spec.id) return undefined;
  return { is: before.content === key!.content ? 'replayed' : 'conflict', id: before.id };
}

/** The answer for a task that is here: a repeat after a lost answer. */
export function byId({ spec }: Submission, accepted: Accepted): SubmitAnswer | undefined {
  const submittedAt = accepted.submittedAt(spec.id);
  return submittedAt === undefined ? undefined : { is: 'accepted', id: spec.id, submittedAt };
}

/** The answers for tasks whose keys came before, in the store or, with other content, in this very call. */
function keyed(tasks: readonly Submission[], accepted: Accepted): (SubmitAnswer | undefined)[] {
  const first = new Map<string, { id: string; content: string }>();
  return tasks.map((task) => {
    const { key, spec } = task;
    const before = byKey(task, accepted);
    if (before !== undefined || key === undefined) return before;
    const known = first.get(key.name);
    if (known === undefined) first.set(key.name, { id: spec.id, content: key.content });
    else if (known.content !== key.content) return { is: 'conflict', id: known.id };
    return undefined;
  });
}

function fullBy(fresh: readonly Submission[], accepted: Accepted, limits: QueueLimits): SubmitAnswer | undefined {
  if (fresh.length === 0) return undefined;
  const waiting = accepted.waiting();
  if (waiting.tasks + fresh.length > limits.maxTasks) {
    return { is: 'queue_full', limit: 'max_queued_tasks', alone: fresh.length > limits.maxTasks };
  }
  const bytes = fresh.reduce((sum, task) => sum + task.args.length, 0);
  if (waiting.bytes + bytes <= limits.maxBytes) return undefined;
  return { is: 'queue_full', limit: 'max_queued_bytes', alone: bytes > limits.maxBytes };
}
