// Settlements as settle.lua reads them: one after another in one argument, for each argument of a script has its price in every
// program. What is long stands in one of its own, or the bytes would become a string of Lua's twice.
import { STATE_CODE } from '../../state-code.ts';
import type { Settlement } from '../../store.ts';
import { kindCode } from '../record.ts';
import { RIDES_IN_SCRIPT } from '../shards.ts';
import type { Argument } from '../shards.ts';
import { asTime, noteArgument, writeFence } from './hold.ts';

/** With what it leaves: the end as it is kept, if this ends the task, and what it printed. */
export interface PreparedSettlement {
  settlement: Settlement;
  end: Buffer;
  logs: Buffer;
}

const WHAT: Record<Settlement['is'], number> = { end: 0, loss: 1, retry: 2 };

// id, id as entries hold it, fence; what u8, state u8, kind u8, started_at u48, size of the result u40, delay u48; and three lengths u16
const [ID_BYTES, PACKED_BYTES, FENCE_BYTES] = [36, 16, 12];
const FIXED = ID_BYTES + PACKED_BYTES + FENCE_BYTES + 3 + 6 + 5 + 6 + 3 * 2;
/** Longer strings stand apart, bytes. */
const LONGEST = 1024;
const APART = 0xffff;
const NOTHING = Buffer.alloc(0);
/** Written before the script. */
const WAITS = Buffer.from('*');

/** All of them, and what stands apart. */
export function settlementArguments(piece: readonly PreparedSettlement[]): Argument[] {
  const texts = piece.map(({ settlement, end, logs }) => [
    end.length > RIDES_IN_SCRIPT ? NOTHING : end,
    logs.length > RIDES_IN_SCRIPT ? WAITS : logs,
    noteOf(settlement),
  ]);
  const size = texts.flat().reduce((sum, { length }) => (length > LONGEST ? sum : sum + length), FIXED * piece.length);
  const all = Buffer.alloc(size);
  const apart: Buffer[] = [];
  let at = 0;
  for (const [i, { settlement }] of piece.entries()) {
    let lengthAt = writeFacts(all, at, settlement);
    at += FIXED;
    for (const text of texts[i]!) {
      const isApart = text.length > LONGEST;
      lengthAt = all.writeUInt16LE(isApart ? APART : text.length, lengthAt);
      if (isApart) apart.push(text);
      else at += text.copy(all, at);
    }
  }
  return [all, ...apart];
}

/** Answers where the lengths begin. */
function writeFacts(all: Buffer, from: number, settlement: Settlement): number {
  const { fence } = settlement;
  const ends = settlement.is === 'end';
  all.write(fence.id, from, ID_BYTES, 'latin1');
  all.write(fence.id.replaceAll('-', ''), from + ID_BYTES, PACKED_BYTES, 'hex');
  let at = writeFence(all, from + ID_BYTES + PACKED_BYTES, fence);
  at = all.writeUInt8(WHAT[settlement.is], at);
  at = all.writeUInt8(ends ? STATE_CODE[settlement.state] : 0, at);
  at = all.writeUInt8(ends && settlement.state === 'FAILED' ? kindCode(settlement.kind) : 0, at);
  at = all.writeUIntLE(asTime(settlement.startedAt), at, 6);
  at = all.writeUIntLE(resultBytes(settlement), at, 5);
  return all.writeUIntLE(settlement.is === 'retry' ? asTime(Math.ceil(settlement.delayMs)) : 0, at, 6);
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
