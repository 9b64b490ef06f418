// Which value of an option holds: the task's own, else the function's default, else the service's.
import type { FunctionOptions, TaskOptions } from '@mpcsfaas/contract';
import type { RetryPolicy } from '../lifecycle/spec.ts';
import type { TaskDefaults } from '../store/index.ts';
import { momentOf } from './moments.ts';
import { Refusal } from './refusal.ts';

/** Times and ends that the service fixes for tasks that name none. */
export interface ServiceDefaults {
  timeoutMs: number;
  resultTtlMs: number;
}

const MAX_ATTEMPTS = 3;

/**
 * At most once and a retry policy exclude each other: a retry is a second start. A task's own `at_most_once` holds against its
 * function's policy; whoever wants the reverse says `at_most_once: false`.
 */
export function demandOneStart(own: FunctionOptions, fn: TaskDefaults, pointer: string): void {
  const isOnce = own.at_most_once ?? fn.at_most_once ?? false;
  if (!isOnce || own.retry === undefined || own.retry.max_retries === 0) return;
  const message =
    own.at_most_once === undefined
      ? 'is no option of a call whose function runs at most once: with at_most_once=false it may be retried'
      : 'and at_most_once exclude each other: a retry is a second start';
  throw new Refusal('validation_failed', `${pointer}/retry ${message}.`, {
    errors: [{ pointer: `${pointer}/retry`, message }],
  });
}

/** A retry policy with every field. */
export function retryOf(body: NonNullable<FunctionOptions['retry']>): RetryPolicy {
  return {
    max_retries: body.max_retries,
    backoff_ms: body.backoff_ms ?? 1000,
    factor: body.factor ?? 2,
    max_backoff_ms: body.max_backoff_ms ?? 60_000,
    on: body.on ?? [],
  };
}

/** What is kept of a function's options. */
export function defaultsOf(options: FunctionOptions): TaskDefaults {
  const { retry, ...rest } = options;
  return retry === undefined ? rest : { ...rest, retry: retryOf(retry) };
}

/**
 * The fields of a spec that options decide; `result_as` is left to the caller, who knows the arguments. `pointer`: where
 * the task stands in the body, for faults.
 */
export function resolveOptions(own: TaskOptions, fn: TaskDefaults, service: ServiceDefaults, pointer: string) {
  demandOneStart(own, fn, `${pointer}/options`);
  const isOnce = own.at_most_once ?? fn.at_most_once ?? false;
  const retry = own.retry === undefined ? (fn.retry ?? null) : retryOf(own.retry);
  return {
    priority: own.priority ?? fn.priority ?? 0,
    timeout_ms: own.timeout_ms ?? fn.timeout_ms ?? service.timeoutMs,
    memory_bytes: own.memory_bytes ?? fn.memory_bytes ?? 0,
    max_attempts: own.max_attempts ?? fn.max_attempts ?? MAX_ATTEMPTS,
    retry: isOnce ? null : retry,
    at_most_once: isOnce,
    not_before: timeOf(own.not_before, `${pointer}/options/not_before`),
    expires_at: timeOf(own.expires_at, `${pointer}/options/expires_at`),
    result_ttl_ms: own.result_ttl_ms ?? fn.result_ttl_ms ?? service.resultTtlMs,
    group: own.group ?? '',
    tags: own.tags ?? fn.tags ?? [],
    isolation: own.isolation ?? fn.isolation ?? ('warm' as const),
    labels: own.labels ?? fn.labels ?? [],
    traceparent: own.traceparent ?? '',
  };
}

/** Unix ms; 0 where the option is not given, so the moment 0 itself is told as the next one. */
function timeOf(text: string | undefined, pointer: string): number {
  return text === undefined ? 0 : Math.max(1, momentOf(text, pointer));
}
