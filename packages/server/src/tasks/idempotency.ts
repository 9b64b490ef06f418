// What makes two requests under one key the same: the function as it was named, the options, the arguments' bytes.
import { createHash, hash } from 'node:crypto';
import type { ArgsEncoding, TaskOptions } from '@mpcsfaas/contract';
import { isWellFormedId } from '../lifecycle/ids.ts';

/** Up to so many bytes are copied behind the rest, for one call of the hash costs less than an object that takes several. */
const COPIED_BYTES = 4096;

/** A digest of the content; the order in which options are written does not matter, nor does an id's case. */
export function contentDigest(ref: string, options: TaskOptions, argsAs: ArgsEncoding, args: Buffer): string {
  const named = isWellFormedId(ref) ? ref.toLowerCase() : ref;
  const head = `${JSON.stringify([named, argsAs, inOrder(options)])}\0`;
  if (args.length <= COPIED_BYTES) return hash('sha256', Buffer.concat([Buffer.from(head), args]), 'base64url');
  return createHash('sha256').update(head).update(args).digest('base64url');
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
