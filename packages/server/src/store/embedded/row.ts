// A task's row, as far as the acts need it.
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

export const TASK_COLUMNS = `n, tenant, id, state, lane, score, priority, attempt, token, worker, losses, abandonments, retries,
  started_at, expires_at, pinned, ttl, max_attempts, once, args_bytes, function_id, digest, runtime, result_as, grp`;
