// The values that the documented examples share. The contract's test replaces the ids by those of its own real tasks.

export const SAMPLE = {
  functionId: '01930000-0000-7000-8000-000000000001',
  classicFunctionId: '01930000-0000-7000-8000-000000000002',
  /** COMPLETED with 42, stored as JSON and pickle. */
  endedTask: '01930000-0000-7000-8000-000000000010',
  /** QUEUED. */
  waitingTask: '01930000-0000-7000-8000-000000000011',
  /** QUEUED; an example cancels it. */
  cancelTask: '01930000-0000-7000-8000-000000000012',
  /** QUEUED; an example cancels it with others. */
  cancelManyTask: '01930000-0000-7000-8000-000000000015',
  /** COMPLETED, submitted through the classic API. */
  classicTask: '01930000-0000-7000-8000-000000000013',
  /** An API key; an example revokes it. */
  spareKey: '01930000-0000-4000-8000-000000000020',
  newTask: '01930000-0000-7000-8000-000000000014',
  unknown: '7f0c0c1e-4d2a-4b39-9c35-0d7e5f1e6a11',
  /** The pickle of `builtins.len`, of `(("hello",), {})` and of 42. */
  lenPickle: 'Y2J1aWx0aW5zCmxlbgou\n',
  helloArgs: 'gAJYBQAAAGhlbGxvcQCFcQF9cQKGcQMu\n',
  pickle42: 'gAJLKi4=\n',
  time: '2025-01-31T12:00:00.000Z',
} as const;

export const SAMPLE_TASK = {
  task_id: SAMPLE.waitingTask,
  status: 'QUEUED',
  waits: { reason: 'no_worker', detail: 'No worker is connected. Start one, or run `mpcsfaas up`.' },
  function: { function_id: SAMPLE.functionId, name: 'double', version: 1 },
  runtime: 'python',
  submitted_at: SAMPLE.time,
  due_at: null,
  claimed_at: null,
  started_at: null,
  ended_at: null,
  worker: null,
  attempt: 0,
  losses: 0,
  attempts: [],
  error: null,
  pinned: false,
  args_as: 'json',
  args_bytes: 23,
  result_bytes: 0,
  options: {
    priority: 0,
    timeout_ms: 900_000,
    memory_bytes: 0,
    max_attempts: 3,
    retry: null,
    at_most_once: false,
    not_before: null,
    expires_at: null,
    result_ttl_ms: 86_400_000,
    group: '',
    tags: [],
    isolation: 'warm',
    labels: [],
    result_as: 'json',
    traceparent: '',
  },
} as const;

export const SAMPLE_RESULT = {
  task_id: SAMPLE.endedTask,
  status: 'COMPLETED',
  ended_at: SAMPLE.time,
  value: 42,
  error: null,
} as const;
