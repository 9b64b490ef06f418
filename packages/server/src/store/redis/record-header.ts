// The part of a record that tasks of one request share: written, sent and read once for all of them.
//
// What is each task's own (OWN in record.lua) | fixed fields of what is shared (SHARED) | lane | digest | group | function | the rest
// of the header | arguments, where the record holds them | digest of the idempotency key.
import { BoundedMap } from '../../bounded-map.ts';
import type { TaskHeader } from '../../lifecycle/spec.ts';
import { packTaskHeader } from '../../lifecycle/spec.ts';
import type { Submission } from '../store.ts';
import { packHeaderRest, unpackHeaderRest } from './header-bytes.ts';
import { expand, squeeze } from './squeeze.ts';

const RESULT_AS: readonly TaskHeader['result_as'][] = ['json', 'pickle', 'both'];
const RUNTIME: readonly TaskHeader['runtime'][] = ['python', 'javascript'];

/** at_most_once in the first bit, the result's form in the next two, then the runtime; then: the arguments are in the record. */
export function readShape(
  shape: number,
): Pick<TaskHeader, 'at_most_once' | 'runtime'> & { resultAs: TaskHeader['result_as'] } {
  const [resultAs, runtime] = [RESULT_AS[(shape >> 1) & 3], RUNTIME[(shape >> 3) & 1]];
  if (resultAs === undefined || runtime === undefined)
    throw new Error(`The store holds a task of the unknown shape ${shape}.`);
  return { at_most_once: (shape & 1) === 1, resultAs, runtime };
}

function shapeOf(header: TaskHeader): number {
  return (
    (header.at_most_once ? 1 : 0) | (RESULT_AS.indexOf(header.result_as) << 1) | (RUNTIME.indexOf(header.runtime) << 3)
  );
}

/** In a record's shape. */
export const INLINE = 16;
const MOST_ATTEMPTS = 0xffff;
/** Size of the arguments u40, shape u8, length of the key's digest u8. */
export const SHAPE_AT = 5;
const [KEY_LENGTH_AT, OWN_BYTES] = [6, 7];
/** expires_at u48, priority + 100 u8, max_attempts u16, result_ttl_ms u48, lengths of lane u16, digest u8, group u16 and function u8 */
const [PRIORITY_AT, ATTEMPTS_AT, TTL_AT, LENGTHS_AT, SHARED_BYTES] = [6, 7, 9, 15, 21];
/** Headers remembered, and up to which size. */
const MOST_REMEMBERED = 512;
const LARGEST_REMEMBERED = 4096;

/** What records share, and their shape but for where the arguments are. */
export interface SharedPart {
  bytes: Buffer;
  shape: number;
}

/** A header as records hold it; equal ones are the same object. */
export interface RecordHeader {
  tenant: string;
  shape: number;
  shared: Buffer;
  header: TaskHeader;
  packed: Buffer;
  lane: string;
}

export class RecordHeaders {
  /** By the packed header, which is one buffer for all tasks that share it. */
  readonly #written = new WeakMap<Buffer, SharedPart>();
  readonly #read = new BoundedMap<string, RecordHeader>(MOST_REMEMBERED);
  /** Tasks of one request come together. */
  #last: RecordHeader | undefined;

  /** One object for all tasks that share a header. */
  write({ spec, packed, lane }: Submission): SharedPart {
    let written = this.#written.get(packed);
    if (written === undefined)
      this.#written.set(packed, (written = { bytes: write(spec, lane), shape: shapeOf(spec) }));
    return written;
  }

  /** What `bytes` holds from a task's own, at `from`, up to the tail. */
  read(
    tenant: string,
    bytes: Buffer,
    from: number,
    tailAt: number,
  ): { known: RecordHeader; args: Buffer | undefined; argsBytes: number } {
    const argsBytes = bytes.readUIntLE(from, 5);
    const shape = bytes[from + SHAPE_AT]!;
    const keyAt = tailAt - bytes[from + KEY_LENGTH_AT]!;
    const inline = (shape & INLINE) !== 0;
    const argsAt = inline ? keyAt - argsBytes : keyAt;
    const args = inline ? bytes.subarray(argsAt, keyAt) : undefined;
    return { known: this.#readShared(tenant, shape & ~INLINE, bytes, from + OWN_BYTES, argsAt), args, argsBytes };
  }

  #readShared(tenant: string, shape: number, bytes: Buffer, from: number, to: number): RecordHeader {
    const last = this.#last;
    if (last?.tenant === tenant && last.shape === shape && last.shared.compare(bytes, from, to) === 0) return last;
    const name = `${tenant} ${shape} ${bytes.toString('latin1', from, to)}`;
    let known = this.#read.get(name);
    if (known === undefined) {
      // A copy: the bytes may be a view of a large answer.
      known = readShared(tenant, shape, Buffer.from(bytes.subarray(from, to)));
      if (name.length <= LARGEST_REMEMBERED) this.#read.set(name, known);
    }
    this.#last = known;
    return known;
  }
}

function readShared(tenant: string, shape: number, bytes: Buffer): RecordHeader {
  const digestAt = SHARED_BYTES + bytes.readUInt16LE(LENGTHS_AT);
  const groupAt = digestAt + bytes[LENGTHS_AT + 2]!;
  const functionAt = groupAt + bytes.readUInt16LE(LENGTHS_AT + 3);
  const restAt = functionAt + bytes[LENGTHS_AT + 5]!;
  const header: TaskHeader = unpackHeaderRest(
    {
      tenant,
      expires_at: bytes.readUIntLE(0, 6),
      priority: bytes[PRIORITY_AT]! - 100,
      max_attempts: bytes.readUInt16LE(ATTEMPTS_AT),
      result_ttl_ms: bytes.readUIntLE(TTL_AT, 6),
      digest: expand(bytes.subarray(digestAt, groupAt)),
      group: bytes.toString('utf8', groupAt, functionAt),
      function_id: expand(bytes.subarray(functionAt, restAt)),
      ...shapeFields(shape),
    },
    bytes.subarray(restAt),
  );
  const lane = bytes.toString('utf8', SHARED_BYTES, digestAt);
  return { tenant, shape, shared: bytes, header, packed: packTaskHeader(header), lane };
}

function shapeFields(shape: number): Pick<TaskHeader, 'at_most_once' | 'runtime' | 'result_as'> {
  const { at_most_once, runtime, resultAs } = readShape(shape);
  return { at_most_once, runtime, result_as: resultAs };
}

function write(header: TaskHeader, lane: string): Buffer {
  const [laneBytes, group] = [Buffer.from(lane), Buffer.from(header.group)];
  const [fn, digest] = [squeeze(header.function_id), squeeze(header.digest)];
  const fixed = Buffer.alloc(SHARED_BYTES);
  fixed.writeUIntLE(header.expires_at, 0, 6);
  fixed.writeUInt8(header.priority + 100, PRIORITY_AT);
  fixed.writeUInt16LE(Math.min(header.max_attempts, MOST_ATTEMPTS), ATTEMPTS_AT);
  fixed.writeUIntLE(header.result_ttl_ms, TTL_AT, 6);
  fixed.writeUInt16LE(laneBytes.length, LENGTHS_AT);
  fixed.writeUInt8(digest.length, LENGTHS_AT + 2);
  fixed.writeUInt16LE(group.length, LENGTHS_AT + 3);
  fixed.writeUInt8(fn.length, LENGTHS_AT + 5);
  return Buffer.concat([fixed, laneBytes, digest, group, fn, packHeaderRest(header)]);
}
