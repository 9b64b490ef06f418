// Deliberately broken systems: one rule of the house each, left out by putting another piece in its place. The simulation
// must catch every one of them.
import { Deliveries, type Executor } from '../../packages/server/src/dispatcher/index.ts';
import type { Fence } from '../../packages/server/src/lifecycle/fence.ts';
import { LeaseRest } from '../../packages/server/src/store/lease-rest.ts';
import { RULES } from '../../packages/server/src/store/rules.ts';
import { STATE_CODE } from '../../packages/server/src/store/state-code.ts';
import type { LaneDepth, Store } from '../../packages/server/src/store/store.ts';
import type { Ending } from '../../packages/server/src/tasks/ending.ts';
import { shareRoom } from '../../packages/server/src/worker/index.ts';
import { REAL, type Variant } from './variant.ts';

export const MUTANTS = {
  'no fence': withRules({ isCurrent: (task) => task.state === STATE_CODE.RUNNING }),

  'a fence of the attempt number alone': withRules({
    isCurrent: (task, { attempt }) => task.state === STATE_CODE.RUNNING && task.attempt === attempt,
  }),

  'leases renewed for tasks that no worker names': { ...REAL, deliveries: () => new BelievedDeliveries() },

  'a loss that is not counted': withRules({
    lost: (task) => ({ ...RULES.lost(task), is: task.once === 1 ? 'over' : 'waits', losses: task.losses }),
  }),

  'a release that is counted': withRules({ released: RULES.lost }),

  'a sweep right after a reconnect': { ...REAL, leaseRest: () => new LeaseRest(0) },

  'adoption without comparing the token': { ...REAL, store: adoptingByName },

  'an at-most-once task released after it was handed out': {
    ...REAL,
    events: (events) => ({ ...events, ended: (endings) => events.ended(endings.map(releasedIfSilent)) }),
  },

  'what was started expires': withRules({ mayExpire: () => true }),

  'a cancel that leaves the token': withRules({ tokenOfPlatformEnd: ({ token }) => token }),

  'hints taken for facts': { ...REAL, store: believingHints },

  'credits counted as slots by two dispatchers': {
    ...REAL,
    share: (room, claimants) => claimants.map((claimant) => shareRoom(room, [claimant])[0]!),
  },
} satisfies Record<string, Variant>;

export type MutantName = keyof typeof MUTANTS;

function withRules(rules: Partial<Variant['rules']>): Variant {
  return { ...REAL, rules: { ...RULES, ...rules } };
}

/** A ledger that takes what was sent for what is there. */
class BelievedDeliveries extends Deliveries {
  override heartbeat(
    ...[worker, held, got, mono]: Parameters<Deliveries['heartbeat']>
  ): ReturnType<Deliveries['heartbeat']> {
    return { ...super.heartbeat(worker, held, got, mono), missing: [] };
  }

  override named(): ReturnType<Deliveries['named']> {
    return super.named(Number.NEGATIVE_INFINITY);
  }
}

/** A dispatcher that takes over the task, whichever attempt of it somebody names. */
function adoptingByName(store: Store): Store {
  const current = new Map<string, Fence>();
  const inStead = <T extends { fence: Fence }>(one: T): T => ({
    ...one,
    fence: current.get(one.fence.token) ?? one.fence,
  });
  const own = new Map<string, Fence>();
  return {
    ...store,
    claim: async (...args) => {
      const claim = await store.claim(...args);
      for (const { fence } of claim.tasks) own.set(fence.id, fence);
      return claim;
    },
    renew: (tenant, renewals) => {
      for (const { fence } of renewals) {
        const ours = own.get(fence.id);
        if (ours !== undefined && ours.token !== fence.token) current.set(fence.token, ours);
      }
      return store.renew(tenant, renewals.map(inStead));
    },
    settle: (tenant, settlements) => store.settle(tenant, settlements.map(inStead)),
    release: (tenant, releases) => store.release(tenant, releases.map(inStead)),
  };
}

/** What its worker does not name goes back, though it may run at most once. */
function releasedIfSilent(ending: Ending): Ending {
  const { outcome, spec, startedAt } = ending;
  if (outcome.is !== 'lost' || !spec.at_most_once || startedAt > 0) return ending;
  return { ...ending, outcome: { is: 'released', reason: 'undelivered' } };
}

/** A dispatcher that never looks for itself. */
function believingHints(store: Store): Store {
  const told = new Set<string>();
  return {
    ...store,
    subscribe: (onHint) =>
      store.subscribe((hint) => {
        if (hint.is === 'work') for (const lane of hint.lanes) told.add(lane);
        onHint(hint);
      }),
    lanes: async () => [...told].map((lane): LaneDepth => ({ lane, waiting: 1, oldestAt: 0 })),
  };
}

/** The mutants with an executor of their own wrap what is given here. */
export type { Executor };
