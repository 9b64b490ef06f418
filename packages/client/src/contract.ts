// Made from packages/contract by scripts/contract-interfaces.mjs: change that, and run it again.

/** @internal */
export const MAX_BATCH_TASKS = 10000;
/** @internal */
export const MAX_RESULT_IDS = 10000;
/** @internal */
export const MAX_WAIT_MS = 60000;

/**
 * Which class a problem is thrown as: by its code where that is said here, else by its status; one that is not said is a
 * BadRequest, from 500 on a ServiceFault. @internal
 */
export const CLASS_OF: Record<string | number, NamedClass> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  route_not_found: 'VersionMismatch',
  406: 'SerializationError',
  409: 'Conflict',
  410: 'NotFound',
  413: 'TooLarge',
  not_self_contained: 'NotSelfContained',
  idempotency_key_reused: 'Conflict',
  429: 'RateLimited',
  queue_full: 'QueueFull',
  503: 'Unavailable',
};

/** @internal */
export type NamedClass =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'VersionMismatch'
  | 'SerializationError'
  | 'Conflict'
  | 'TooLarge'
  | 'NotSelfContained'
  | 'RateLimited'
  | 'QueueFull'
  | 'ServiceFault'
  | 'Unavailable';

/** What a function says for all of its tasks */
export type FunctionOptions = Omit<TaskOptions, 'notBefore' | 'expiresAt' | 'group' | 'traceparent'>;

/** What is left out is taken from the function, then from the service */
export interface TaskOptions {
  /** Higher goes first */
  priority?: number | undefined;
  /** Time limit of an attempt; 0 = none */
  timeoutMs?: number | undefined;
  /** Memory of a call beyond that of its process before; 0 = no limit */
  memoryBytes?: number | undefined;
  /** How often its runner or worker may be lost */
  maxAttempts?: number | undefined;
  /** For exceptions that the function raises */
  retry?: RetryPolicy | undefined;
  /** Never started twice: a loss ends it, no retry */
  atMostOnce?: boolean | undefined;
  /** How long the end is kept */
  resultTtlMs?: number | undefined;
  tags?: string[] | undefined;
  /** `warm`: processes are kept; `task`: one for each call */
  isolation?: 'warm' | 'task' | undefined;
  /** Labels the worker must have: `key=value`, or `key` with any value or none */
  labels?: string[] | undefined;
  /** RFC 3339, UTC */
  notBefore?: Date | string | undefined;
  /** RFC 3339, UTC */
  expiresAt?: Date | string | undefined;
  /** For lists and events */
  group?: string | undefined;
  /** W3C trace context */
  traceparent?: string | undefined;
}

/** For exceptions that the function raises */
export interface RetryPolicy {
  /** Retries after the first attempt */
  maxRetries: number;
  /** First wait (1000), full jitter */
  backoffMs?: number | undefined;
  /** Growth of the wait (2) */
  factor?: number | undefined;
  /** Longest wait (60000) */
  maxBackoffMs?: number | undefined;
  /** Exception type names to retry, bases count; empty = all */
  on?: string[] | undefined;
}

export interface FunctionRecord {
  function_id: string;
  name: string;
  version: number;
  runtime: 'python' | 'javascript';
  form: 'pickle' | 'source';
  entry: string;
  python: string;
  description: string;
  pickler: string;
  source_text: string;
  digest: string;
  code_bytes: number;
  options: Record<string, unknown>;
  created_at: string;
}

export interface Task {
  task_id: string;
  status: 'QUEUED' | 'DELAYED' | 'BLOCKED' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELED';
  waits: {
    reason: 'delayed' | 'blocked' | 'no_worker' | 'no_worker_with_runtime' | 'behind_others';
    detail: string;
  } | null;
  function: {
    function_id: string;
    name: string;
    version: number;
  };
  runtime: 'python' | 'javascript';
  submitted_at: string;
  due_at: string | null;
  claimed_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  worker: string | null;
  attempt: number;
  losses: number;
  attempts: {
    attempt: number;
    at: string;
    worker: string | null;
    reason: string;
    message: string;
  }[];
  error: TaskError | null;
  pinned: boolean;
  args_as: 'pickle' | 'json';
  args_bytes: number;
  result_bytes: number;
  options: {
    priority: number;
    timeout_ms: number;
    memory_bytes: number;
    max_attempts: number;
    retry: {
      max_retries: number;
      backoff_ms?: number | undefined;
      factor?: number | undefined;
      max_backoff_ms?: number | undefined;
      on?: string[] | undefined;
    } | null;
    at_most_once: boolean;
    not_before: string | null;
    expires_at: string | null;
    result_ttl_ms: number;
    group: string;
    tags: string[];
    isolation: 'warm' | 'task';
    labels: string[];
    result_as: 'json' | 'pickle' | 'both';
    traceparent: string;
  };
}

/** Why a task ended without a value; with the attempts before it where there were any and it stands alone */
export interface TaskError {
  kind:
    | 'raised'
    | 'timed_out'
    | 'memory_exceeded'
    | 'load_failed'
    | 'result_not_serializable'
    | 'result_not_json'
    | 'result_too_large'
    | 'version_mismatch'
    | 'lost'
    | 'expired'
    | 'canceled';
  type: string;
  message: string;
  traceback: string;
  details: Record<string, string | number>;
  attempts?:
    | {
        attempt: number;
        at: string;
        worker: string | null;
        reason: string;
        message: string;
      }[]
    | undefined;
}

/** How a task ended */
export interface TaskResult {
  task_id: string;
  status: 'COMPLETED' | 'FAILED' | 'CANCELED';
  ended_at: string;
  value?: unknown;
  pickle?: string | undefined;
  error: TaskError | null;
}

export interface Results {
  results: TaskResult[];
  pending: string[];
  unknown: string[];
}

export interface TaskLogs {
  task_id: string;
  attempt: number;
  stdout: {
    text: string;
    gap_at: number | null;
    dropped_bytes: number;
    total_bytes: number;
  };
  stderr: {
    text: string;
    gap_at: number | null;
    dropped_bytes: number;
    total_bytes: number;
  };
}

export interface LogEvent {
  attempt: number;
  stream: 'stdout' | 'stderr';
  offset: number;
  text: string;
}

/** The data of an `event: task.ended` */
export interface TaskEnded {
  task_id: string;
  status: 'COMPLETED' | 'FAILED' | 'CANCELED';
  kind:
    | 'raised'
    | 'timed_out'
    | 'memory_exceeded'
    | 'load_failed'
    | 'result_not_serializable'
    | 'result_not_json'
    | 'result_too_large'
    | 'version_mismatch'
    | 'lost'
    | 'expired'
    | 'canceled'
    | null;
  group: string;
  result?: TaskResult | null | undefined;
}

/** RFC 9457 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors?:
    | {
        pointer: string;
        message: string;
      }[]
    | undefined;
  limit?: number | undefined;
  option?: string | undefined;
  retry_after_ms?: number | undefined;
  accepted?: number[] | undefined;
  task_id?: string | undefined;
  task_status?: string | undefined;
  task_error?: TaskError | undefined;
  troubles?: string[] | undefined;
  names?: string[] | undefined;
  stored?: string[] | undefined;
}

export interface CanceledMany {
  canceled: string[];
  running: string[];
  ended: string[];
  unknown: string[];
}

export interface Fleet {
  items: Worker[];
  dispatchers: Dispatcher[];
}

export interface Worker {
  worker_id: string;
  dispatcher_id: string;
  mode: 'local' | 'pull' | 'push';
  host: string;
  pid: number;
  version: string;
  state: 'ready' | 'draining' | 'lost';
  slots: number;
  busy: number;
  waiting: number;
  credits: number;
  runtimes: {
    runtime: 'python' | 'javascript';
    version: string;
    broken: string | null;
    pickles: string | null;
    dill: string | null;
  }[];
  labels: string[];
  registered_at: string;
  seen_at: string;
}

export interface Dispatcher {
  dispatcher_id: string;
  mode: 'local' | 'pull' | 'push';
  host: string;
  pid: number;
  version: string;
  address: string;
  troubles: string[];
  started_at: string;
  seen_at: string;
}

export interface Stats {
  submitted: number;
  ended: Record<string, number>;
  requeued: Record<string, number>;
  states: Record<string, number>;
  queued_bytes: number;
  lanes: {
    lane: string;
    waiting: number;
    oldest_at: string | null;
  }[];
  slots: number;
  busy: number;
  workers: number;
}

export interface Version {
  name: string;
  version: string;
  api: string;
  node: string;
  store: string;
}
