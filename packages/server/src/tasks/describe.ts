// From the store's records to the bodies of the API.
import type { Task, TaskError, TaskState } from '@mpcsfaas/contract';
import type { AnswerOf } from '@mpcsfaas/contract';
import type { AttemptNote } from '../lifecycle/outcome.ts';
import type { EndedTask, FunctionRecord, TaskRecord } from '../store/index.ts';
import { whyItWaits } from './waits-why.ts';
import type { Surroundings } from './waits-why.ts';

export function describeTask(record: TaskRecord, around: Surroundings): Task {
  const { spec } = record;
  return {
    task_id: spec.id,
    status: record.state,
    waits: whyItWaits(record, around),
    function: { function_id: spec.function_id, name: spec.function_name, version: spec.function_version },
    runtime: spec.runtime,
    submitted_at: timeText(record.submittedAt),
    due_at: record.state === 'DELAYED' ? timeOrNull(record.dueAt) : null,
    claimed_at: timeOrNull(record.claimedAt),
    started_at: timeOrNull(record.startedAt),
    ended_at: timeOrNull(record.endedAt),
    worker: record.worker === '' ? null : record.worker,
    attempt: record.attempt,
    losses: record.losses,
    attempts: describeHistory(record.history),
    error: describeError(record),
    pinned: record.pinned,
    args_as: spec.args_as,
    args_bytes: record.argsBytes,
    result_bytes: record.resultBytes,
    options: {
      priority: spec.priority,
      timeout_ms: spec.timeout_ms,
      memory_bytes: spec.memory_bytes,
      max_attempts: spec.max_attempts,
      retry: spec.retry,
      at_most_once: spec.at_most_once,
      not_before: timeOrNull(spec.not_before),
      expires_at: timeOrNull(spec.expires_at),
      result_ttl_ms: spec.result_ttl_ms,
      group: spec.group,
      tags: spec.tags,
      isolation: spec.isolation,
      labels: spec.labels,
      result_as: spec.result_as,
      traceparent: spec.traceparent,
    },
  };
}

/** Why it ended without a value; null where it did not. */
export function describeError(end: Pick<EndedTask, 'kind' | 'error' | 'history'>): TaskError | null {
  const { kind, error, history } = end;
  if (kind === '') return null;
  return {
    kind,
    type: error?.type ?? '',
    message: error?.message ?? '',
    traceback: error?.traceback ?? '',
    details: error?.details ?? {},
    ...(history !== undefined && { attempts: describeHistory(history) }),
  };
}

function describeHistory(history: readonly AttemptNote[]): Task['attempts'] {
  return history.map(({ attempt, at, worker, reason, message }) => ({
    attempt,
    at: timeText(at),
    worker: worker === '' ? null : worker,
    reason,
    message,
  }));
}

export function describeFunction(fn: FunctionRecord): AnswerOf<'getFunction', 200> {
  const { retry, ...defaults } = fn.defaults;
  return {
    function_id: fn.id,
    name: fn.name,
    version: fn.version,
    runtime: fn.runtime,
    form: fn.form,
    entry: fn.entry,
    python: fn.python,
    description: fn.description,
    pickler: fn.pickler ?? '',
    source_text: fn.sourceText ?? '',
    digest: fn.digest,
    code_bytes: fn.codeBytes,
    options: retry === undefined || retry === null ? defaults : { ...defaults, retry },
    created_at: timeText(fn.createdAt),
  };
}

/** The last one: of what is told together, much ended in the same millisecond. */
let lastTime = { ms: 0, text: new Date(0).toISOString() };

/** RFC 3339, UTC. */
export function timeText(ms: number): string {
  if (ms !== lastTime.ms) lastTime = { ms, text: new Date(ms).toISOString() };
  return lastTime.text;
}

function timeOrNull(ms: number): string | null {
  return ms === 0 ? null : timeText(ms);
}

/** Does a record in this state wait for something that `Surroundings` tell? */
export function waits(state: TaskState): boolean {
  return state === 'QUEUED';
}
