// A task's record as bytes: a head of what changes, what tasks of one request share (record-header.ts), and a tail.
// record.lua names the same fields in the same order.
import { hash } from 'node:crypto';
import type { FailureKind } from '@mpcsfaas/contract';
import { specOf } from '../../lifecycle/spec.ts';
import type { TaskSpec } from '../../lifecycle/spec.ts';
import { hasEnded } from '../state-code.ts';
import { INLINE, SHAPE_AT, type RecordHeaders } from './record-header.ts';
import { dashed } from './squeeze.ts';

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

/** Stands in the kind's place while a task has not ended: some attempt of it is known to have been started. */
const BEGUN = 255;

/** Arguments up to this size stand in the record: a key of their own would cost more than they do. */
const INLINE_BYTES = 256;

export function isInline(args: Buffer): boolean {
  return args.length <= INLINE_BYTES;
}

/** What is kept of an idempotency key's name, and of its content: 128 bits that tell it from any other. */
export function keyDigest(text: string): Buffer {
  return hash('sha256', text, 'buffer').subarray(0, 16);
}

export function packIds(ids: readonly string[]): Buffer {
  const packed = Buffer.alloc(ID_BYTES * ids.length);
  for (const [i, id] of ids.entries()) writePackedId(id, packed, ID_BYTES * i);
  return packed;
}

/** An id as entries of indexes hold it. */
export function writePackedId(id: string, bytes: Buffer, at: number): void {
  // Done for each task that is submitted and settled. A string without dashes, written as hexadecimal digits, takes five times as long.
  for (let i = 0; i < ID_BYTES; i += 1) {
    const digit = DIGITS[i]!;
    bytes[at + i] = (VALUE[id.charCodeAt(digit)]! << 4) | VALUE[id.charCodeAt(digit + 1)]!;
  }
}

/** Where the digits of each byte begin in an id's text. */
const DIGITS = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);
/** Of the digits, by their character. */
const VALUE = Uint8Array.from({ length: 128 }, (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0);

/** The ids of an entry of an index. */
export function idsOf(entry: Buffer): string[] {
  const ids: string[] = [];
  for (let at = 0; at < entry.length; at += ID_BYTES) ids.push(dashed(entry.toString('hex', at, at + ID_BYTES)));
  return ids;
}

const ID_BYTES = 16;
export const [TEXT_ID_BYTES, PACKED_ID_BYTES] = [36, ID_BYTES];

const HEAD_BYTES = 72;
const TAIL_LENGTH_AT = 49;

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
  /** The spec's header, packed: one buffer for all tasks that share it. */
  packed: Buffer;
  /** Where the record holds them. */
  args: Buffer | undefined;
  /** The worker that holds a RUNNING task; of an ended task its end, if small. */
  tail: Buffer;
  spec: TaskSpec;
}

/** Of a task that has not ended: is an earlier attempt known to have been started? */
export function hasBegun(record: Buffer): boolean {
  return record.readUInt8(2) === BEGUN;
}

/** Or are they under a key of their own? */
export function holdsArguments(record: Buffer): boolean {
  return (record[HEAD_BYTES + SHAPE_AT]! & INLINE) !== 0;
}

/** What a record says of who claimed the task. */
export function claimerDigest(claimer: string): Buffer {
  return hash('sha256', claimer, 'buffer').subarray(0, CLAIMER_BYTES);
}

const CLAIMER_BYTES = 11;

export interface ClaimedHead {
  attempt: number;
  /** In hexadecimal digits. */
  token: string;
  /** By the server's clock, Unix ms. */
  leaseEnd: number;
}

/** What a claim has changed of a record: as many bytes of its head as `at` tells the place of. */
export function readClaimedHead(bytes: Buffer, at: number): ClaimedHead {
  return {
    attempt: bytes.readUInt32LE(at + ATTEMPT_AT),
    token: bytes.toString('hex', at + TOKEN_AT, at + TOKEN_AT + TOKEN_BYTES),
    leaseEnd: bytes.readUIntLE(at + LEASE_AT, 6),
  };
}

const ATTEMPT_AT = 8;
const TOKEN_AT = 12;
const TOKEN_BYTES = 8;
const LEASE_AT = 32;
/** Up to the claimer's digest, and with it. */
export const CLAIMED_HEAD_BYTES = LEASE_AT + 6 + CLAIMER_BYTES;

/** The reverse: the whole record of the task `id` of `tenant`. */
export function readRecord(headers: RecordHeaders, tenant: string, id: string, bytes: Buffer): StoredRecord {
  const u48 = (at: number): number => bytes.readUIntLE(at, 6);
  const state = bytes.readUInt8(0);
  const tailAt = bytes.length - bytes.readUInt16LE(TAIL_LENGTH_AT);
  const { known, args, argsBytes } = headers.read(tenant, bytes, HEAD_BYTES, tailAt);
  return {
    state,
    pinned: bytes.readUInt8(1) === 1,
    kind: kindOf(bytes.readUInt8(2)),
    abandonments: bytes.readUInt8(3),
    losses: bytes.readUInt16LE(4),
    retries: bytes.readUInt16LE(6),
    attempt: bytes.readUInt32LE(ATTEMPT_AT),
    submittedAt: u48(57),
    claimedAt: u48(20),
    startedAt: u48(26),
    endedAt: hasEnded(state) ? u48(38) : 0,
    dueAt: u48(51),
    argsBytes,
    resultBytes: hasEnded(state) ? bytes.readUIntLE(44, 5) : 0,
    lane: known.lane,
    packed: known.packed,
    args,
    tail: bytes.subarray(tailAt),
    spec: specOf(id, known.header),
  };
}
