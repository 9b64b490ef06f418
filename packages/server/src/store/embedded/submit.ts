// submit: validated whole, then written whole; one transaction whatever the size.
import { scoreOf } from '../../lifecycle/order.ts';
import { STATE_CODE } from '../state-code.ts';
import type { QueueLimits, Submission, SubmitAnswer } from '../store.ts';
import { byId, byKey, judged, type Accepted } from '../submit-rules.ts';
import type { Database } from './database.ts';
import { putPayload } from './payloads.ts';
import type { TaskRow } from './row.ts';
import { countState } from './task-row.ts';
import type { Act } from './turn.ts';

export function submit(act: Act, tenant: string, tasks: readonly Submission[], limits: QueueLimits): SubmitAnswer[] {
  const accepted = acceptedIn(act, tenant);
  const known = judged(tasks, accepted, limits);
  const references = new Map<string, number>();
  const answers = tasks.map((task, i) => {
    // A key that appears twice in one batch is known the second time.
    const before = known[i] ?? byKey(task, accepted) ?? insert(act, tenant, task, accepted);
    if (before !== undefined) return before;
    references.set(task.spec.digest, (references.get(task.spec.digest) ?? 0) + 1);
    return { is: 'accepted', id: task.spec.id, submittedAt: act.now } as const;
  });
  for (const [digest, count] of references) {
    act.db.run('UPDATE code SET refs = refs + ? WHERE tenant = ? AND digest = ?', count, tenant, digest);
  }
  return answers;
}

export function cameBefore(db: Database, tenant: string, keys: readonly string[]): number {
  return keys.filter((name) => underKey(db, tenant, name) !== undefined).length;
}

function underKey(db: Database, tenant: string, name: string): { id: string; content: string } | undefined {
  return db.get('SELECT id, content FROM request_key WHERE tenant = ? AND name = ?', tenant, name);
}

function acceptedIn(act: Act, tenant: string): Accepted {
  return {
    underKey: (name) => underKey(act.db, tenant, name),
    submittedAt: (id) =>
      act.db.get<{ submitted_at: number }>('SELECT submitted_at FROM task WHERE tenant = ? AND id = ?', tenant, id)
        ?.submitted_at,
    waiting: () => {
      const states = (['QUEUED', 'DELAYED', 'BLOCKED'] as const).map((state) => act.counter(tenant, `state:${state}`));
      return { tasks: states.reduce((sum, n) => sum + n, 0), bytes: act.counter(tenant, 'bytes') };
    },
  };
}

/** Undefined, or the answer for a task that is here already. */
function insert(act: Act, tenant: string, task: Submission, accepted: Accepted): SubmitAnswer | undefined {
  const { spec, packed, lane, args, key } = task;
  const delayed = spec.not_before > act.now;
  const state = delayed ? 'DELAYED' : 'QUEUED';
  const n = act.sequence();
  const score = scoreOf(spec.priority, n);
  const once = spec.at_most_once ? 1 : 0;
  const inserted = act.db.run(
    `INSERT INTO task (n, tenant, id, state, lane, score, priority, submitted_at, due_at, expires_at, ttl, max_attempts, once,
      args_bytes, function_id, digest, runtime, result_as, grp, tags)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`,
    n,
    tenant,
    spec.id,
    STATE_CODE[state],
    lane,
    score,
    spec.priority,
    act.now,
    delayed ? spec.not_before : 0,
    spec.expires_at,
    spec.result_ttl_ms,
    spec.max_attempts,
    once,
    args.length,
    spec.function_id,
    spec.digest,
    spec.runtime,
    spec.result_as,
    spec.group,
    spec.tags.length === 0 ? '' : JSON.stringify(spec.tags),
  );
  if (inserted === 0) return byId(task, accepted);
  act.db.run('INSERT INTO payload (n, header, args) VALUES (?, ?, ?)', n, packed, putPayload(act, n, 'args', args));
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
  if (!delayed) act.fresh.add({ row: newRow(tenant, task, n, score, once), packed, args });
  return undefined;
}

/** What the table holds of a task that waits for its first attempt. */
function newRow(tenant: string, { spec, lane, args }: Submission, n: number, score: number, once: number): TaskRow {
  return {
    n,
    tenant,
    id: spec.id,
    state: STATE_CODE.QUEUED,
    lane,
    score,
    priority: spec.priority,
    attempt: 0,
    token: '',
    worker: '',
    losses: 0,
    abandonments: 0,
    retries: 0,
    started_at: 0,
    expires_at: spec.expires_at,
    pinned: 0,
    ttl: spec.result_ttl_ms,
    max_attempts: spec.max_attempts,
    once,
    args_bytes: args.length,
    function_id: spec.function_id,
    digest: spec.digest,
    runtime: spec.runtime,
    result_as: spec.result_as,
    grp: spec.group,
  };
}
