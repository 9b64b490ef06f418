// renew and release: what the current holder of an attempt may do besides ending it (S3, S5, S6).
import { RULES } from '../rules.ts';
import type { Fence } from '../../lifecycle/fence.ts';
import type { Release, Renewal } from '../store.ts';
import { addNote, putBack, taskRow, unchanged } from './task-row.ts';
import type { TaskRow } from './row.ts';
import type { Act } from './turn.ts';

/** The row, where the task is RUNNING under this very fence. */
export function currentRow(act: Act, tenant: string, fence: Fence): TaskRow | undefined {
  const known = act.doubts(fence.id) ? undefined : act.running.row(tenant, fence.id);
  const row = known ?? taskRow(act, tenant, fence.id);
  return row !== undefined && RULES.isCurrent(row, fence) ? row : undefined;
}

export function renew(act: Act, tenant: string, renewals: readonly Renewal[], monoMs: number): boolean[] {
  return renewals.map(({ fence, worker, startedAt }) => {
    const row = currentRow(act, tenant, fence);
    if (row === undefined) return false;
    if (row.worker !== worker || row.started_at !== startedAt) {
      act.db.run('UPDATE task SET worker = ?, started_at = ? WHERE n = ?', worker, startedAt, row.n);
    }
    act.committed(() => act.running.extend(tenant, fence.id, monoMs, worker, startedAt));
    return true;
  });
}

export function release(act: Act, tenant: string, releases: readonly Release[]): boolean[] {
  return releases.map(({ fence, reason, worker, message, startedAt = 0 }) => {
    const row = currentRow(act, tenant, fence);
    if (row === undefined) return false;
    addNote(act, row, { worker, reason, message });
    // A copy: what runs is as it is committed.
    const begun = { ...row, started_at: Math.max(row.started_at, startedAt) };
    putBack(act, begun, { ...unchanged(begun), ...RULES.released(begun), move: 'release', to: 'QUEUED' });
    act.count(tenant, 'requeued:released', 1);
    return true;
  });
}
