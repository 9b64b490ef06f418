// What of a task's earlier attempts is kept, and told with its end.
import type { FailureKind, TaskState, TerminalState } from '@mpcsfaas/contract';

/** What a function raised may be of any length; of an attempt that came to nothing its beginning says enough, UTF-16 units. */
export const MOST_NOTE = 1024;

/** What is kept of why an attempt came to nothing. */
export function noted(message: string): string {
  return message.length <= MOST_NOTE ? message : message.slice(0, MOST_NOTE).toWellFormed();
}

/** May a task in this state, of so many attempts, have had one that came to nothing? */
export function mayHaveHistory(state: TaskState, attempt: number): boolean {
  const isItsFirst = attempt === 1 && (state === 'RUNNING' || state === 'COMPLETED');
  return attempt > 0 && !isItsFirst;
}

/** Has it failed after attempts that came to nothing, or by what became of one? Its record has them. */
export function hasHistory(state: TerminalState, kind: FailureKind | '', attempt: number): boolean {
  // What expired had not begun: every attempt was one before.
  const before = kind === 'expired' ? attempt : attempt - 1;
  return kind === 'lost' || (state === 'FAILED' && before > 0);
}
