// What of a task's life is told with its end.
import type { FailureKind, TerminalState } from '@mpcsfaas/contract';

/** Has it failed after attempts that came to nothing, or by what became of one? Its record has them. */
export function hasHistory(state: TerminalState, kind: FailureKind | '', attempt: number): boolean {
  return kind === 'lost' || (state === 'FAILED' && attempt > 1);
}
