// settle: what a script needs of each settlement; large results and logs go ahead of it.
import { newToken } from '../../../lifecycle/ids.ts';
import { finalLoss } from '../../platform-error.ts';
import { stateOf } from '../../state-code.ts';
import type { SettleAnswer, Settlement } from '../../store.ts';
import { StoreUnavailable } from '../../store.ts';
import { packLogs } from '../../stream-log.ts';
import { packEnd } from '../end-bytes.ts';
import { kindCode } from '../record.ts';
import { RIDES_IN_SCRIPT, scattered } from '../shards.ts';
import type { Shards } from '../shards.ts';
import { settlementArguments } from './settlement-bytes.ts';

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
      // Another dispatcher may be bringing the end of another attempt of the same task, in vain.
      const mark = newToken();
      await Promise.all(
        piece.flatMap(({ settlement, end, logs }) => {
          const name = `${settlement.fence.id}:${mark}`;
          return [
            ...(end.length > RIDES_IN_SCRIPT ? [shards.leave(shard, tenant, name, end, true)] : []),
            ...(logs.length > RIDES_IN_SCRIPT ? [shards.leave(shard, tenant, `${name}:l`, logs, true)] : []),
          ];
        }),
      );
      const args = [kindCode('lost'), mark, ...settlementArguments(piece)];
      const reply = (await shards.act('settle', shard, tenant, args, true)) as Buffer;
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

/** The end as it is kept, if this ends the task. */
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
