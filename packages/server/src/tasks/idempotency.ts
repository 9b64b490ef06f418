// What makes two requests under one key the same: the function as it was named, the options, the arguments' bytes.
import { createHash, hash } from 'node:crypto';
import type { ArgsEncoding, TaskOptions } from '@mpcsfaas/contract';
import { isWellFormedId } from '../lifecycle/ids.ts';

/** Up to so many bytes are copied behind the rest, for one call of the hash costs less than an object that takes several. */
const COPIED_BYTES = 4096;

/** What the last digest began with: of a batch's tasks most differ by their arguments alone. */
let last: { asked: string; head: Buffer } = { asked: '', head: Buffer.alloc(0) };

/** A digest of the content; the order in which options are written does not matter, nor does an id's case. */
export function contentDigest(ref: string, options: TaskOptions, argsAs: ArgsEncoding, args: Buffer): string {
  const asked = JSON.stringify([ref, argsAs, options]);
  if (asked !== last.asked) last = { asked, head: headOf(ref, options, argsAs) };
  const { head } = last;
  if (args.length <= COPIED_BYTES) return hash('sha256', Buffer.concat([head, args]), 'base64url');
  return createHash('sha256').update(head).update(args).digest('base64url');
}

function headOf(ref: string, options: TaskOptions, argsAs: ArgsEncoding): Buffer {
  const named = isWellFormedId(ref) ? ref.toLowerCase() : ref;
  return Buffer.from(`${JSON.stringify([named, argsAs, inOrder(options)])}\0`);
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => [name, inOrder(item)]);
}

/** The shard of a key: the same for every service. */
export function shardOfKey(tenant: string, key: string, shards: number): number {
  if (shards === 1) return 0;
  return hash('sha256', `${tenant}\0${key}`, 'buffer').readUInt32BE(0) % shards;
}
