// Envelope ⇄ frames. Everything that comes in is checked here; what is past this file has the shape it claims.
import { Packr, Unpackr } from 'msgpackr';
import { BadMessage } from './bad-message.ts';
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

/**
 * Reads the first frame of a message.
 * @throws BadMessage for anything that is not an envelope of this version with known kinds. Unknown keys are ignored.
 */
export function unpackHeader<I extends Item>(frame: Uint8Array, from: keyof typeof KINDS): Envelope<I> {
  if (frame.length > MAX_FRAME_BYTES) throw new BadMessage('the header is too large');
  let head: unknown;
  try {
    head = unpackr.unpack(frame);
  } catch {
    throw new BadMessage('the header is no msgpack map');
  }
  if (!isMap(head)) throw new BadMessage('the header is no msgpack map');
  const { v, w, i, n, s, m } = head as { v: unknown; w: unknown; i: unknown; n: unknown; s: unknown; m: unknown };
  if (v !== PROTOCOL_VERSION) {
    throw new BadMessage(
      `protocol version ${String(v)} is not spoken here, only ${PROTOCOL_VERSION}: update the older side`,
    );
  }
  if (typeof w !== 'string' || w === '' || w.length > 128) throw new BadMessage('the worker id is missing');
  if (typeof i !== 'string' || i.length > 64) throw new BadMessage('the incarnation is missing');
  if (typeof n !== 'number' || typeof s !== 'string' || s.length > 128)
    throw new BadMessage('the header lacks seq or session');
  if (!Array.isArray(m)) throw new BadMessage('the header has no list of items');
  for (const item of m as unknown[]) {
    const kind = isMap(item) ? (item as { k?: unknown }).k : undefined;
    if (typeof kind !== 'string' || !KINDS[from].has(kind))
      throw new BadMessage(`unknown message kind ${JSON.stringify(kind)}`);
    checkItem(item as Item);
  }
  return { worker: w, incarnation: i, seq: n, session: s, items: m as I[] };
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
