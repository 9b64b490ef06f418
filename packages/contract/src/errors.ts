// Every error code once: its HTTP status, its title and the SDK class that a caller catches. `type` is `urn:mpcsfaas:error:<code>`.

interface ErrorRow {
  readonly status: number;
  readonly title: string;
  /** Class name in the TypeScript client; Python has its own, by the same codes. */
  readonly sdk: string;
}

export const ERRORS = {
  invalid_json: { status: 400, title: 'The body is not JSON', sdk: 'BadRequest' },
  invalid_frames: { status: 400, title: 'The body is not in the frames format', sdk: 'BadRequest' },
  invalid_base64: { status: 400, title: 'A payload is not base64', sdk: 'BadRequest' },
  invalid_pickle: { status: 400, title: 'A payload is not a pickle', sdk: 'BadRequest' },
  not_callable: { status: 400, title: 'That is no callable', sdk: 'BadRequest' },
  invalid_id: { status: 400, title: 'The id is not well-formed', sdk: 'BadRequest' },
  invalid_cursor: { status: 400, title: 'The cursor is none of ours', sdk: 'BadRequest' },
  pickle_for_javascript: { status: 400, title: 'JavaScript functions take JSON', sdk: 'BadRequest' },
  bad_request: { status: 400, title: 'The request cannot be read', sdk: 'BadRequest' },
  unauthorized: { status: 401, title: 'An API key is needed', sdk: 'Unauthorized' },
  forbidden_host: { status: 403, title: 'This host name is not served', sdk: 'Forbidden' },
  forbidden_origin: { status: 403, title: 'Web pages may not call this service', sdk: 'Forbidden' },
  route_not_found: { status: 404, title: 'There is no such route', sdk: 'VersionMismatch' },
  function_not_found: { status: 404, title: 'There is no such function', sdk: 'NotFound' },
  key_not_found: { status: 404, title: 'There is no such key', sdk: 'NotFound' },
  task_not_found: { status: 404, title: 'There is no such task', sdk: 'NotFound' },
  method_not_allowed: { status: 405, title: 'The route has no such method', sdk: 'BadRequest' },
  result_form_not_stored: { status: 406, title: 'The result is stored in another form', sdk: 'SerializationError' },
  task_ended: { status: 409, title: 'The task has ended', sdk: 'Conflict' },
  task_not_ended: { status: 409, title: 'The task has not ended', sdk: 'Conflict' },
  task_expired: { status: 410, title: 'The task is no longer kept', sdk: 'NotFound' },
  body_too_large: { status: 413, title: 'The body is too large', sdk: 'TooLarge' },
  args_too_large: { status: 413, title: 'The arguments are too large', sdk: 'TooLarge' },
  code_too_large: { status: 413, title: 'The function is too large', sdk: 'TooLarge' },
  exceeds_queue: { status: 413, title: 'The request is more than the queue may hold', sdk: 'TooLarge' },
  url_too_long: { status: 414, title: 'The address is too long', sdk: 'BadRequest' },
  unsupported_media_type: { status: 415, title: 'This content type is not taken', sdk: 'BadRequest' },
  expectation_failed: { status: 417, title: 'The expectation cannot be met', sdk: 'BadRequest' },
  validation_failed: { status: 422, title: 'The request does not fit the schema', sdk: 'BadRequest' },
  not_self_contained: { status: 422, title: 'The function uses what is not in it', sdk: 'NotSelfContained' },
  idempotency_key_reused: { status: 422, title: 'The key came with other content', sdk: 'Conflict' },
  task_failed: { status: 424, title: 'The call failed', sdk: 'RemoteError' },
  task_canceled: { status: 424, title: 'The call was canceled', sdk: 'TaskCanceled' },
  rate_limited: { status: 429, title: 'Too many requests', sdk: 'RateLimited' },
  queue_full: { status: 429, title: 'The queue is full', sdk: 'QueueFull' },
  headers_too_large: { status: 431, title: 'The headers are too large', sdk: 'BadRequest' },
  internal: { status: 500, title: 'The service has a fault', sdk: 'ServiceFault' },
  store_unavailable: { status: 503, title: 'The store is away', sdk: 'Unavailable' },
  not_ready: { status: 503, title: 'Something here does not come round', sdk: 'Unavailable' },
  shutting_down: { status: 503, title: 'The service is stopping', sdk: 'Unavailable' },
  task_lost: { status: 503, title: 'The call was lost', sdk: 'WorkerLost' },
  no_worker: { status: 503, title: 'No worker can run the call', sdk: 'NoWorker' },
  task_timed_out: { status: 504, title: 'The call passed its time limit', sdk: 'TaskTimeout' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;
export const ERROR_CODES = Object.keys(ERRORS) as readonly ErrorCode[];

export const PROBLEM_JSON = 'application/problem+json';

/** The `type` member of a problem. */
export function problemType(code: ErrorCode): string {
  return `urn:mpcsfaas:error:${code}`;
}
