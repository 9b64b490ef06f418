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

export function expand(bytes: Buffer): string {
  if (bytes[0] === 2) return bytes.toString('hex', 1);
  if (bytes[0] !== 1) return bytes.toString();
  const hex = bytes.toString('hex', 1);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const HEAD_BYTES = 62;
const REST_BYTES = 29;
const MOST_ATTEMPTS = 0xffff;

/** A new task's record without its head, which submit writes. */
export function packRest({ spec, lane, args, key }: Submission): Buffer {
  const [laneBytes, group] = [Buffer.from(lane), Buffer.from(spec.group)];
  const keyName = key === undefined ? NOTHING : keyDigest(key.name);
  const inline = isInline(args);
  const [fn, digest] = [squeeze(spec.function_id), squeeze(spec.digest)];
  const fixed = Buffer.alloc(REST_BYTES);
  let at = fixed.writeUIntLE(spec.expires_at, 0, 6);
  at = fixed.writeUIntLE(spec.result_ttl_ms, at, 6);
  at = fixed.writeUIntLE(args.length, at, 5);
  at = fixed.writeUInt16LE(Math.min(spec.max_attempts, MOST_ATTEMPTS), at);
  at = fixed.writeUInt8(spec.priority + 100, at);
  at = fixed.writeUInt8(shapeOf(spec) | (inline ? INLINE : 0), at);
  for (const { length } of [laneBytes, group, keyName]) at = fixed.writeUInt16LE(length, at);
  at = fixed.writeUInt8(fn.length, at);
  fixed.writeUInt8(digest.length, at);
  return Buffer.concat([fixed, laneBytes, group, keyName, fn, digest, inline ? args : NOTHING, packSpecRest(spec)]);
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
  spec: TaskSpec;
}

/** The reverse: the whole record of the task `id` of `tenant`. */
export function readRecord(tenant: string, id: string, bytes: Buffer): StoredRecord {
  const u48 = (at: number): number => bytes.readUIntLE(at, 6);
  let at = HEAD_BYTES + REST_BYTES;
  const lengths = HEAD_BYTES + 21;
  const take = (length: number): Buffer => bytes.subarray(at, (at += length));
  const lane = take(bytes.readUInt16LE(lengths)).toString();
  const group = take(bytes.readUInt16LE(lengths + 2)).toString();
  take(bytes.readUInt16LE(lengths + 4));
  const functionId = expand(take(bytes.readUInt8(lengths + 6)));
  const digest = expand(take(bytes.readUInt8(lengths + 7)));
  const shape = bytes.readUInt8(HEAD_BYTES + 20);
  const { at_most_once, runtime, resultAs } = readShape(shape);
  const argsBytes = bytes.readUIntLE(HEAD_BYTES + 12, 5);
  const args = (shape & INLINE) === 0 ? undefined : take(argsBytes);
  const inRecord = {
    id,
    tenant,
    function_id: functionId,
    runtime,
    digest,
    result_as: resultAs,
    priority: bytes.readUInt8(HEAD_BYTES + 19) - 100,
    max_attempts: bytes.readUInt16LE(HEAD_BYTES + 17),
    at_most_once,
    expires_at: u48(HEAD_BYTES),
    result_ttl_ms: u48(HEAD_BYTES + 6),
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
    submittedAt: u48(27),
    claimedAt: u48(33),
    startedAt: u48(39),
    endedAt: u48(45),
    dueAt: u48(51),
    argsBytes,
    resultBytes: bytes.readUIntLE(57, 5),
    lane,
    args,
    spec: unpackSpecRest(inRecord, bytes.subarray(at)),
  };
}
