// The pieces of a system that a mutant may replace: each is one that the real programs are given, too.
import { Deliveries } from '../../packages/server/src/dispatcher/index.ts';
import type { Executor, ExecutorEvents } from '../../packages/server/src/dispatcher/index.ts';
import { LEASE_MS, type Store } from '../../packages/server/src/store/index.ts';
import { LeaseRest } from '../../packages/server/src/store/lease-rest.ts';
import { RULES, type Rules } from '../../packages/server/src/store/rules.ts';
import { shareRoom } from '../../packages/server/src/worker/index.ts';

export interface Variant {
  rules: Rules;
  leaseRest: () => LeaseRest;
  deliveries: () => Deliveries;
  share: typeof shareRoom;
  /** The store as a dispatcher sees it. */
  store: (store: Store) => Store;
  /** What an executor tells its dispatcher. */
  events: (events: ExecutorEvents, store: Store) => ExecutorEvents;
  executor: (executor: Executor) => Executor;
}

export const REAL: Variant = {
  rules: RULES,
  leaseRest: () => new LeaseRest(LEASE_MS),
  deliveries: () => new Deliveries(),
  share: shareRoom,
  store: (store) => store,
  events: (events) => events,
  executor: (executor) => executor,
};
