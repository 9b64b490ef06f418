// The dispatcher program: claim-loop, lease-keeper, settler, reporter, output; executors: local-executor, fleet/.
export { startDispatcher } from './dispatcher.ts';
export type { Dispatcher, DispatcherOptions } from './dispatcher.ts';
export { openFleetExecutor } from './fleet/fleet-executor.ts';
export type { FleetParts } from './fleet/fleet-executor.ts';
export { Deliveries } from './fleet/deliveries.ts';
export { openLocalExecutor } from './local-executor.ts';
export type { Executor, ExecutorEvents } from './executor.ts';
