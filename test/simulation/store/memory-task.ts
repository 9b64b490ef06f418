// A task in memory: what the embedded store's tables hold of it, in one object.
import type { FailureKind, TaskState } from '@mpcsfaas/contract';
import type { AttemptNote, ErrorInfo, ResultForms, TaskLogs } from '../../../packages/server/src/lifecycle/outcome.ts';
import type { TaskSpec } from '../../../packages/server/src/lifecycle/spec.ts';
import type { Standing } from '../../../packages/server/src/store/rules.ts';
import { STATE_CODE, stateOf } from '../../../packages/server/src/store/state-code.ts';
import type { Submission, TaskRecord } from '../../../packages/server/src/store/store.ts';

/** Times are Unix ms by the store's clock; 0 where it has not happened. */
export interface MemoryTask extends Standing {
  readonly spec: TaskSpec;
  readonly packed: Buffer;
  readonly lane: string;
  readonly args: Buffer;
  score: number;
  claimer: string;
  worker: string;
  readonly submittedAt: number;
  claimedAt: number;
  startedAt: number;
  endedAt: number;
  dueAt: number;
  /** 0 = does not expire (any more). */
  expiresAt: number;
  /** End of the lease of a RUNNING task. */
  leaseUntil: number;
  deleteAt: number;
  pinned: boolean;
  kind: FailureKind | '';
  error: ErrorInfo | null;
  result: ResultForms;
  /** Never changed in place: a copy of the task keeps the old one. */
  history: readonly AttemptNote[];
  logs: { attempt: number; logs: TaskLogs } | undefined;
}

export function newTask(submission: Submission, state: TaskState, score: number, now: number): MemoryTask {
  const { spec, packed, lane, args } = submission;
  return {
    spec,
    packed,
    lane,
    args,
    score,
    state: STATE_CODE[state],
    attempt: 0,
    token: '',
    losses: 0,
    abandonments: 0,
    retries: 0,
    once: spec.at_most_once ? 1 : 0,
    max_attempts: spec.max_attempts,
    claimer: '',
    worker: '',
    submittedAt: now,
    claimedAt: 0,
    startedAt: 0,
    endedAt: 0,
    dueAt: state === 'DELAYED' ? spec.not_before : 0,
    expiresAt: spec.expires_at,
    leaseUntil: 0,
    deleteAt: 0,
    pinned: false,
    kind: '',
    error: null,
    result: {},
    history: [],
    logs: undefined,
  };
}

export function resultBytes({ result }: MemoryTask): number {
  return (result.json?.length ?? 0) + (result.pickle?.length ?? 0);
}

export function recordOf(task: MemoryTask): TaskRecord {
  const { spec, attempt, losses, abandonments, retries, submittedAt, claimedAt, startedAt, endedAt } = task;
  return {
    spec,
    state: stateOf(task.state),
    attempt,
    losses,
    abandonments,
    retries,
    submittedAt,
    claimedAt,
    startedAt,
    endedAt,
    dueAt: stateOf(task.state) === 'DELAYED' ? task.dueAt : 0,
    worker: task.worker,
    kind: task.kind,
    error: task.error,
    history: [...task.history],
    pinned: task.pinned,
    argsBytes: task.args.length,
    resultBytes: resultBytes(task),
  };
}
