// settle: what a script needs of each settlement; large results and logs go ahead of it.
import { finalLoss } from '../../platform-error.ts';
import { STATE_CODE, stateOf } from '../../state-code.ts';
import type { SettleAnswer, Settlement } from '../../store.ts';
import { StoreUnavailable } from '../../store.ts';
import { packLogs } from '../../stream-log.ts';
import { packEnd } from '../end-bytes.ts';
import { kindCode } from '../record.ts';
import { RIDES_IN_SCRIPT, scattered } from '../shards.ts';
import type { Argument, Shards } from '../shards.ts';
import { fenceArguments } from './hold.ts';

export async function settle(
  shards: Shards,
  tenant: string,
  settlements: readonly Settlement[],
): Promise<SettleAnswer[]> {
  const prepared = settlements.map((settlement) => ({ settlement, end: endOf(settlement), logs: logsOf(settlement) }));
  return scattered(
    shards,
    prepared,
    ({ settlement }) => settlement.fence.id,
    ({ end, logs }) => 256 + riding(end) + riding(logs),
    async (shard, piece) => {
      for (const { settlement, end, logs } of piece) {
        const { id } = settlement.fence;
        if (end.length > RIDES_IN_SCRIPT) await shards.leave(shard, tenant, id, end, true);
        if (logs.length > RIDES_IN_SCRIPT) await shards.leave(shard, tenant, `${id}:l`, logs, true);
      }
      const args = piece.flatMap(({ settlement, end, logs }) => argumentsOf(settlement, end, logs));
      const reply = (await shards.act('settle', shard, tenant, [kindCode('lost'), ...args], true)) as number[];
      return piece.map((_, i) => answerOf(reply[2 * i]!, reply[2 * i + 1]!));
    },
  );
}

function riding({ length }: Buffer): number {
  return length > RIDES_IN_SCRIPT ? 0 : length;
}

const NOTHING = Buffer.alloc(0);

function logsOf({ fence, logs }: Settlement): Buffer {
  return logs === null ? NOTHING : packLogs(fence.attempt, logs);
}

/** What e:<id> will hold, if this ends the task. */
function endOf(settlement: Settlement): Buffer {
  const { worker } = settlement;
  switch (settlement.is) {
    case 'retry':
      return NOTHING;
    case 'loss':
      return packEnd({ worker, error: finalLoss(settlement.error), result: {} });
    case 'end':
      if (settlement.state === 'COMPLETED') return packEnd({ worker, error: null, result: settlement.result });
      return packEnd({
        worker,
        error: settlement.error,
        result: settlement.pickle === undefined ? {} : { pickle: settlement.pickle },
      });
  }
}

function resultBytes(settlement: Settlement): number {
  if (settlement.is !== 'end') return 0;
  if (settlement.state === 'FAILED') return settlement.pickle?.length ?? 0;
  return (settlement.result.json?.length ?? 0) + (settlement.result.pickle?.length ?? 0);
}

function argumentsOf(settlement: Settlement, end: Buffer, logs: Buffer): Argument[] {
  const ends = settlement.is === 'end';
  return [
    ...fenceArguments(settlement.fence),
    settlement.is,
    ends ? STATE_CODE[settlement.state] : 0,
    ends && settlement.state === 'FAILED' ? kindCode(settlement.kind) : 0,
    settlement.worker,
    Math.trunc(settlement.startedAt),
    resultBytes(settlement),
    end.length > RIDES_IN_SCRIPT ? '' : end,
    logs.length > RIDES_IN_SCRIPT ? '*' : logs,
    settlement.is === 'retry' ? Math.ceil(settlement.delayMs) : 0,
    noteOf(settlement),
  ];
}

function noteOf(settlement: Settlement): string {
  if (settlement.is === 'loss') return settlement.error.message;
  return settlement.is === 'retry' ? `${settlement.error.type}: ${settlement.error.message}` : '';
}

function answerOf(verdict: number, state: number): SettleAnswer {
  switch (verdict) {
    case 0:
      return { is: 'accepted', state: stateOf(state) };
    case 1:
      return { is: 'duplicate', state: stateOf(state) };
    case 2:
      return { is: 'stale' };
    default:
      throw new StoreUnavailable('A result took too long on its way into the store; settle again.');
  }
}
