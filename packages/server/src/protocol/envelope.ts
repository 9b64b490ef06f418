// Envelope ⇄ frames. Everything that comes in is checked here; what is past this file has the shape it claims.
import { Packr, Unpackr } from 'msgpackr';
import { BadMessage } from './bad-message.ts';
import { isMap, isWhole, shown } from './fields.ts';
import { checkItem } from './shapes.ts';
import { KINDS, MAX_FRAME_BYTES, PROTOCOL_VERSION, type Envelope, type Item } from './messages.ts';

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** The first frame of a message. */
export function packHeader(envelope: Envelope<Item>): Buffer {
  return packr.pack({
    v: PROTOCOL_VERSION,
    w: envelope.worker,
    i: envelope.incarnation,
    n: envelope.seq,
    s: envelope.session,
    m: envelope.items,
  });
}

/** A worker's id stands in logs and records, where control characters would do harm. */
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * Reads the first frame of a message; `payloads` are those behind it.
 * @throws BadMessage for anything that is not an envelope of this version with known kinds. Unknown keys are ignored.
 */
export function unpackHeader<I extends Item>(
  frame: Uint8Array,
  from: keyof typeof KINDS,
  payloads: readonly Uint8Array[],
): Envelope<I> {
  if (frame.length > MAX_FRAME_BYTES) throw new BadMessage('the header is too large');
  let head: unknown;
  try {
    head = unpackr.unpack(frame);
  } catch {
    throw new BadMessage('the header is no msgpack map');
  }
  if (!isMap(head)) throw new BadMessage('the header is no msgpack map');
  const { v, w, i, n, s, m } = head;
  demandVersion(v);
  if (typeof w !== 'string' || w === '' || w.length > 128 || CONTROL.test(w))
    throw amiss('w', w, "the worker's id, a text of 1 to 128 characters without control characters");
  if (typeof i !== 'string' || i.length > 64)
    throw amiss('i', i, "the sender's incarnation, a text of at most 64 characters");
  if (!isWhole(n) || n < 0) throw amiss('n', n, "the sender's count of messages, a whole number from 0");
  if (typeof s !== 'string' || s.length > 128)
    throw amiss('s', s, 'the session token, a text of at most 128 characters, "" before there is one');
  if (!Array.isArray(m)) throw amiss('m', m, 'the list of items');
  for (const item of m as unknown[]) {
    const kind = isMap(item) ? item['k'] : undefined;
    if (typeof kind !== 'string' || !KINDS[from].has(kind)) throw new BadMessage(`unknown message kind ${shown(kind)}`);
    checkItem(item as Item, payloads);
  }
  return { worker: w, incarnation: i, seq: n, session: s, items: m as I[] };
}

function demandVersion(v: unknown): void {
  if (v === PROTOCOL_VERSION) return;
  if (!isWhole(v)) throw amiss('v', v, `the protocol version as a number, ${PROTOCOL_VERSION}`);
  throw new BadMessage(`protocol version ${v} is not spoken here, only ${PROTOCOL_VERSION}: update the older side`);
}

function amiss(key: string, value: unknown, must: string): BadMessage {
  return new BadMessage(`the header's "${key}" must be ${must}; it is ${shown(value)}`);
}
