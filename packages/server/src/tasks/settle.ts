// From an attempt's outcome to what the store is told: the table of docs/state-machine.md, "What an end means".
import { backoffMs } from '../backoff.ts';
import type { ErrorInfo, ReleaseReason } from '../lifecycle/outcome.ts';
import type { RetryPolicy } from '../lifecycle/spec.ts';
import type { Release, Settlement } from '../store/index.ts';
import type { Ending } from './ending.ts';

export type Verdict = { is: 'settle'; settlement: Settlement } | { is: 'release'; release: Release };

/** What becomes of an attempt; `random` in [0, 1). */
export function verdictOf(ending: Ending, random: number): Verdict {
  const { fence, spec, retries, outcome, worker, startedAt, logs } = ending;
  const base = { fence, worker, startedAt, logs };
  switch (outcome.is) {
    case 'completed':
      return settle({ ...base, is: 'end', state: 'COMPLETED', result: outcome.result });
    case 'failed': {
      if (outcome.kind === 'raised' && spec.retry !== null && mayRetry(spec.retry, outcome.error, retries)) {
        return settle({
          ...base,
          is: 'retry',
          delayMs: retryDelay(spec.retry, retries, random),
          error: outcome.error,
        });
      }
      const pickle = outcome.pickle && { pickle: outcome.pickle };
      return settle({ ...base, is: 'end', state: 'FAILED', kind: outcome.kind, error: outcome.error, ...pickle });
    }
    case 'lost':
      return settle({ ...base, is: 'loss', error: outcome.error });
    case 'released':
      // Whoever gives it back: what runs at most once and had begun is over.
      if (spec.at_most_once && startedAt > 0) return settle({ ...base, is: 'loss', error: begunOnce(outcome.reason) });
      return { is: 'release', release: { fence, reason: outcome.reason, worker, message: '', startedAt } };
  }
}

/**
 * The same ending without what was reported of it, for a store that refuses it for what it holds: what could not be kept
 * the first time will not be the next, so the attempt is over, and its end says why.
 */
export function withoutContent(ending: Ending): Ending {
  const { outcome, startedAt } = ending;
  const plain = { ...ending, startedAt: Number.isSafeInteger(startedAt) ? startedAt : 0, logs: null };
  switch (outcome.is) {
    case 'completed':
    case 'failed':
      return { ...plain, outcome: { is: 'failed', kind: 'result_not_serializable', error: NOT_KEPT } };
    case 'lost':
      return { ...plain, outcome: { is: 'lost', error: { ...NOT_KEPT, type: 'WorkerLost' } } };
    case 'released':
      return plain;
  }
}

const NOT_KEPT: ErrorInfo = {
  type: 'ValueError',
  message: "the store could not keep what was reported of this attempt's end; the dispatcher's log tells why",
  traceback: '',
};

function begunOnce(reason: ReleaseReason): ErrorInfo {
  const message = `the call was given back after it had begun (${reason}); it runs at most once, so it is not begun again`;
  return { type: 'WorkerLost', message, traceback: '' };
}

function settle(settlement: Settlement): Verdict {
  return { is: 'settle', settlement };
}

/** Does the user's policy allow another try after this exception? */
export function mayRetry(policy: RetryPolicy, error: ErrorInfo, retriesSoFar: number): boolean {
  if (retriesSoFar >= policy.max_retries) return false;
  if (policy.on.length === 0) return true;
  return policy.on.includes(error.type) || (error.bases ?? []).some((base) => policy.on.includes(base));
}

function retryDelay(policy: RetryPolicy, retriesSoFar: number, random: number): number {
  return backoffMs(
    { baseMs: policy.backoff_ms, maxMs: policy.max_backoff_ms, factor: policy.factor },
    retriesSoFar + 1,
    random,
  );
}
