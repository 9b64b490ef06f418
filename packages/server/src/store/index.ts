// The store's public face: the interface, its two implementations, their bounds.
export { inspectRedis, openEmbeddedStore, openRedisStore } from './open.ts';
export type { EmbeddedOptions } from './embedded/store.ts';
export { StoreUnavailable } from './store.ts';
export { MOST_NOTE } from './history.ts';
export { LEASE_MS, MAX_ABANDONMENTS, CLAIM_BYTES, RIDE_ALONG_BYTES } from './timing.ts';
export type {
  Store,
  StoreHealth,
  QueueStore,
  Submission,
  QueueLimits,
  SubmitAnswer,
  LaneQuota,
  Claim,
  ClaimedTask,
  Renewal,
  Release,
  Settlement,
  SettleAnswer,
  CancelAnswer,
  SweepReport,
  LaneDepth,
  Hint,
  TaskEnd,
  EventPage,
  QueueStats,
  ResultStore,
  TaskRecord,
  EndedTask,
  TaskProgress,
  TaskFilter,
  LogLimits,
} from './store.ts';
export type { TaskDefaults, FunctionRecord, NewFunction, FunctionStore } from './functions.ts';
export type {
  DispatchMode,
  WorkerSnapshot,
  DispatcherSnapshot,
  HistogramSnapshot,
  ApiKeyRecord,
  FleetStore,
} from './fleet.ts';
export type { RedisOptions } from './redis/store.ts';
export { parseAddress, withoutPassword } from './redis/address.ts';
export type { RedisReport } from './redis/inspect.ts';
export type { ExpectedAof } from './redis/server-facts.ts';
