// What the service can be told, resolved: a total type, so that nothing inside asks for a default.
import { LIMITS } from '@mpcsfaas/contract/words';

export interface ServiceLimits {
  maxArgsBytes: number;
  maxResultBytes: number;
  maxBodyBytes: number;
  maxCodeBytes: number;
  logHeadBytes: number;
  logTailBytes: number;
  maxQueuedTasks: number;
  maxQueuedBytes: number;
}

export interface ServiceConfig {
  limits: ServiceLimits;
  /** Time limit of a task that names none, ms; 0 = none. */
  defaultTimeoutMs: number;
  /** How long an end is kept where the task does not say, ms. */
  resultTtlMs: number;
  /** Classic POSTs answer 201. */
  classicCreated: boolean;
  /** The classic API says COMPLETE. */
  classicComplete: boolean;
  /** Origins of web pages that may call; `*` = any. */
  corsOrigins: string[];
  /** Every call but the open ones needs a key. */
  requireKeys: boolean;
  /** Tasks a second that one caller (a key; without keys, everybody together) may submit; 0 = no limit. */
  rateLimitPerSecond: number;
  /** How many at once after a pause; 0 = those of one second. */
  rateLimitBurst: number;
  /** How long the reader of an answer may take nothing of it before it is dropped, ms. */
  stuckReaderMs: number;
  /** How much of all answers together may wait for their readers, bytes: beyond it, those that have read longest are dropped. */
  untakenBytes: number;
  /** The address that is listened on: off loopback, keys are demanded. */
  boundHost: string;
  /** Folder of the Python SDK's sources, to be offered; '' = none. */
  pythonSdk: string;
}

/** Slower than any network that works; a reader that stands still holds its answer in memory for as long. */
export const STUCK_READER_MS = 30_000;

/** A dozen and more of the largest answers. */
export const UNTAKEN_BYTES = 1024 ** 3;

export const defaultServiceConfig: ServiceConfig = {
  limits: {
    maxArgsBytes: LIMITS.max_args_bytes.default,
    maxResultBytes: LIMITS.max_result_bytes.default,
    maxBodyBytes: LIMITS.max_body_bytes.default,
    maxCodeBytes: LIMITS.max_code_bytes.default,
    logHeadBytes: LIMITS.log_head_bytes.default,
    logTailBytes: LIMITS.log_tail_bytes.default,
    maxQueuedTasks: LIMITS.max_queued_tasks.default,
    maxQueuedBytes: LIMITS.max_queued_bytes.default,
  },
  defaultTimeoutMs: LIMITS.default_timeout_ms.default,
  resultTtlMs: LIMITS.result_ttl_ms.default,
  classicCreated: false,
  classicComplete: false,
  corsOrigins: [],
  requireKeys: false,
  rateLimitPerSecond: LIMITS.rate_limit.default,
  rateLimitBurst: LIMITS.rate_limit_burst.default,
  stuckReaderMs: STUCK_READER_MS,
  untakenBytes: UNTAKEN_BYTES,
  boundHost: '127.0.0.1',
  pythonSdk: '',
};
