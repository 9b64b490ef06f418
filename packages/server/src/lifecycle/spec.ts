// What was decided when a task was submitted. It never changes. All of it but the id is the task's header: packed by the
// service, kept as bytes by the store, and read again by the worker. Names are the wire's (snake_case): it is data.
//
// Tasks come in hundreds that share a header, so equal headers are packed once and read once (HeaderReader).
import { BoundedMap } from '../bounded-map.ts';
import { Packr } from 'msgpackr';
import type { ArgsEncoding, CodeForm, Isolation, ResultForm, Runtime } from '@mpcsfaas/contract';
import { timeOf } from './ids.ts';

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

export interface TaskSpec extends TaskHeader {
  id: string;
  /** Unix ms by the service's clock: the time in the id. */
  submitted_at: number;
}

/** What a task has in common with others of its request. */
export interface TaskHeader {
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
  /** What a call may use beyond what its process used before it, in bytes; 0 = no limit. */
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
} as const satisfies Partial<TaskHeader>;

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });

/** A header as msgpack: a map of the fields that differ from their defaults. */
export function packTaskHeader(header: TaskHeader): Buffer {
  const lean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(header)) {
    if ((DEFAULTS as Record<string, unknown>)[name] === value) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    lean[name] = value;
  }
  return packr.pack(lean);
}

/** The reverse of packTaskHeader. Unknown keys are kept aside by readers: they are ignored. */
export function unpackTaskHeader(bytes: Uint8Array): TaskHeader {
  const lean = packr.unpack(bytes) as Partial<TaskHeader>;
  return { ...DEFAULTS, tags: [], labels: [], ...lean } as TaskHeader;
}

export function headerOf(spec: TaskSpec): TaskHeader {
  const { id: _id, submitted_at: _at, ...header } = spec;
  return header;
}

/** The task `id` under this header. */
export function specOf(id: string, header: TaskHeader): TaskSpec {
  return { ...header, id, submitted_at: timeOf(id) };
}

/** A header with its bytes; equal ones are the same object. */
export interface PackedHeader {
  header: TaskHeader;
  packed: Buffer;
}

/** Headers remembered, and up to which size. */
const MOST_REMEMBERED = 512;
const LARGEST_REMEMBERED = 4096;

/** Reads headers; one that came lately is not read again. */
export class HeaderReader {
  readonly #known = new BoundedMap<string, PackedHeader>(MOST_REMEMBERED);
  #last: PackedHeader | undefined;

  read(bytes: Uint8Array): PackedHeader {
    // Most are like the one before: no string to make of it, and none to hash.
    if (this.#last?.packed.equals(bytes) === true) return this.#last;
    const packed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (packed.length > LARGEST_REMEMBERED) return { header: unpackTaskHeader(packed), packed };
    const key = packed.toString('latin1');
    let known = this.#known.get(key);
    if (known === undefined) {
      // A copy: the bytes may be a view of a message of a megabyte.
      known = { header: unpackTaskHeader(packed), packed: Buffer.from(packed) };
      this.#known.set(key, known);
    }
    this.#last = known;
    return known;
  }
}
