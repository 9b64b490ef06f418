// The ends that the store itself makes, as errors that a person understands.
import type { ErrorInfo } from '../lifecycle/outcome.ts';
import { MAX_ABANDONMENTS } from './timing.ts';

function platformError(type: string, message: string): ErrorInfo {
  return { type, message, traceback: '' };
}

export const EXPIRED: ErrorInfo = platformError('TaskExpired', 'The task was not started by its expires_at.');
export const CANCELED: ErrorInfo = platformError('TaskCanceled', 'The task was canceled on request.');
export const ABANDONED: ErrorInfo = platformError(
  'WorkerLost',
  `Whoever held the task went away without a word ${MAX_ABANDONMENTS} times; see its history.`,
);
export const ABANDONED_ONCE: ErrorInfo = platformError(
  'WorkerLost',
  'Whoever held the task went away without a word, and the task may run at most once.',
);

const FILE_LOST =
  'file in the data directory is gone or cut short; through a power failure, only --sync full keeps all';
export const ARGUMENTS_LOST: ErrorInfo = platformError(
  'PayloadLost',
  `The task's arguments are lost: their ${FILE_LOST}.`,
);
export const RESULT_LOST: ErrorInfo = platformError('PayloadLost', `The task's result is lost: its ${FILE_LOST}.`);

/** What a loss becomes when it was the last one allowed. */
export function finalLoss(error: ErrorInfo): ErrorInfo {
  return { ...error, type: 'WorkerLost' };
}

/** Why a task was requeued when its lease ran out. */
export const LEASE_RAN_OUT = 'the lease ran out';
