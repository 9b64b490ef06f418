// Task and function ids: RFC 9562 UUID version 7 = 48-bit creation time, 12-bit shard number, 62 random bits.
import { randomFillSync } from 'node:crypto';

export const MAX_SHARDS = 4096;

const WELL_FORMED = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

// Random bytes are drawn in pages: one system call for 512 ids.
const page = new Uint8Array(4096);
let used = page.length;

function random8(): Uint8Array {
  if (used + 8 > page.length) {
    randomFillSync(page);
    used = 0;
  }
  used += 8;
  return page.subarray(used - 8, used);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** A new id made at `wallMs` (Unix ms) in `shard` (0 … 4095). */
export function newId(wallMs: number, shard: number): string {
  const time = Math.trunc(wallMs).toString(16).padStart(12, '0');
  const tail = random8();
  tail[0] = (tail[0]! & 0x3f) | 0x80;
  const rest = hex(tail);
  const middle = (0x7000 | shard).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-${middle}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}

/** 64 random bits as 16 hex digits: an attempt's token. */
export function newToken(): string {
  return hex(random8());
}

/** Any 8-4-4-4-12 of hex digits, whatever its version. */
export function isWellFormedId(id: string): boolean {
  return WELL_FORMED.test(id);
}

/** The shard an id of ours names, or undefined where the id cannot be ours (another UUID version). */
export function shardOf(id: string): number | undefined {
  return id[14] === '7' ? Number.parseInt(id.slice(15, 18), 16) : undefined;
}

/** The shard of a store of `shards` that has this id's task; ids of other makers are in none, and are looked for in the first. */
export function shardIn(shards: number, id: string): number {
  const shard = shardOf(id) ?? 0;
  return shard < shards ? shard : 0;
}

/** The Unix ms in which an id of ours was made. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
