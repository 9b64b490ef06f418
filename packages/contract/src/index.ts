// The contract's public face: the words, the limits, the errors, the bodies and the routes.
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
  MAX_RESULT_IDS,
  MIN_RESULT_TTL_MS,
} from './limits.ts';
export type { LimitName } from './limits.ts';
export { ERRORS, ERROR_CODES, PROBLEM_JSON, problemType } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export { FRAMES, Frame, framed } from './fields.ts';
export { NAME_PATTERN, PATTERN_WORDS } from './patterns.ts';
export { FunctionOptions, TaskOptions } from './options.ts';
export { Problem, Task, TaskError, TaskResult, WAIT_REASONS } from './record.ts';
export type { WaitReason } from './record.ts';
export { ROUTES } from './routes.ts';
export type { OperationId } from './routes.ts';
export type { Answer, Example, RouteContract } from './route.ts';
export type { AnswerOf, BodyOf, ParamsOf, QueryOf } from './bodies.ts';
export { openApiDocument } from './openapi.ts';
export type { Json } from './openapi.ts';
export { SAMPLE } from './samples.ts';
