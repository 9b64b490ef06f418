// Settlements as settle.lua reads them.
import { STATE_CODE } from '../../state-code.ts';
import type { Settlement } from '../../store.ts';
import { kindCode, PACKED_ID_BYTES, TEXT_ID_BYTES, writePackedId } from '../record.ts';
import { RIDES_IN_SCRIPT } from '../shards.ts';
import type { Argument } from '../shards.ts';
import { asTime, noteArgument, writeFence } from './hold.ts';
import { parcel } from './parcel.ts';

/** With what it leaves: the end as it is kept, if this ends the task, and what it printed. */
export interface PreparedSettlement {
  settlement: Settlement;
  end: Buffer;
  logs: Buffer;
}

const WHAT: Record<Settlement['is'], number> = { end: 0, loss: 1, retry: 2 };

// id, id as entries hold it, fence; what u8, state u8, kind u8, started_at u48, size of the result u40, delay u48
const FENCE_AT = TEXT_ID_BYTES + PACKED_ID_BYTES;
const FACTS_BYTES = FENCE_AT + 12 + 3 + 6 + 5 + 6;
const NOTHING = Buffer.alloc(0);
/** Written before the script. */
const WAITS = Buffer.from('*');

/** All of them in one, and what stands apart. */
export function settlementArguments(piece: readonly PreparedSettlement[]): Argument[] {
  return parcel(piece, FACTS_BYTES, writeFacts, ({ settlement, end, logs }) => [
    end.length > RIDES_IN_SCRIPT ? NOTHING : end,
    logs.length > RIDES_IN_SCRIPT ? WAITS : logs,
    noteOf(settlement),
  ]);
}

function writeFacts({ settlement }: PreparedSettlement, all: Buffer, from: number): void {
  const { fence } = settlement;
  const ends = settlement.is === 'end';
  all.write(fence.id, from, TEXT_ID_BYTES, 'latin1');
  writePackedId(fence.id, all, from + TEXT_ID_BYTES);
  let at = writeFence(all, from + FENCE_AT, fence);
  at = all.writeUInt8(WHAT[settlement.is], at);
  at = all.writeUInt8(ends ? STATE_CODE[settlement.state] : 0, at);
  at = all.writeUInt8(ends && settlement.state === 'FAILED' ? kindCode(settlement.kind) : 0, at);
  at = all.writeUIntLE(asTime(settlement.startedAt), at, 6);
  at = all.writeUIntLE(resultBytes(settlement), at, 5);
  all.writeUIntLE(settlement.is === 'retry' ? asTime(Math.ceil(settlement.delayMs)) : 0, at, 6);
}

function resultBytes(settlement: Settlement): number {
  if (settlement.is !== 'end') return 0;
  if (settlement.state === 'FAILED') return settlement.pickle?.length ?? 0;
  return (settlement.result.json?.length ?? 0) + (settlement.result.pickle?.length ?? 0);
}

function noteOf(settlement: Settlement): Buffer {
  const { worker } = settlement;
  if (settlement.is === 'end') return NOTHING;
  if (settlement.is === 'loss') return Buffer.from(noteArgument(worker, 'lost', settlement.error.message));
  return Buffer.from(noteArgument(worker, 'retry', `${settlement.error.type}: ${settlement.error.message}`));
}
