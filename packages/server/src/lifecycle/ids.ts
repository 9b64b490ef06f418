// Task and function ids: RFC 9562 UUID version 7 = 48-bit creation time, 12-bit shard number, 62 random bits.
import { randomBytes, randomFillSync } from 'node:crypto';

export const MAX_SHARDS = 4096;

const WELL_FORMED = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

// Random digits are drawn in pages: one system call and one conversion for 512 ids.
const PAGE_BYTES = 4096;
let page = '';
let used = 0;

/** 64 random bits as 16 hex digits. */
function randomDigits(): string {
  if (used === page.length) {
    page = randomBytes(PAGE_BYTES).toString('hex');
    used = 0;
  }
  used += 16;
  return page.slice(used - 16, used);
}

/** The first digit of the variant that RFC 9562 asks for (binary 10xx), by any digit. */
const VARIANT = '89ab'.repeat(4);

/** The last id's beginning, which others of that millisecond and shard have, too. */
let head = { wallMs: Number.NaN, shard: 0, text: '' };

/** A new id made at `wallMs` (Unix ms) in `shard` (0 … 4095). */
export function newId(wallMs: number, shard: number): string {
  const digits = randomDigits();
  const variant = VARIANT[Number.parseInt(digits[0]!, 16)]!;
  return `${headOf(wallMs, shard)}${variant}${digits.slice(1, 4)}-${digits.slice(4)}`;
}

/** So many new ids made at `wallMs` in `shard`, in their order: who lists them has them as they were asked for. */
export function newIds(wallMs: number, shard: number, count: number): string[] {
  if (count === 1) return [newId(wallMs, shard)];
  // All of them are drawn at once and sorted as numbers, whose bytes are turned round for their digits: x64 and arm64, which
  // the programs run on, are little-endian.
  const tails = new BigUint64Array(count);
  const bytes = randomFillSync(Buffer.from(tails.buffer));
  for (let at = 7; at < bytes.length; at += 8) bytes[at] = (bytes[at]! & 0x3f) | 0x80;
  tails.sort();
  const digits = bytes.swap64().toString('hex');
  const beginning = headOf(wallMs, shard);
  const ids = new Array<string>(count);
  for (let n = 0, at = 0; n < count; n += 1, at += 16)
    ids[n] = `${beginning}${digits.slice(at, at + 4)}-${digits.slice(at + 4, at + 16)}`;
  return ids;
}

function headOf(wallMs: number, shard: number): string {
  if (head.wallMs === wallMs && head.shard === shard) return head.text;
  const time = Math.trunc(wallMs).toString(16).padStart(12, '0');
  const text = `${time.slice(0, 8)}-${time.slice(8)}-${(0x7000 | shard).toString(16)}-`;
  head = { wallMs, shard, text };
  return text;
}

/** 64 random bits as 16 hex digits: an attempt's token. */
export function newToken(): string {
  return randomDigits();
}

/** Any 8-4-4-4-12 of hex digits, whatever its version. */
export function isWellFormedId(id: string): boolean {
  return WELL_FORMED.test(id);
}

/** The shard an id of ours names, or undefined where the id cannot be ours (another UUID version). */
export function shardOf(id: string): number | undefined {
  return id[14] === '7' ? Number.parseInt(id.slice(15, 18), 16) : undefined;
}

/** The Unix ms in which an id of ours was made. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
