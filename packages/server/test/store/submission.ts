// Tasks to submit, with every field a test does not care about filled in.
import { newId, timeOf } from '../../src/lifecycle/ids.ts';
import { laneOf } from '../../src/lifecycle/lane.ts';
import { headerOf, packTaskHeader } from '../../src/lifecycle/spec.ts';
import type { TaskSpec } from '../../src/lifecycle/spec.ts';
import type { NewFunction } from '../../src/store/functions.ts';
import type { EndedTask, ResultStore, Settlement, Submission } from '../../src/store/store.ts';
import type { Fence } from '../../src/lifecycle/fence.ts';

export const LANE = laneOf({ runtime: 'python', python: '', labels: [], at_most_once: false, form: 'pickle' });
export const NO_LIMITS = { maxTasks: 1_000_000, maxBytes: 1_000_000_000 };

export function submission(overrides: Partial<TaskSpec> = {}, args: Buffer | string = '[[1],{}]'): Submission {
  const spec: TaskSpec = {
    id: newId(Date.now(), 0),
    tenant: 'default',
    function_id: '01890000-0000-7000-8000-000000000001',
    function_name: 'double',
    function_version: 1,
    runtime: 'python',
    digest: 'd'.repeat(64),
    form: 'pickle',
    entry: '',
    python: '',
    args_as: 'json',
    result_as: 'json',
    priority: 0,
    timeout_ms: 60_000,
    memory_bytes: 0,
    max_result_bytes: 1_000_000,
    max_attempts: 3,
    retry: null,
    at_most_once: false,
    not_before: 0,
    expires_at: 0,
    result_ttl_ms: 3_600_000,
    group: '',
    tags: [],
    isolation: 'warm',
    labels: [],
    traceparent: '',
    submitted_at: 0,
    classic: false,
    ...overrides,
  };
  spec.submitted_at = timeOf(spec.id);
  return { spec, packed: packTaskHeader(headerOf(spec)), lane: laneOf(spec), args: Buffer.from(args) };
}

export function completion(fence: Fence, json = '42'): Settlement {
  const result = { json: Buffer.from(json) };
  return { is: 'end', state: 'COMPLETED', fence, worker: 'w1', startedAt: 1000, logs: null, result };
}

export function loss(fence: Fence): Settlement {
  const error = { type: 'RunnerDied', message: 'The runner was killed by signal 9.', traceback: '' };
  return { is: 'loss', fence, worker: 'w1', startedAt: 1000, logs: null, error };
}

export function retry(fence: Fence, delayMs: number): Settlement {
  const error = { type: 'ValueError', message: 'not yet', traceback: '' };
  return { is: 'retry', fence, worker: 'w1', startedAt: 1000, logs: null, delayMs, error };
}

export function newFunction(overrides: Partial<NewFunction> = {}): NewFunction {
  return {
    name: 'double',
    classic: false,
    runtime: 'python',
    form: 'source',
    entry: '',
    python: '',
    digest: 'c'.repeat(64),
    defaults: {},
    description: '',
    code: Buffer.from('def double(x): return 2 * x'),
    ...overrides,
  };
}

/** The ends of those that have ended. */
export async function endsIn(
  store: Pick<ResultStore, 'progress'>,
  tenant: string,
  ids: readonly string[],
): Promise<(EndedTask | undefined)[]> {
  const all = await store.progress(tenant, ids);
  return all.map((progress) => (progress?.is === 'ended' ? progress.end : undefined));
}
