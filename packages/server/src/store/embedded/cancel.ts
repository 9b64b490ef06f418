// cancel: a settle without a token. The token is cleared, so that no attempt's end is accepted afterwards.
import { CANCELED } from '../platform-error.ts';
import { STATE_CODE, endOf, hasEnded } from '../state-code.ts';
import type { CancelAnswer } from '../store.ts';
import { endTask, platformEnding, taskRow } from './task-row.ts';
import type { Act } from './turn.ts';

export function cancel(act: Act, tenant: string, ids: readonly string[]): CancelAnswer[] {
  return ids.map((id) => {
    const row = taskRow(act, tenant, id);
    if (row === undefined) return { is: 'unknown' };
    if (hasEnded(row.state)) return { is: 'ended', state: endOf(row.state) };
    const wasRunning = row.state === STATE_CODE.RUNNING;
    endTask(act, row, platformEnding(row, 'cancel', 'CANCELED', 'canceled', CANCELED));
    if (wasRunning) act.announceCanceled(id);
    return { is: 'canceled', wasRunning };
  });
}
