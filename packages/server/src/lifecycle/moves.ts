// The table of legal moves: the one picture of a task's life. Both stores keep to it, docs/state-machine.md draws it.
import type { TaskState } from '@mpcsfaas/contract';

/** What can be done to a task. `settle` is an end or a requeue after a loss or by the user's retry policy. */
export type Act = 'promote' | 'claim' | 'renew' | 'release' | 'settle' | 'cancel' | 'expire';

export const MOVES: Record<TaskState, Partial<Record<Act, readonly TaskState[]>>> = {
  DELAYED: { promote: ['QUEUED'], cancel: ['CANCELED'], expire: ['FAILED'] },
  BLOCKED: { promote: ['QUEUED'], cancel: ['CANCELED'], expire: ['FAILED'] },
  QUEUED: { claim: ['RUNNING'], cancel: ['CANCELED'], expire: ['FAILED'] },
  RUNNING: {
    renew: ['RUNNING'],
    release: ['QUEUED'],
    settle: ['COMPLETED', 'FAILED', 'QUEUED', 'DELAYED'],
    cancel: ['CANCELED'],
    // A lease that ran out: back to the queue, or the end after too many.
    expire: ['QUEUED', 'FAILED'],
  },
  COMPLETED: {},
  FAILED: {},
  CANCELED: {},
};

/** May `act` take a task from `from` to `to`? */
export function isLegal(from: TaskState, act: Act, to: TaskState): boolean {
  return MOVES[from][act]?.includes(to) ?? false;
}
