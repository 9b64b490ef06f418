// The default limits of the platform, in one place; each can be raised by the option named beside it.

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** A limit's default and the command-line option that changes it. Sizes in bytes, durations in ms. */
export const LIMITS = {
  max_args_bytes: { default: 64 * MiB, option: '--max-args-bytes' },
  max_result_bytes: { default: 64 * MiB, option: '--max-result-bytes' },
  max_body_bytes: { default: 96 * MiB, option: '--max-body-bytes' },
  max_code_bytes: { default: 16 * MiB, option: '--max-code-bytes' },
  log_head_bytes: { default: 64 * KiB, option: '--log-head-bytes' },
  log_tail_bytes: { default: 64 * KiB, option: '--log-tail-bytes' },
  default_timeout_ms: { default: 15 * 60_000, option: '--default-timeout' },
  result_ttl_ms: { default: 24 * 3_600_000, option: '--result-ttl' },
  max_queued_tasks: { default: 1_000_000, option: '--max-queued-tasks' },
  max_queued_bytes: { default: 4 * GiB, option: '--max-queued-bytes' },
  /** Tasks a second and caller; 0 = no limit. */
  rate_limit: { default: 0, option: '--rate-limit' },
  /** Tasks at once after a pause; 0 = those of one second. */
  rate_limit_burst: { default: 0, option: '--rate-limit-burst' },
} as const;

export type LimitName = keyof typeof LIMITS;

/** Limits that no option raises. */
export const MAX_BATCH_TASKS = 10_000;
export const MAX_WAIT_MS = 60_000;
export const MAX_PAGE = 1_000;
export const MAX_PRIORITY = 100;
/** The shortest `result_ttl_ms` a task may ask for: an id of ours older than this that is not found has expired. */
export const MIN_RESULT_TTL_MS = 10_000;
/** The longest time that a task's options may name, ms: a year. */
export const MAX_OPTION_MS = 366 * 24 * 3_600_000;
export const MAX_MEMORY_BYTES = 2 ** 50;
export const MAX_TASK_ATTEMPTS = 1_000;
export const MAX_RETRIES = 1_000;
/** Exception types that one retry policy names, and the characters of each. */
export const MAX_RETRY_TYPES = 64;
export const MAX_TYPE_CHARS = 200;
export const MAX_TAGS = 32;
export const MAX_LABELS = 16;
/** Characters of a tag, a label or a group. */
export const MAX_WORD_CHARS = 128;
/** Characters of an idempotency key. */
export const MAX_KEY_CHARS = 255;
/** Ids in one `POST /v1/results` or `/v1/tasks/cancel`. */
export const MAX_RESULT_IDS = 10_000;
/** The newest pauses kept of one task's history. */
export const HISTORY_KEPT = 32;
