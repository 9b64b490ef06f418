// The words, the limits and the errors: what needs no schema. Who takes no requests reads these alone; the schemas bring a
// library of seven hundred files, which is most of what a command at a terminal would wait for.
export {
  TASK_STATES,
  TERMINAL_STATES,
  isTerminal,
  CLASSIC_STATUS,
  FAILURE_KINDS,
  RUNTIMES,
  CODE_FORMS,
  ARGS_ENCODINGS,
  RESULT_FORMS,
  ISOLATIONS,
  LOG_STREAMS,
} from './vocabulary.ts';
export type {
  TaskState,
  TerminalState,
  FailureKind,
  Runtime,
  CodeForm,
  ArgsEncoding,
  ResultForm,
  Isolation,
  LogStream,
} from './vocabulary.ts';
export {
  LIMITS,
  HISTORY_KEPT,
  MAX_BATCH_TASKS,
  MAX_WAIT_MS,
  MAX_PAGE,
  MAX_PRIORITY,
  MAX_OPTION_MS,
  MAX_MEMORY_BYTES,
  MAX_TASK_ATTEMPTS,
  MAX_RETRIES,
  MAX_RETRY_TYPES,
  MAX_TYPE_CHARS,
  MAX_TAGS,
  MAX_LABELS,
  MAX_WORD_CHARS,
  MAX_KEY_CHARS,
  MAX_RESULT_IDS,
  MIN_RESULT_TTL_MS,
} from './limits.ts';
export type { LimitName } from './limits.ts';
export { ERRORS, ERROR_CODES, PROBLEM_JSON, problemType } from './errors.ts';
export type { ErrorCode } from './errors.ts';
