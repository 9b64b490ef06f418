// A task's row, as far as the acts need it.
import type { Columns } from './database.ts';
import type { TaskSpec } from '../../lifecycle/spec.ts';

/** What every move needs to know. */
export interface TaskRow {
  n: number;
  tenant: string;
  id: string;
  state: number;
  lane: string;
  score: number;
  priority: number;
  attempt: number;
  token: string;
  worker: string;
  losses: number;
  abandonments: number;
  retries: number;
  started_at: number;
  /** 0 = does not expire (any more). */
  expires_at: number;
  pinned: number;
  ttl: number;
  max_attempts: number;
  once: number;
  args_bytes: number;
  function_id: string;
  digest: string;
  runtime: TaskSpec['runtime'];
  result_as: TaskSpec['result_as'];
  grp: string;
}

/** Selects what `taskRowOf` reads, in its order. */
export const TASK_COLUMNS = `n, tenant, id, state, lane, score, priority, attempt, token, worker, losses, abandonments, retries,
  started_at, expires_at, pinned, ttl, max_attempts, once, args_bytes, function_id, digest, runtime, result_as, grp`;

/** By place: taking a row apart costs as much as reading it. */
export function taskRowOf(at: Columns): TaskRow {
  // SQLite holds the columns to their types (STRICT).
  return {
    n: at[0],
    tenant: at[1],
    id: at[2],
    state: at[3],
    lane: at[4],
    score: at[5],
    priority: at[6],
    attempt: at[7],
    token: at[8],
    worker: at[9],
    losses: at[10],
    abandonments: at[11],
    retries: at[12],
    started_at: at[13],
    expires_at: at[14],
    pinned: at[15],
    ttl: at[16],
    max_attempts: at[17],
    once: at[18],
    args_bytes: at[19],
    function_id: at[20],
    digest: at[21],
    runtime: at[22],
    result_as: at[23],
    grp: at[24],
  } as unknown as TaskRow;
}
