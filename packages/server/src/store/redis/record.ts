// A task's record as bytes: a head of what changes, what acts need, some strings, and the rest of the spec (record.lua
// names the same fields in the same order).
import { createHash } from 'node:crypto';
import type { FailureKind } from '@mpcsfaas/contract';
import type { TaskSpec } from '../../lifecycle/spec.ts';
import { packSpecRest, unpackSpecRest } from './spec-bytes.ts';
import type { Submission } from '../store.ts';

/** Part of the stored format: never reorder. 0 = completed. */
const KIND_CODE: Record<FailureKind, number> = {
  raised: 1,
  timed_out: 2,
  memory_exceeded: 3,
  load_failed: 4,
  result_not_serializable: 5,
  result_not_json: 6,
  result_too_large: 7,
  version_mismatch: 8,
  lost: 9,
  expired: 10,
  canceled: 11,
};
const KIND_BY_CODE = new Map(Object.entries(KIND_CODE).map(([kind, code]) => [code, kind as FailureKind]));

export function kindCode(kind: FailureKind | ''): number {
  return kind === '' ? 0 : KIND_CODE[kind];
}

export function kindOf(code: number): FailureKind | '' {
  return KIND_BY_CODE.get(code) ?? '';
}

const RESULT_AS: readonly TaskSpec['result_as'][] = ['json', 'pickle', 'both'];
const RUNTIME: readonly TaskSpec['runtime'][] = ['python', 'javascript'];

/** at_most_once in the first bit, the result's form in the next two, then the runtime; then: the arguments are in the record. */
export function readShape(
  shape: number,
): Pick<TaskSpec, 'at_most_once' | 'runtime'> & { resultAs: TaskSpec['result_as'] } {
  const [resultAs, runtime] = [RESULT_AS[(shape >> 1) & 3], RUNTIME[(shape >> 3) & 1]];
  if (resultAs === undefined || runtime === undefined)
    throw new Error(`The store holds a task of the unknown shape ${shape}.`);
  return { at_most_once: (shape & 1) === 1, resultAs, runtime };
}

function shapeOf(spec: TaskSpec): number {
  return (spec.at_most_once ? 1 : 0) | (RESULT_AS.indexOf(spec.result_as) << 1) | (RUNTIME.indexOf(spec.runtime) << 3);
}

const INLINE = 16;
/** Arguments up to this size stand in the record: a key of their own would cost more than they do. */
const INLINE_BYTES = 256;

export function isInline(args: Buffer): boolean {
  return args.length <= INLINE_BYTES;
}

/** What is kept of an idempotency key's name, and of its content: 128 bits that tell it from any other. */
export function keyDigest(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, 16);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** Ids and digests at half their size, anything else as it is; a first byte of 1 or 2 tells which. */
export function squeeze(text: string): Buffer {
  if (UUID.test(text)) return Buffer.from(`01${text.replaceAll('-', '')}`, 'hex');
  if (SHA256.test(text)) return Buffer.from(`02${text}`, 'hex');
  return Buffer.from(text);
}

/** Ids as the entries of indexes hold them: 16 bytes each (whatever they are), in the same order as their texts. */
export function packIds(ids: readonly string[]): Buffer {
  const packed = Buffer.alloc(ID_BYTES * ids.length);
  for (const [i, id] of ids.entries()) packed.write(id.replaceAll('-', ''), ID_BYTES * i, ID_BYTES, 'hex');
  return packed;
}

/** The ids of an entry of an index. */
export function idsOf(entry: Buffer): string[] {
  const ids: string[] = [];
  for (let at = 0; at < entry.length; at += ID_BYTES) ids.push(dashed(entry.toString('hex', at, at + ID_BYTES)));
  return ids;
}

const ID_BYTES = 16;

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function expand(bytes: Buffer): string {
  if (bytes[0] === 2) return bytes.toString('hex', 1);
  if (bytes[0] !== 1) return bytes.toString();
  return dashed(bytes.toString('hex', 1));
}

const HEAD_BYTES = 72;
const REST_BYTES = 28;
const TAIL_LENGTH_AT = 49;
const MOST_ATTEMPTS = 0xffff;

/** A new task's record without its head, which submit writes. */
export function packRest({ spec, lane, args, key }: Submission): Buffer {
  const [laneBytes, group] = [Buffer.from(lane), Buffer.from(spec.group)];
  const keyName = key === undefined ? NOTHING : keyDigest(key.name);
  const inline = isInline(args);
  const [fn, digest] = [squeeze(spec.function_id), squeeze(spec.digest)];
  const fixed = Buffer.alloc(REST_BYTES);
  let at = fixed.writeUIntLE(spec.expires_at, 0, 6);
  at = fixed.writeUIntLE(args.length, at, 5);
  at = fixed.writeUInt8(shapeOf(spec) | (inline ? INLINE : 0), at);
  at = fixed.writeUInt8(spec.priority + 100, at);
  at = fixed.writeUInt16LE(Math.min(spec.max_attempts, MOST_ATTEMPTS), at);
  at = fixed.writeUIntLE(spec.result_ttl_ms, at, 6);
  at = fixed.writeUInt16LE(laneBytes.length, at);
  at = fixed.writeUInt8(digest.length, at);
  at = fixed.writeUInt8(keyName.length, at);
  at = fixed.writeUInt16LE(group.length, at);
  fixed.writeUInt8(fn.length, at);
  return Buffer.concat([fixed, laneBytes, digest, keyName, group, fn, inline ? args : NOTHING, packSpecRest(spec)]);
}

const NOTHING = Buffer.alloc(0);

export interface StoredRecord {
  state: number;
  pinned: boolean;
  kind: FailureKind | '';
  abandonments: number;
  losses: number;
  retries: number;
  attempt: number;
  submittedAt: number;
  claimedAt: number;
  startedAt: number;
  endedAt: number;
  dueAt: number;
  argsBytes: number;
  resultBytes: number;
  lane: string;
  /** Where the record holds them. */
  args: Buffer | undefined;
  /** Who claimed a RUNNING task and the worker that holds it, NUL between; of an ended task its end, if small. */
  tail: Buffer;
  spec: TaskSpec;
}

/** The reverse: the whole record of the task `id` of `tenant`. */
export function readRecord(tenant: string, id: string, bytes: Buffer): StoredRecord {
  const u48 = (at: number): number => bytes.readUIntLE(at, 6);
  let at = HEAD_BYTES + REST_BYTES;
  const lengths = HEAD_BYTES + 21;
  const take = (length: number): Buffer => bytes.subarray(at, (at += length));
  const lane = take(bytes.readUInt16LE(lengths)).toString();
  const digest = expand(take(bytes.readUInt8(lengths + 2)));
  take(bytes.readUInt8(lengths + 3));
  const group = take(bytes.readUInt16LE(lengths + 4)).toString();
  const functionId = expand(take(bytes.readUInt8(lengths + 6)));
  const shape = bytes.readUInt8(HEAD_BYTES + 11);
  const { at_most_once, runtime, resultAs } = readShape(shape);
  const argsBytes = bytes.readUIntLE(HEAD_BYTES + 6, 5);
  const args = (shape & INLINE) === 0 ? undefined : take(argsBytes);
  const tailAt = bytes.length - bytes.readUInt16LE(TAIL_LENGTH_AT);
  const inRecord = {
    id,
    tenant,
    function_id: functionId,
    runtime,
    digest,
    result_as: resultAs,
    priority: bytes.readUInt8(HEAD_BYTES + 12) - 100,
    max_attempts: bytes.readUInt16LE(HEAD_BYTES + 13),
    at_most_once,
    expires_at: u48(HEAD_BYTES),
    result_ttl_ms: u48(HEAD_BYTES + 15),
    group,
  };
  return {
    state: bytes.readUInt8(0),
    pinned: bytes.readUInt8(1) === 1,
    kind: kindOf(bytes.readUInt8(2)),
    abandonments: bytes.readUInt8(3),
    losses: bytes.readUInt16LE(4),
    retries: bytes.readUInt16LE(6),
    attempt: bytes.readUInt32LE(8),
    submittedAt: u48(57),
    claimedAt: u48(20),
    startedAt: u48(26),
    endedAt: u48(38),
    dueAt: u48(51),
    argsBytes,
    resultBytes: bytes.readUIntLE(44, 5),
    lane,
    args,
    tail: bytes.subarray(tailAt),
    spec: unpackSpecRest(inRecord, bytes.subarray(at, tailAt)),
  };
}
