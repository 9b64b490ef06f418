// A state as one small number, as both stores keep it at rest. The numbers are part of the stored format: never reorder.
import type { TaskState, TerminalState } from '@mpcsfaas/contract';

/** Below RUNNING: waiting. Above: ended. Stored queries rely on that order. */
export const STATE_CODE = {
  QUEUED: 0,
  DELAYED: 1,
  BLOCKED: 2,
  RUNNING: 3,
  COMPLETED: 4,
  FAILED: 5,
  CANCELED: 6,
} as const satisfies Record<TaskState, number>;

const BY_CODE: readonly TaskState[] = ['QUEUED', 'DELAYED', 'BLOCKED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELED'];

/** The state behind a stored number; throws where the number is none of ours (a newer or damaged store). */
export function stateOf(code: number): TaskState {
  const state = BY_CODE[code];
  if (state === undefined) throw new Error(`The store holds a task in the unknown state ${code}.`);
  return state;
}

export function hasEnded(code: number): boolean {
  return code > STATE_CODE.RUNNING;
}

/** The terminal state behind a stored number that hasEnded. */
export function endOf(code: number): TerminalState {
  return stateOf(code) as TerminalState;
}
