// sweep and abandon: what time does to tasks, and what the death of a claimer does.
import { EXPIRED } from '../platform-error.ts';
import { STATE_CODE } from '../state-code.ts';
import type { SweepReport } from '../store.ts';
import { EVENTS_KEPT, EVENTS_KEPT_MS, SWEEP_ENTRIES } from '../timing.ts';
import { dropReferences, reapCode } from './code.ts';
import { dropPayloads } from './payloads.ts';
import { TASK_COLUMNS } from './row.ts';
import { abandonTask, endTask, platformEnding, putBack, taskRow, unchanged } from './task-row.ts';
import type { TaskRow } from './row.ts';
import type { Act } from './turn.ts';

export interface SweepTimes {
  monoMs: number;
  /** How long code stays that nothing names, ms. */
  graceMs: number;
  /** '' or why no lease is looked at now. */
  letBe: string;
}

export function sweep(act: Act, tenant: string, { monoMs, graceMs, letBe }: SweepTimes): SweepReport {
  const expired = expire(act, tenant);
  const promoted = promote(act, tenant);
  const abandoned = letBe === '' ? ranOut(act, tenant, monoMs) : 0;
  const deleted = forget(act, tenant);
  reapCode(act, tenant, graceMs);
  trimEvents(act);
  act.db.run('DELETE FROM dispatcher WHERE until <= ?', act.now);
  const more = Math.max(expired, promoted, abandoned, deleted) >= SWEEP_ENTRIES;
  return { skipped: letBe, promoted, expired, abandoned, deleted, more, nextMs: nextMs(act, tenant) };
}

/** Until the next delayed task is due or the next waiting one expires. */
function nextMs(act: Act, tenant: string): number {
  const first = (sql: string): number => act.db.get<{ at: number | null }>(sql, tenant)?.at ?? Number.POSITIVE_INFINITY;
  const due = first(`SELECT min(due_at) AS at FROM task WHERE tenant = ? AND state = ${STATE_CODE.DELAYED}`);
  const expires = first('SELECT min(expires_at) AS at FROM task WHERE tenant = ? AND expires_at > 0 AND state < 3');
  return Math.max(0, Math.min(due, expires) - act.now);
}

function expire(act: Act, tenant: string): number {
  const rows = act.db.all<TaskRow>(
    `SELECT ${TASK_COLUMNS} FROM task WHERE tenant = ? AND expires_at > 0 AND state < 3 AND expires_at <= ?
      ORDER BY expires_at LIMIT ${SWEEP_ENTRIES}`,
    tenant,
    act.now,
  );
  for (const row of rows) endTask(act, row, platformEnding(row, 'expire', 'FAILED', 'expired', EXPIRED));
  return rows.length;
}

function promote(act: Act, tenant: string): number {
  const rows = act.db.all<TaskRow>(
    `SELECT ${TASK_COLUMNS} FROM task WHERE tenant = ? AND state = ${STATE_CODE.DELAYED} AND due_at <= ?
      ORDER BY due_at LIMIT ${SWEEP_ENTRIES}`,
    tenant,
    act.now,
  );
  for (const row of rows) {
    putBack(act, row, { ...unchanged(row), move: 'promote', to: 'QUEUED' });
  }
  return rows.length;
}

function ranOut(act: Act, tenant: string, monoMs: number): number {
  let abandoned = 0;
  for (const id of act.running.ranOut(tenant, monoMs, SWEEP_ENTRIES)) {
    const row = taskRow(act, tenant, id);
    if (row?.state !== STATE_CODE.RUNNING) continue;
    abandonTask(act, row);
    abandoned += 1;
  }
  return abandoned;
}

/** Every RUNNING task of a claimer that is known to be gone. */
export function abandon(act: Act, tenant: string, claimer: string): number {
  const rows = act.db.all<TaskRow>(
    `SELECT ${TASK_COLUMNS} FROM task WHERE tenant = ? AND claimer = ? AND state = ${STATE_CODE.RUNNING}`,
    tenant,
    claimer,
  );
  for (const row of rows) abandonTask(act, row);
  return rows.length;
}

interface DoomedRow extends Pick<TaskRow, 'n' | 'id' | 'digest' | 'args_bytes'> {
  result_bytes: number;
  /** 1 where its payload, and where its end, is in a row of its own. */
  payload_apart: number;
  end_apart: number;
}

const DOOMED = `SELECT n, id, digest, args_bytes, result_bytes, header IS NULL AS payload_apart,
  error = '' AND json IS NULL AND pickle IS NULL AS end_apart
  FROM task WHERE tenant = ? AND delete_at > 0 AND delete_at <= ? ORDER BY delete_at LIMIT ${SWEEP_ENTRIES}`;

function forget(act: Act, tenant: string): number {
  const rows = act.db.all<DoomedRow>(DOOMED, tenant, act.now);
  const references = new Map<string, number>();
  for (const row of rows) {
    const { n, id, digest } = row;
    const apart = [...(row.payload_apart === 1 ? ['payload'] : []), ...(row.end_apart === 1 ? ['ending'] : [])];
    for (const table of [...apart, 'history', 'log', 'request_key', 'task']) {
      act.db.run(`DELETE FROM ${table} WHERE n = ?`, n);
    }
    act.committed(() => act.late.forget(id));
    dropPayloads(act, n, row.args_bytes, row.result_bytes);
    references.set(digest, (references.get(digest) ?? 0) + 1);
  }
  for (const [digest, count] of references) dropReferences(act, tenant, digest, count);
  return rows.length;
}

/** Events are in order of time, so the log is cut at one place. The last one stays: its number is where the next goes on. */
function trimEvents(act: Act): void {
  const ends = act.db.get<{ oldest: number | null; newest: number }>(
    'SELECT min(n) AS oldest, max(n) AS newest FROM event',
  );
  if (ends === undefined || ends.oldest === null) return;
  const fresh = act.db.get<{ n: number }>(
    'SELECT n FROM event WHERE at >= ? ORDER BY n LIMIT 1',
    act.now - EVENTS_KEPT_MS,
  );
  const cut = Math.max(ends.newest - EVENTS_KEPT, (fresh?.n ?? ends.newest) - 1);
  if (cut >= ends.oldest) act.db.run('DELETE FROM event WHERE n <= ?', Math.min(cut, ends.oldest + 4 * SWEEP_ENTRIES));
}

/** A new incarnation gives every RUNNING task one lease time in which its owner may renew. */
export function adoptRunning(act: Act, monoMs: number): void {
  const sql = `SELECT tenant, id FROM task WHERE state = ${STATE_CODE.RUNNING}`;
  for (const { tenant, id } of act.db.all<{ tenant: string; id: string }>(sql)) {
    act.committed(() => act.running.hold(tenant, id, monoMs));
  }
}
