// What one attempt came to, as data. Everything that can happen to a call is one of four things.
import { FAILURE_KINDS } from '@mpcsfaas/contract/words';
import type { FailureKind, LogStream } from '@mpcsfaas/contract';

/** How a failure is told to people and programs, beside any pickle. */
export interface ErrorInfo {
  /** Exception type name, e.g. `ValueError`, or the platform's own: `TimeoutError`, `WorkerLost` … */
  type: string;
  message: string;
  /** Bounded text; '' where there is none. */
  traceback: string;
  /** Names of the type's bases, for the user's retry policy. */
  bases?: string[];
  /** Signal, exit code, memory and the like. */
  details?: Record<string, string | number>;
}

/** A value in the forms that were asked for: raw JSON text and/or raw pickle bytes. */
export interface ResultForms {
  json?: Buffer;
  pickle?: Buffer;
}

/** The caller's value. */
export interface Completed {
  is: 'completed';
  result: ResultForms;
}

/** How a call itself can fail. The other kinds are ends that the platform makes. */
type AttemptKind = Exclude<FailureKind, 'lost' | 'expired' | 'canceled'>;
export const ATTEMPT_KINDS = FAILURE_KINDS.filter(
  (kind): kind is AttemptKind => kind !== 'lost' && kind !== 'expired' && kind !== 'canceled',
);

/** An end without a value: at once, except for `raised` under the user's retry policy. */
export interface Failed {
  is: 'failed';
  kind: AttemptKind;
  error: ErrorInfo;
  /** The pickled exception, where the task asked for pickle and Python could make one. */
  pickle?: Buffer;
}

/** The runner or worker died while the call was started or may have been: charged to `losses`. */
export interface Lost {
  is: 'lost';
  error: ErrorInfo;
}

/** Handed back, in general before it was started: never charged. */
export interface Released {
  is: 'released';
  reason: ReleaseReason;
}

export const RELEASE_REASONS = [
  'handed_back', // recalled, or the holder has no use for it
  'drain', // the worker or dispatcher goes away
  'undelivered', // sent, but the worker does not name it
  'no_code', // the code's bytes could not be had for the moment
  'runner_unavailable', // the runner cannot start
  'runner_gone', // begun, and its runner ended because of a call before it
  'unclaimed_answer', // the answer of the claim was lost, or nobody fits any more
] as const;
export type ReleaseReason = (typeof RELEASE_REASONS)[number];

export type Outcome = Completed | Failed | Lost | Released;

/** One piece of what a call printed. Offsets count bytes of its stream from the call's start. */
export interface LogChunk {
  stream: LogStream;
  offset: number;
  bytes: Buffer;
}

/** One stream's kept output: the first bytes and the last ones. head.length + dropped = total - tail.length. */
export interface StreamLog {
  head: Buffer;
  tail: Buffer;
  /** Bytes the stream had in all; what is in neither head nor tail was dropped. */
  total: number;
}

export type TaskLogs = Record<LogStream, StreamLog>;

/** A pause in one attempt's life, kept with the task: why it was given back or lost. */
export interface AttemptNote {
  attempt: number;
  /** Unix ms. */
  at: number;
  /** Worker id, '' where none had it. */
  worker: string;
  /** `lost`, `abandoned`, `retry` or a ReleaseReason. */
  reason: string;
  message: string;
}
