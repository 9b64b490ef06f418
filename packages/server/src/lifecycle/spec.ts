// A task's header: everything that was decided when it was submitted. It never changes; it is packed once by the
// service, kept as bytes by the store, and read again by the worker. Names are the wire's (snake_case): it is data.
import { Packr } from 'msgpackr';
import type { ArgsEncoding, CodeForm, Isolation, ResultForm, Runtime } from '@mpcsfaas/contract';

/** The user's own retry policy for exceptions that the function raises. */
export interface RetryPolicy {
  /** Retries after the first attempt. */
  max_retries: number;
  /** First wait in ms, doubled (`factor`) each time up to `max_backoff_ms`, with full jitter. */
  backoff_ms: number;
  factor: number;
  max_backoff_ms: number;
  /** Exception type names to retry (any of the type's own or base names); empty = all. */
  on: string[];
}

export interface TaskSpec {
  id: string;
  tenant: string;
  function_id: string;
  function_name: string;
  /** Version under its name; 0 for a classic registration, whose name is a label only. */
  function_version: number;
  runtime: Runtime;
  /** SHA-256 of the code bytes, hex: what a worker keeps code by. */
  digest: string;
  form: CodeForm;
  /** Name of the function in its source; '' = the only function or the default export. */
  entry: string;
  /** Python minor version that pickled the code ('3.11'), '' where unknown: such a task goes only to a worker that fits. */
  python: string;
  args_as: ArgsEncoding;
  result_as: ResultForm;
  /** −100 … 100, higher first. */
  priority: number;
  /** Time limit of an attempt in ms; 0 = none. */
  timeout_ms: number;
  /** Memory limit of the runner in bytes; 0 = none. */
  memory_bytes: number;
  max_result_bytes: number;
  /** What `losses` may reach. */
  max_attempts: number;
  retry: RetryPolicy | null;
  at_most_once: boolean;
  /** Unix ms; 0 = at once. */
  not_before: number;
  /** Unix ms; 0 = never. Not started by then → FAILED expired. */
  expires_at: number;
  /** How long the end is kept, ms. */
  result_ttl_ms: number;
  group: string;
  tags: string[];
  isolation: Isolation;
  /** Labels a worker must have, `key=value` or `key`. */
  labels: string[];
  traceparent: string;
  /** Unix ms by the service's clock. */
  submitted_at: number;
  /** Submitted through the classic API. */
  classic: boolean;
}

/** What a spec leaves out when it is packed. */
const DEFAULTS = {
  tenant: 'default',
  function_version: 0,
  entry: '',
  python: '',
  priority: 0,
  timeout_ms: 0,
  memory_bytes: 0,
  max_attempts: 3,
  retry: null,
  at_most_once: false,
  not_before: 0,
  expires_at: 0,
  group: '',
  isolation: 'warm',
  traceparent: '',
  classic: false,
} as const satisfies Partial<TaskSpec>;

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });

/** A spec as msgpack: a map of the fields that differ from their defaults. */
export function packSpec(spec: TaskSpec): Buffer {
  const lean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(spec)) {
    if ((DEFAULTS as Record<string, unknown>)[name] === value) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    lean[name] = value;
  }
  return packr.pack(lean);
}

/** The reverse of packSpec. Unknown keys are kept aside by readers: they are ignored. */
export function unpackSpec(bytes: Uint8Array): TaskSpec {
  const lean = packr.unpack(bytes) as Partial<TaskSpec>;
  return { ...DEFAULTS, tags: [], labels: [], ...lean } as TaskSpec;
}
