// The public words of the platform: states, ends, runtimes and encodings, each as one closed list.

/** Where a task is in its life. `RUNNING` means claimed; see docs/state-machine.md. */
export const TASK_STATES = ['QUEUED', 'DELAYED', 'BLOCKED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELED'] as const;
export type TaskState = (typeof TASK_STATES)[number];

/** The states that never change again. */
export const TERMINAL_STATES = ['COMPLETED', 'FAILED', 'CANCELED'] as const;
export type TerminalState = (typeof TERMINAL_STATES)[number];

export function isTerminal(state: TaskState): state is TerminalState {
  return state === 'COMPLETED' || state === 'FAILED' || state === 'CANCELED';
}

/** What the classic API shows of a state. */
export const CLASSIC_STATUS: Record<TaskState, 'QUEUED' | 'RUNNING' | 'COMPLETED' | 'FAILED'> = {
  QUEUED: 'QUEUED',
  DELAYED: 'QUEUED',
  BLOCKED: 'QUEUED',
  RUNNING: 'RUNNING',
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
  CANCELED: 'FAILED',
};

/** Why a task ended without a value. */
export const FAILURE_KINDS = [
  'raised', // the function raised
  'timed_out', // its time limit passed while it ran
  'memory_exceeded', // it passed the memory limit that we imposed
  'load_failed', // the function or its arguments could not be loaded
  'result_not_serializable', // the result (or a generator) could not be pickled
  'result_not_json', // JSON was asked for and the value at `path` does not fit
  'result_too_large', // the result passed max_result_bytes
  'version_mismatch', // byte code of another Python version
  'lost', // its runner or worker died max_attempts times (or once, at most once)
  'expired', // not started by expires_at
  'canceled', // canceled on request
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

export const RUNTIMES = ['python', 'javascript'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** How a function's code arrives: a dill or cloudpickle pickle, or source text. */
export const CODE_FORMS = ['pickle', 'source'] as const;
export type CodeForm = (typeof CODE_FORMS)[number];

/** How arguments are encoded. */
export const ARGS_ENCODINGS = ['pickle', 'json'] as const;
export type ArgsEncoding = (typeof ARGS_ENCODINGS)[number];

/** In which form or forms the runner makes the result. */
export const RESULT_FORMS = ['json', 'pickle', 'both'] as const;
export type ResultForm = (typeof RESULT_FORMS)[number];

/** How long a runner process is kept: for many calls of one owner, or for one call. */
export const ISOLATIONS = ['warm', 'task'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

export const LOG_STREAMS = ['stdout', 'stderr'] as const;
export type LogStream = (typeof LOG_STREAMS)[number];
