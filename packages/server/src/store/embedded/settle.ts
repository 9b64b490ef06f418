// settle: an attempt's end, its loss, or a retry by the user's policy (S3–S6).
import type { TaskState } from '@mpcsfaas/contract';
import { scoreOf } from '../../lifecycle/order.ts';
import { finalLoss } from '../platform-error.ts';
import { RULES } from '../rules.ts';
import { stateOf } from '../state-code.ts';
import type { SettleAnswer, Settlement } from '../store.ts';
import { packLogs } from '../stream-log.ts';
import { currentRow } from './hold.ts';
import { addNote, endTask, putBack, taskRow, unchanged } from './task-row.ts';
import type { TaskRow } from './row.ts';
import type { Ending } from './task-row.ts';
import type { Act } from './turn.ts';

export function settle(act: Act, tenant: string, settlements: readonly Settlement[]): SettleAnswer[] {
  return settlements.map((settlement) => {
    const { fence, logs } = settlement;
    const row = currentRow(act, tenant, fence);
    if (row === undefined) return tooLate(act, tenant, settlement);
    if (logs !== null) {
      act.db.run('INSERT OR REPLACE INTO log (n, bytes) VALUES (?, ?)', row.n, packLogs(fence.attempt, logs));
    }
    return { is: 'accepted', state: accept(act, row, settlement) };
  });
}

function tooLate(act: Act, tenant: string, { fence }: Settlement): SettleAnswer {
  const row = taskRow(act, tenant, fence.id);
  const is = RULES.tooLate(row, fence);
  return is === 'stale' || row === undefined ? { is: 'stale' } : { is, state: stateOf(row.state) };
}

function accept(act: Act, row: TaskRow, settlement: Settlement): TaskState {
  switch (settlement.is) {
    case 'end': {
      const won = settlement.state === 'COMPLETED';
      endTask(act, row, {
        ...attemptEnding(row, settlement),
        state: settlement.state,
        kind: won ? '' : settlement.kind,
        error: won ? null : settlement.error,
        result: won ? settlement.result : settlement.pickle === undefined ? {} : { pickle: settlement.pickle },
      });
      return settlement.state;
    }
    case 'loss':
      return lose(act, row, settlement);
    case 'retry': {
      const { delayMs, worker, error } = settlement;
      const to = delayMs > 0 ? 'DELAYED' : 'QUEUED';
      addNote(act, row, { worker, reason: 'retry', message: `${error.type}: ${error.message}` });
      putBack(act, row, {
        ...unchanged(row),
        ...RULES.retried(row),
        move: 'settle',
        to,
        score: scoreOf(row.priority, act.sequence()),
        dueAt: delayMs > 0 ? act.now + Math.ceil(delayMs) : 0,
      });
      act.count(row.tenant, 'requeued:retry', 1);
      return to;
    }
  }
}

function lose(act: Act, row: TaskRow, settlement: Settlement & { is: 'loss' }): TaskState {
  const { is, losses, abandonments, retries } = RULES.lost(row);
  const { worker, error } = settlement;
  addNote(act, row, { worker, reason: 'lost', message: error.message });
  if (is === 'over') {
    const end = attemptEnding(row, settlement);
    endTask(act, row, { ...end, state: 'FAILED', kind: 'lost', error: finalLoss(error), result: {}, losses });
    return 'FAILED';
  }
  putBack(act, row, { ...unchanged(row), move: 'settle', to: 'QUEUED', losses, abandonments, retries });
  act.count(row.tenant, 'requeued:lost', 1);
  return 'QUEUED';
}

function attemptEnding(
  row: TaskRow,
  { fence, worker, startedAt }: Settlement,
): Omit<Ending, 'state' | 'kind' | 'error' | 'result'> {
  const { losses, abandonments } = row;
  return { move: 'settle', token: fence.token, worker, startedAt, losses, abandonments };
}
