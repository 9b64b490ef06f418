// submit: validated whole, then written whole; one transaction whatever the size.
import { scoreOf } from '../../lifecycle/order.ts';
import { STATE_CODE } from '../state-code.ts';
import type { QueueLimits, Submission, SubmitAnswer } from '../store.ts';
import { byId, byKey, judged, type Accepted } from '../submit-rules.ts';
import { CameBefore } from './arrivals.ts';
import type { Database } from './database.ts';
import { IN_ROW_BYTES, putPayload } from './payloads.ts';
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
    submittedAt: (id) => {
      act.arrivals.flush();
      const sql = 'SELECT submitted_at FROM task WHERE tenant = ? AND id = ?';
      return act.db.get<{ submitted_at: number }>(sql, tenant, id)?.submitted_at;
    },
    waiting: () => {
      const states = (['QUEUED', 'DELAYED', 'BLOCKED'] as const).map((state) => act.counter(tenant, `state:${state}`));
      return { tasks: states.reduce((sum, n) => sum + n, 0), bytes: act.counter(tenant, 'bytes') };
    },
  };
}

/** Undefined, or the answer for a task that is here already. */
function insert(act: Act, tenant: string, task: Submission, accepted: Accepted): SubmitAnswer | undefined {
  const { spec, packed, lane, args, key } = task;
  const state = spec.not_before > act.now ? 'DELAYED' : 'QUEUED';
  const n = act.sequence();
  const row = newRow(tenant, task, n, state);
  const isSmall = packed.length + args.length <= IN_ROW_BYTES;
  const inRow = isSmall ? { header: packed, args } : { header: null, args: null };
  if (!act.arrivals.add({ row, spec, submittedAt: act.now, ...inRow })) return byId(task, accepted);
  if (!isSmall) {
    act.db.run('INSERT INTO payload (n, header, args) VALUES (?, ?, ?)', n, packed, putPayload(act, n, 'args', args));
  }
  if (key !== undefined) {
    const sql =
      'INSERT INTO request_key (tenant, name, n, id, content) VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, name) DO NOTHING';
    // Another task's key was seen before: this is the same task.
    if (act.db.run(sql, tenant, key.name, n, spec.id, key.content) === 0) throw new CameBefore();
  }
  act.count(tenant, 'submitted', 1);
  countState(act, { tenant, lane, args_bytes: args.length }, state, 1);
  if (state === 'QUEUED') act.fresh.add({ row, spec, packed, args });
  return undefined;
}

/** What the table is to hold of a task that waits for its first attempt. */
function newRow(tenant: string, { spec, lane, args }: Submission, n: number, state: 'QUEUED' | 'DELAYED'): TaskRow {
  return {
    n,
    tenant,
    id: spec.id,
    state: STATE_CODE[state],
    lane,
    score: scoreOf(spec.priority, n),
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
    once: spec.at_most_once ? 1 : 0,
    args_bytes: args.length,
    function_id: spec.function_id,
    digest: spec.digest,
    runtime: spec.runtime,
    result_as: spec.result_as,
    grp: spec.group,
  };
}
