// The table of ends: what the store is told of each outcome, and when the user's own policy sends a task round again.
import { describe, expect, it } from 'vitest';
import type { ErrorInfo, Outcome } from '../../src/lifecycle/outcome.ts';
import type { RetryPolicy, TaskSpec } from '../../src/lifecycle/spec.ts';
import { mayRetry, verdictOf } from '../../src/tasks/settle.ts';

const error: ErrorInfo = {
  type: 'KeyError',
  message: 'x',
  traceback: '',
  bases: ['KeyError', 'LookupError', 'Exception'],
};
const policy: RetryPolicy = { max_retries: 2, backoff_ms: 100, factor: 2, max_backoff_ms: 1_000, on: [] };

function verdict(outcome: Outcome, retry: RetryPolicy | null = null, retries = 0) {
  return verdictFor({ retry }, 5, outcome, retries);
}

function verdictFor(spec: Partial<TaskSpec>, startedAt: number, outcome: Outcome, retries = 0) {
  const fence = { id: 'id', attempt: 1, token: 't' };
  return verdictOf({ fence, spec: spec as TaskSpec, retries, outcome, worker: 'w', startedAt, logs: null }, 0.5);
}

describe('what the store is told', () => {
  it('of a value: the end', () => {
    const told = verdict({ is: 'completed', result: { json: Buffer.from('1') } });
    expect(told).toMatchObject({
      is: 'settle',
      settlement: { is: 'end', state: 'COMPLETED', worker: 'w', startedAt: 5 },
    });
  });

  it.each([
    'raised',
    'timed_out',
    'memory_exceeded',
    'load_failed',
    'result_not_serializable',
    'result_not_json',
    'result_too_large',
    'version_mismatch',
  ] as const)('of %s: the end, at once', (kind) => {
    expect(verdict({ is: 'failed', kind, error })).toMatchObject({ settlement: { is: 'end', state: 'FAILED', kind } });
  });

  it('of a dead runner or worker: a loss', () => {
    expect(verdict({ is: 'lost', error })).toMatchObject({ is: 'settle', settlement: { is: 'loss', error } });
  });

  it('of what was handed back: a release, which is never charged', () => {
    expect(verdict({ is: 'released', reason: 'drain' })).toMatchObject({ is: 'release', release: { reason: 'drain' } });
  });
});

describe('a task that runs at most once', () => {
  const drained: Outcome = { is: 'released', reason: 'drain' };

  it('is given back where it was not begun', () => {
    expect(verdictFor({ at_most_once: true }, 0, drained)).toMatchObject({ is: 'release' });
  });

  it('is a loss where it was begun, whoever gives it back', () => {
    expect(verdictFor({ at_most_once: true }, 5, drained)).toMatchObject({
      settlement: {
        is: 'loss',
        startedAt: 5,
        error: { message: expect.stringMatching(/had begun \(drain\)/) as string },
      },
    });
  });
});

describe("the user's own policy", () => {
  it('sends round what the function raised, after a growing wait, and no more often than it says', () => {
    const raised: Outcome = { is: 'failed', kind: 'raised', error };
    expect(verdict(raised, policy, 0)).toMatchObject({ settlement: { is: 'retry', delayMs: 55 } });
    expect(verdict(raised, policy, 1)).toMatchObject({ settlement: { is: 'retry', delayMs: 110 } });
    expect(verdict(raised, policy, 2)).toMatchObject({ settlement: { is: 'end', kind: 'raised' } });
  });

  it('is for exceptions only', () => {
    expect(verdict({ is: 'failed', kind: 'timed_out', error }, policy)).toMatchObject({ settlement: { is: 'end' } });
    expect(verdict({ is: 'lost', error }, policy)).toMatchObject({ settlement: { is: 'loss' } });
  });

  it.each([
    [[], true],
    [['KeyError'], true],
    [['LookupError'], true],
    [['ValueError'], false],
  ])('names types, by themselves or by a base: %j', (on, expected) => {
    expect(mayRetry({ ...policy, on }, error, 0)).toBe(expected);
  });
});
