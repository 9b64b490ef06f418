// What a route says of itself. The server registers, validates and documents from this and from nothing else.
import type { TObject, TSchema } from 'typebox';
import type { ErrorCode } from './errors.ts';

export interface Answer {
  readonly description: string;
  /** Absent: no body, or one that is no JSON (`media` says which). */
  readonly body?: TSchema;
  /** Other media types of the same answer. */
  readonly media?: readonly string[];
  /** Header name → description. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request with its answer's status. The contract's test sends each one to a real service. */
export interface Example {
  readonly name: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly status: number;
  /** What the answer looks like; the test checks the real one against the schema. */
  readonly answer?: unknown;
}

export interface RouteContract {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `/v1/tasks/{task_id}` */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly params?: TObject;
  readonly query?: TObject;
  readonly headers?: TObject;
  readonly body?: TObject;
  /** The body may be left out. */
  readonly bodyOptional?: boolean;
  /** Taken and/or given in the frames format too. */
  readonly frames?: 'in' | 'out' | 'both';
  /** Answered without a key even where keys are on. */
  readonly open?: boolean;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Codes of this route beside those that any route may answer. */
  readonly errors: readonly ErrorCode[];
  readonly examples: readonly Example[];
}

/** Keeps the literal types of a route. */
export function route<const R extends RouteContract>(contract: R): R {
  return contract;
}

/** Codes that any route may answer, and those of any route with a body. */
export const ERRORS_OF_ALL: readonly ErrorCode[] = [
  'unauthorized',
  'forbidden_host',
  'forbidden_origin',
  'bad_request',
  'url_too_long',
  'expectation_failed',
  'headers_too_large',
  'internal',
  'store_unavailable',
];
export const ERRORS_OF_BODIES: readonly ErrorCode[] = [
  'invalid_json',
  'body_too_large',
  'unsupported_media_type',
  'validation_failed',
];
