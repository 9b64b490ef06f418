// Hints on the wire of pub/sub: a letter and what it is about. record.lua writes them.
import { endOf } from '../state-code.ts';
import type { Hint, TaskEnd } from '../store.ts';
import { readEnd } from './end-bytes.ts';
import { readShape } from './record-header.ts';
import { kindOf } from './record.ts';
import { placeOf } from './results/places.ts';
import type { AnnouncedEntry } from './results/announced.ts';
import { expand } from './squeeze.ts';

/** What a process may listen for: work that waits or was canceled (dispatchers), ends (services). */
export type HintTopic = 'work' | 'ends';

export const HINT_CHANNELS: Record<HintTopic, string> = { work: 'mpcsfaas:work', ends: 'mpcsfaas:ends' };

const ID_BYTES = 36;

export interface Heard {
  hint: Hint;
  /** Of ends: what they are in the log. */
  entry?: Omit<AnnouncedEntry, 'source'>;
}

/** A hint, or undefined where the message is none of ours, be it of another version. */
export function readHint(message: Buffer): Heard | undefined {
  try {
    return read(message);
  } catch {
    // A channel is open to everybody, and nothing depends on a hint.
    return undefined;
  }
}

function read(message: Buffer): Heard | undefined {
  const body = message.subarray(1);
  switch (String.fromCharCode(message[0] ?? 0)) {
    case 'w':
      return { hint: { is: 'work', lanes: body.toString().split('\n') } };
    case 'c':
      return { hint: { is: 'canceled', ids: idsIn(body) } };
    case 'E':
      return readEnds(body);
    default:
      return undefined;
  }
}

// log f64, number u48, the lengths u16 and u8 of prefix and entry; then these two and the ends
const ENTRY = 8 + 6 + 2 + 1;

function readEnds(body: Buffer): Heard {
  const entryAt = ENTRY + body.readUInt16LE(14);
  const endsAt = entryAt + body.readUInt8(16);
  const ends = readTaskEnds(body.subarray(endsAt));
  const entry = {
    prefix: body.toString('latin1', ENTRY, entryAt),
    log: body.readDoubleLE(0),
    place: placeOf(body.toString('latin1', entryAt, endsAt)),
    number: body.readUIntLE(8, 6),
    ends,
  };
  return { hint: { is: 'ends', ends }, entry };
}

function idsIn(body: Buffer): string[] {
  const ids: string[] = [];
  for (let at = 0; at + ID_BYTES <= body.length; at += ID_BYTES) ids.push(body.toString('latin1', at, at + ID_BYTES));
  return ids;
}

// state u8, kind u8, ended u48, shape u8, and the lengths of group u16 and function u8; then id, group, function, the end's
// length u32 and the end
const PREFIX = 1 + 1 + 6 + 1 + 2 + 1;

/** Task ends as record.lua writes them one after the other (end_task). */
export function readTaskEnds(body: Buffer): TaskEnd[] {
  const ends: TaskEnd[] = [];
  let at = 0;
  while (at + PREFIX + ID_BYTES <= body.length) {
    const start = at;
    at += PREFIX;
    const take = (length: number): Buffer => body.subarray(at, (at += length));
    const id = take(ID_BYTES).toString('latin1');
    const group = take(body.readUInt16LE(start + 9)).toString();
    const functionId = expand(take(body.readUInt8(start + 11)));
    const length = take(4).readUInt32LE();
    const bytes = take(length);
    const told: TaskEnd = {
      id,
      state: endOf(body.readUInt8(start)),
      kind: kindOf(body.readUInt8(start + 1)),
      group,
      functionId,
      endedAt: body.readUIntLE(start + 2, 6),
    };
    if (bytes.length > 0) {
      const { state, kind, endedAt } = told;
      const { runtime, resultAs } = readShape(body.readUInt8(start + 8));
      const { error, result } = readEnd(bytes);
      // A failure after other attempts does not ride along.
      const hasHistory = kind === 'lost';
      told.end = { id, state, kind, error, result, resultAs, runtime, endedAt, hasHistory };
    }
    ends.push(told);
  }
  return ends;
}
