// A task as the API tells it, its end, and a problem.
import { Type } from './type.ts';
import type { Static } from 'typebox';
import { ARGS_ENCODINGS, FAILURE_KINDS, ISOLATIONS, RESULT_FORMS, RUNTIMES, TASK_STATES } from './vocabulary.ts';
import { TERMINAL_STATES } from './vocabulary.ts';
import { Id, Nullable, Payload, Time } from './fields.ts';
import { HISTORY_KEPT } from './limits.ts';
import { RetryPolicyBody } from './options.ts';

const Attempts = Type.Array(
  Type.Object({
    attempt: Type.Integer(),
    at: Time,
    worker: Nullable(Type.String(), 'Who had it'),
    reason: Type.String(),
    message: Type.String(),
  }),
  {
    maxItems: HISTORY_KEPT,
    description: `Attempts that came to nothing, and why; the newest ${HISTORY_KEPT}, oldest first`,
  },
);

export const TaskError = Type.Object(
  {
    kind: Type.Enum([...FAILURE_KINDS]),
    type: Type.String({ description: 'Exception type name' }),
    message: Type.String(),
    traceback: Type.String({ description: "'' where there is none" }),
    details: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]), {
      description:
        'What is known of the end: `exit_code`, `signal`, `timeout_ms`, `limit_bytes`, `seen_bytes`, `size_bytes`',
    }),
    attempts: Type.Optional(Attempts),
  },
  {
    title: 'TaskError',
    description:
      'Why a task ended without a value; with the attempts before it where there were any and it stands alone',
  },
);
export type TaskError = Static<typeof TaskError>;

export const WAIT_REASONS = ['delayed', 'blocked', 'no_worker', 'no_worker_with_runtime', 'behind_others'] as const;
export type WaitReason = (typeof WAIT_REASONS)[number];

export const Task = Type.Object(
  {
    task_id: Id,
    status: Type.Enum([...TASK_STATES]),
    waits: Nullable(
      Type.Object({ reason: Type.Enum([...WAIT_REASONS]), detail: Type.String() }),
      'Why it has not started; null where it does not wait',
    ),
    function: Type.Object({
      function_id: Id,
      name: Type.String(),
      version: Type.Integer({ description: '0 for a classic registration' }),
    }),
    runtime: Type.Enum([...RUNTIMES]),
    submitted_at: Time,
    due_at: Nullable(Time, 'When a DELAYED task may start'),
    claimed_at: Nullable(Time, 'When a dispatcher took it'),
    started_at: Nullable(Time, "When the user's code began"),
    ended_at: Nullable(Time, 'When it ended'),
    worker: Nullable(Type.String(), 'Who has or had it'),
    attempt: Type.Integer({ description: 'Claims so far' }),
    losses: Type.Integer({ description: 'Charged against max_attempts' }),
    attempts: Attempts,
    error: Nullable(TaskError, 'Why it ended without a value'),
    pinned: Type.Boolean({ description: 'Kept until unpinned' }),
    args_as: Type.Enum([...ARGS_ENCODINGS]),
    args_bytes: Type.Integer(),
    result_bytes: Type.Integer(),
    options: Type.Object({
      priority: Type.Integer(),
      timeout_ms: Type.Integer(),
      memory_bytes: Type.Integer(),
      max_attempts: Type.Integer(),
      retry: Nullable(RetryPolicyBody, 'null = never'),
      at_most_once: Type.Boolean(),
      not_before: Nullable(Time, 'null = at once'),
      expires_at: Nullable(Time, 'null = never'),
      result_ttl_ms: Type.Integer(),
      group: Type.String(),
      tags: Type.Array(Type.String()),
      isolation: Type.Enum([...ISOLATIONS]),
      labels: Type.Array(Type.String()),
      result_as: Type.Enum([...RESULT_FORMS]),
      traceparent: Type.String(),
    }),
  },
  { title: 'Task' },
);
export type Task = Static<typeof Task>;

export const TaskResult = Type.Object(
  {
    task_id: Id,
    status: Type.Enum([...TERMINAL_STATES]),
    ended_at: Time,
    value: Type.Optional(Type.Unknown({ description: 'The value as JSON, where it is stored so' })),
    pickle: Type.Optional(Payload),
    error: Nullable(TaskError, 'null where COMPLETED'),
  },
  { title: 'TaskResult', description: 'How a task ended' },
);
export type TaskResult = Static<typeof TaskResult>;

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'One text for people: what is wrong and what to do' }),
    code: Type.String({ description: 'One of the closed list of error codes' }),
    request_id: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() }))),
    limit: Type.Optional(Type.Integer({ description: 'The limit that was passed' })),
    option: Type.Optional(Type.String({ description: 'The option that raises the limit' })),
    retry_after_ms: Type.Optional(Type.Integer({ description: 'When to try again, as `Retry-After` says in seconds' })),
    accepted: Type.Optional(Type.Array(Type.Integer(), { description: 'Indexes of a batch that were accepted' })),
    task_id: Type.Optional(Type.String()),
    task_status: Type.Optional(Type.String()),
    task_error: Type.Optional(TaskError),
    troubles: Type.Optional(Type.Array(Type.String(), { description: 'What keeps the process from being ready' })),
    names: Type.Optional(Type.Array(Type.String(), { description: 'What a function uses and does not bring with it' })),
    stored: Type.Optional(Type.Array(Type.String(), { description: 'The forms in which the result is stored' })),
  },
  { title: 'Problem', description: 'RFC 9457' },
);
export type Problem = Static<typeof Problem>;
