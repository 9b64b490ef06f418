// claim: the best waiting tasks of several lanes, in one order (S2, S7).
import { newToken } from '../../lifecycle/ids.ts';
import { specOf } from '../../lifecycle/spec.ts';
import { EXPIRED } from '../platform-error.ts';
import { startWithinMs } from '../rules.ts';
import { STATE_CODE } from '../state-code.ts';
import type { Claim, ClaimedTask, LaneQuota } from '../store.ts';
import { CLAIM_BYTES, SWEEP_ENTRIES } from '../timing.ts';
import { TASK_COLUMNS, taskRowOf } from './row.ts';
import { endTask, leaseKey, platformEnding, startAttempt } from './task-row.ts';
import type { TaskRow } from './row.ts';
import type { Act } from './turn.ts';

export function claim(
  act: Act,
  tenant: string,
  claimer: string,
  lanes: readonly LaneQuota[],
  max: number,
  monoMs: number,
): Claim {
  const handed: { score: number; task: ClaimedTask }[] = [];
  const quotas = new Map(lanes.map(({ lane, max: quota }) => [lane, quota]));
  let ended = 0;
  let bytes = 0;
  // A round ends what has expired and hands out the rest; another one fills the gaps that leaves.
  for (;;) {
    const waiting = bestOf(act, tenant, quotas, max - handed.length);
    const before = ended;
    for (const row of waiting) {
      if (row.expires_at > 0 && row.expires_at <= act.now) {
        endTask(act, row, platformEnding(row, 'expire', 'FAILED', 'expired', EXPIRED));
        ended += 1;
        continue;
      }
      bytes += row.args_bytes;
      if (bytes > CLAIM_BYTES && handed.length > 0) return { tasks: inOrder(handed), more: true, owes: false };
      handed.push({ score: row.score, task: handOut(act, row, claimer, monoMs) });
      quotas.set(row.lane, quotas.get(row.lane)! - 1);
    }
    if (ended === before || ended >= SWEEP_ENTRIES)
      return { tasks: inOrder(handed), more: (max > 0 && handed.length >= max) || ended > before, owes: false };
  }
}

/** A gap that was filled later may hold a better task than those before it. */
function inOrder(handed: { score: number; task: ClaimedTask }[]): ClaimedTask[] {
  return handed.sort((a, b) => a.score - b.score).map(({ task }) => task);
}

function bestOf(act: Act, tenant: string, quotas: ReadonlyMap<string, number>, max: number): TaskRow[] {
  const rows: TaskRow[] = [];
  for (const [lane, quota] of quotas) {
    const limit = Math.min(quota, max);
    if (limit <= 0) continue;
    const sql = `SELECT ${TASK_COLUMNS} FROM task WHERE tenant = ? AND lane = ? AND state = ${STATE_CODE.QUEUED} ORDER BY score LIMIT 0 + ?`;
    for (const columns of act.db.columns(sql, tenant, lane, limit)) rows.push(taskRowOf(columns));
  }
  return rows.sort((a, b) => a.score - b.score).slice(0, Math.max(0, max));
}

function handOut(act: Act, row: TaskRow, claimer: string, monoMs: number): ClaimedTask {
  const token = newToken();
  startAttempt(act, row, claimer, token);
  act.committed(() => act.running.hold(leaseKey(row.tenant, row.id), monoMs, row));
  const payload = act.db.firstColumns('SELECT header, args FROM payload WHERE n = ?', row.n) as Payload;
  const { header, packed } = act.headers.read(payload[0]);
  return {
    fence: { id: row.id, attempt: row.attempt, token },
    spec: specOf(row.id, header),
    packed,
    lane: row.lane,
    args: asBuffer(payload[1]),
    losses: row.losses,
    retries: row.retries,
    startWithinMs: startWithinMs(row, act.now),
  };
}

type Payload = readonly [header: Uint8Array, args: Uint8Array];

/** The same bytes, as the interface's type. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
