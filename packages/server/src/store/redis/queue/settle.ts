// settle: what a script needs of each settlement; large results and logs go ahead of it.
import { newToken } from '../../../lifecycle/ids.ts';
import { finalLoss } from '../../platform-error.ts';
import { STATE_CODE, stateOf } from '../../state-code.ts';
import type { SettleAnswer, Settlement } from '../../store.ts';
import { StoreUnavailable } from '../../store.ts';
import { packLogs } from '../../stream-log.ts';
import { packEnd } from '../end-bytes.ts';
import { kindCode, packIds } from '../record.ts';
import { RIDES_IN_SCRIPT, scattered } from '../shards.ts';
import type { Argument, Shards } from '../shards.ts';
import { asTime, fenceArguments, noteArgument } from './hold.ts';

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
      const args = piece.flatMap(({ settlement, end, logs }) => argumentsOf(settlement, end, logs));
      const ids = packIds(piece.map(({ settlement }) => settlement.fence.id));
      const reply = (await shards.act(
        'settle',
        shard,
        tenant,
        [kindCode('lost'), ids, mark, ...args],
        true,
      )) as number[];
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

function resultBytes(settlement: Settlement): number {
  if (settlement.is !== 'end') return 0;
  if (settlement.state === 'FAILED') return settlement.pickle?.length ?? 0;
  return (settlement.result.json?.length ?? 0) + (settlement.result.pickle?.length ?? 0);
}

function argumentsOf(settlement: Settlement, end: Buffer, logs: Buffer): Argument[] {
  return [
    ...fenceArguments(settlement.fence),
    factsOf(settlement),
    end.length > RIDES_IN_SCRIPT ? '' : end,
    logs.length > RIDES_IN_SCRIPT ? '*' : logs,
    noteOf(settlement),
  ];
}

const WHAT: Record<Settlement['is'], number> = { end: 0, loss: 1, retry: 2 };

/** what u8, state u8, kind u8, started_at u48, size of the result u40, delay u48 */
function factsOf(settlement: Settlement): Buffer {
  const facts = Buffer.alloc(FACTS_BYTES);
  const ends = settlement.is === 'end';
  let at = facts.writeUInt8(WHAT[settlement.is], 0);
  at = facts.writeUInt8(ends ? STATE_CODE[settlement.state] : 0, at);
  at = facts.writeUInt8(ends && settlement.state === 'FAILED' ? kindCode(settlement.kind) : 0, at);
  at = facts.writeUIntLE(asTime(settlement.startedAt), at, 6);
  at = facts.writeUIntLE(resultBytes(settlement), at, 5);
  facts.writeUIntLE(settlement.is === 'retry' ? asTime(Math.ceil(settlement.delayMs)) : 0, at, 6);
  return facts;
}

const FACTS_BYTES = 1 + 1 + 1 + 6 + 5 + 6;

function noteOf(settlement: Settlement): string {
  const { worker } = settlement;
  if (settlement.is === 'loss') return noteArgument(worker, 'lost', settlement.error.message);
  if (settlement.is === 'end') return '';
  return noteArgument(worker, 'retry', `${settlement.error.type}: ${settlement.error.message}`);
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
