// The package's public face. `faas.ts` is the client, `remote-function.ts` what is called, `task-handle.ts` one task,
// `mapped.ts` many; `submitter.ts` and `ends.ts` are the way in and the way back; `errors.ts` is what can go wrong.
export { Faas } from './faas.ts';
export type { Json, RegisterOptions, Source, TaskFilter } from './faas.ts';
export type { TaskEvent, TaskHandle, Waiting } from './task-handle.ts';
export type { Inputs, MapOptions, Mapped } from './mapped.ts';
export type { Arguments, RemoteFunction } from './remote-function.ts';
export type { CallOptions } from './options.ts';
export type { ConnectionOptions } from './connection.ts';
export type {
  Fleet,
  FunctionOptions,
  FunctionRecord,
  LogEvent,
  Problem,
  RetryPolicy,
  Stats,
  Task,
  TaskEnded,
  TaskError,
  TaskLogs,
  TaskOptions,
  TaskResult,
  Version,
} from './contract.ts';
export {
  FaasError,
  ConnectionFailed,
  Unavailable,
  ServiceFault,
  VersionMismatch,
  Unauthorized,
  Forbidden,
  NotFound,
  Conflict,
  BadRequest,
  TooLarge,
  QueueFull,
  RateLimited,
  SerializationError,
  NotSelfContained,
  TaskFailed,
  RemoteError,
  TaskTimeout,
  TaskCanceled,
  TaskExpired,
  WorkerLost,
  MemoryExceeded,
  LoadFailed,
  BadResult,
} from './errors.ts';
