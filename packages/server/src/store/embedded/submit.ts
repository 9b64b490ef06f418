// submit: validated whole, then written whole; one transaction whatever the size.
import { scoreOf } from '../../lifecycle/order.ts';
import { STATE_CODE } from '../state-code.ts';
import type { QueueLimits, Submission, SubmitAnswer } from '../store.ts';
import { countState } from './task-row.ts';
import type { Act } from './turn.ts';

export function submit(act: Act, tenant: string, tasks: readonly Submission[], limits: QueueLimits): SubmitAnswer[] {
  let known = keyed(act, tenant, tasks);
  if (known.some((answer) => answer?.is === 'conflict')) return known.map((answer) => answer ?? { is: 'refused' });
  const isFresh = (_: Submission, i: number): boolean => known[i] === undefined;
  if (fullBy(act, tenant, tasks.filter(isFresh), limits) !== undefined) {
    // Tasks that are here already, by a repeat of a lost answer, take no room. Nobody asks while there is room.
    known = tasks.map((task, i) => known[i] ?? byId(act, tenant, task));
    const full = fullBy(act, tenant, tasks.filter(isFresh), limits);
    if (full !== undefined) return tasks.map(() => full);
  }
  const references = new Map<string, number>();
  const answers = tasks.map((task, i) => {
    // A key that appears twice in one batch is known the second time.
    const before = known[i] ?? byKey(act, tenant, task) ?? insert(act, tenant, task);
    if (before !== undefined) return before;
    references.set(task.spec.digest, (references.get(task.spec.digest) ?? 0) + 1);
    return { is: 'accepted', id: task.spec.id, submittedAt: act.now } as const;
  });
  for (const [digest, count] of references) {
    act.db.run('UPDATE code SET refs = refs + ? WHERE tenant = ? AND digest = ?', count, tenant, digest);
  }
  return answers;
}

/** The answers for tasks whose keys came before, in the store or, with other content, in this very call. */
function keyed(act: Act, tenant: string, tasks: readonly Submission[]): (SubmitAnswer | undefined)[] {
  const first = new Map<string, { id: string; content: string }>();
  return tasks.map((task) => {
    const { key, spec } = task;
    const before = byKey(act, tenant, task);
    if (before !== undefined || key === undefined) return before;
    const known = first.get(key.name);
    if (known === undefined) first.set(key.name, { id: spec.id, content: key.content });
    else if (known.content !== key.content) return { is: 'conflict', id: known.id };
    return undefined;
  });
}

/** The answer for a task whose key came before. */
function byKey(act: Act, tenant: string, task: Submission): SubmitAnswer | undefined {
  if (task.key === undefined) return undefined;
  const key = act.db.get<{ id: string; content: string }>(
    'SELECT id, content FROM request_key WHERE tenant = ? AND name = ?',
    tenant,
    task.key.name,
  );
  if (key === undefined || key.id === task.spec.id) return undefined;
  return { is: key.content === task.key.content ? 'replayed' : 'conflict', id: key.id };
}

/** The answer for a task that is here: a repeat after a lost answer. */
function byId(act: Act, tenant: string, task: Submission): SubmitAnswer | undefined {
  const row = act.db.get<{ submitted_at: number }>(
    'SELECT submitted_at FROM task WHERE tenant = ? AND id = ?',
    tenant,
    task.spec.id,
  );
  return row === undefined ? undefined : { is: 'accepted', id: task.spec.id, submittedAt: row.submitted_at };
}

function fullBy(act: Act, tenant: string, fresh: readonly Submission[], limits: QueueLimits): SubmitAnswer | undefined {
  if (fresh.length === 0) return undefined;
  const waiting = (['QUEUED', 'DELAYED', 'BLOCKED'] as const).map((state) => act.counter(tenant, `state:${state}`));
  const tasks = waiting.reduce((sum, n) => sum + n, fresh.length);
  if (tasks > limits.maxTasks) {
    return { is: 'queue_full', limit: 'max_queued_tasks', alone: fresh.length > limits.maxTasks };
  }
  const bytes = fresh.reduce((sum, task) => sum + task.args.length, 0);
  if (act.counter(tenant, 'bytes') + bytes <= limits.maxBytes) return undefined;
  return { is: 'queue_full', limit: 'max_queued_bytes', alone: bytes > limits.maxBytes };
}

/** Undefined, or the answer for a task that is here already. */
function insert(act: Act, tenant: string, task: Submission): SubmitAnswer | undefined {
  const { spec, packed, lane, args, key } = task;
  const delayed = spec.not_before > act.now;
  const state = delayed ? 'DELAYED' : 'QUEUED';
  const n = act.sequence();
  const inserted = act.db.run(
    `INSERT INTO task (n, tenant, id, state, lane, score, priority, submitted_at, due_at, expires_at, ttl, max_attempts, once,
      args_bytes, function_id, digest, runtime, result_as, grp, tags)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`,
    n,
    tenant,
    spec.id,
    STATE_CODE[state],
    lane,
    scoreOf(spec.priority, n),
    spec.priority,
    act.now,
    delayed ? spec.not_before : 0,
    spec.expires_at,
    spec.result_ttl_ms,
    spec.max_attempts,
    spec.at_most_once ? 1 : 0,
    args.length,
    spec.function_id,
    spec.digest,
    spec.runtime,
    spec.result_as,
    spec.group,
    spec.tags.length === 0 ? '' : JSON.stringify(spec.tags),
  );
  if (inserted === 0) return byId(act, tenant, task);
  act.db.run('INSERT INTO payload (n, header, args) VALUES (?, ?, ?)', n, packed, args);
  if (key !== undefined) {
    act.db.run(
      'INSERT INTO request_key (tenant, name, n, id, content) VALUES (?, ?, ?, ?, ?)',
      tenant,
      key.name,
      n,
      spec.id,
      key.content,
    );
  }
  act.count(tenant, 'submitted', 1);
  countState(act, { tenant, lane, args_bytes: args.length }, state, 1);
  if (!delayed) act.announceWork(lane);
  return undefined;
}
