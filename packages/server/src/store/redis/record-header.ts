// The part of a record that tasks of one request share: written and read once for all of them.
//
// fixed fields (REST in record.lua) | lane | digest | name of the idempotency key | group | function | arguments, where
// the record holds them | the rest of the header. The key, the arguments and their size are each task's own.
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

const INLINE = 16;
const REST_BYTES = 28;
const MOST_ATTEMPTS = 0xffff;
// Where some fixed fields begin.
const [ARGS_AT, SHAPE_AT, LENGTHS_AT] = [6, 11, 21];
/** Headers remembered, and up to which size. */
const MOST_REMEMBERED = 512;
const LARGEST_REMEMBERED = 4096;

interface Written {
  fixed: Buffer;
  laneAndDigest: Buffer;
  groupAndFunction: Buffer;
  rest: Buffer;
}

/** A header as records hold it; equal ones are the same object. */
export interface RecordHeader {
  header: TaskHeader;
  packed: Buffer;
  lane: string;
}

export class RecordHeaders {
  /** By the packed header, which is one buffer for all tasks that share it. */
  readonly #written = new WeakMap<Buffer, Written>();
  readonly #read = new BoundedMap<string, RecordHeader>(MOST_REMEMBERED);

  /** The record of a new task without its changing head. `keyName` = its idempotency key's, '' = none. */
  write({ spec, packed, lane, args }: Submission, keyName: Buffer, inline: boolean): Buffer {
    let written = this.#written.get(packed);
    if (written === undefined) this.#written.set(packed, (written = write(spec, lane)));
    const fixed = Buffer.from(written.fixed);
    fixed.writeUIntLE(args.length, ARGS_AT, 5);
    if (inline) fixed[SHAPE_AT]! |= INLINE;
    fixed[LENGTHS_AT + 3] = keyName.length;
    const { laneAndDigest, groupAndFunction, rest } = written;
    const parts = [fixed, laneAndDigest, keyName, groupAndFunction];
    return Buffer.concat(inline ? [...parts, args, rest] : [...parts, rest]);
  }

  /** What `bytes` holds from the fixed fields on. */
  read(tenant: string, bytes: Buffer): { known: RecordHeader; args: Buffer | undefined; argsBytes: number } {
    const [lane, digest] = [bytes.readUInt16LE(LENGTHS_AT), bytes[LENGTHS_AT + 2]!];
    const [key, group, fn] = [bytes[LENGTHS_AT + 3]!, bytes.readUInt16LE(LENGTHS_AT + 4), bytes[LENGTHS_AT + 6]!];
    const argsBytes = bytes.readUIntLE(ARGS_AT, 5);
    const keyAt = REST_BYTES + lane + digest;
    const groupAt = keyAt + key;
    const argsAt = groupAt + group + fn;
    const inline = (bytes[SHAPE_AT]! & INLINE) !== 0;
    const restAt = inline ? argsAt + argsBytes : argsAt;
    const args = inline ? bytes.subarray(argsAt, restAt) : undefined;

    // Whether the arguments are inside is each task's own too, but telling it apart would cost more than it saves.
    const name = `${tenant} ${bytes.toString('latin1', 0, ARGS_AT)}${bytes.toString('latin1', SHAPE_AT, LENGTHS_AT + 3)}${bytes.toString('latin1', LENGTHS_AT + 4, keyAt)}${bytes.toString('latin1', groupAt, argsAt)}${bytes.toString('latin1', restAt)}`;
    let known = this.#read.get(name);
    if (known === undefined) {
      const header: TaskHeader = unpackHeaderRest(
        {
          tenant,
          expires_at: bytes.readUIntLE(0, 6),
          priority: bytes[SHAPE_AT + 1]! - 100,
          max_attempts: bytes.readUInt16LE(SHAPE_AT + 2),
          result_ttl_ms: bytes.readUIntLE(SHAPE_AT + 4, 6),
          digest: expand(bytes.subarray(REST_BYTES + lane, keyAt)),
          group: bytes.toString('utf8', groupAt, groupAt + group),
          function_id: expand(bytes.subarray(groupAt + group, argsAt)),
          ...shapeFields(bytes[SHAPE_AT]!),
        },
        bytes.subarray(restAt),
      );
      known = {
        header,
        packed: packTaskHeader(header),
        lane: bytes.toString('utf8', REST_BYTES, REST_BYTES + lane),
      };
      if (name.length <= LARGEST_REMEMBERED) this.#read.set(name, known);
    }
    return { known, args, argsBytes };
  }
}

function shapeFields(shape: number): Pick<TaskHeader, 'at_most_once' | 'runtime' | 'result_as'> {
  const { at_most_once, runtime, resultAs } = readShape(shape);
  return { at_most_once, runtime, result_as: resultAs };
}

function write(header: TaskHeader, lane: string): Written {
  const [laneBytes, group] = [Buffer.from(lane), Buffer.from(header.group)];
  const [fn, digest] = [squeeze(header.function_id), squeeze(header.digest)];
  const fixed = Buffer.alloc(REST_BYTES);
  fixed.writeUIntLE(header.expires_at, 0, 6);
  fixed.writeUInt8(shapeOf(header), SHAPE_AT);
  fixed.writeUInt8(header.priority + 100, SHAPE_AT + 1);
  fixed.writeUInt16LE(Math.min(header.max_attempts, MOST_ATTEMPTS), SHAPE_AT + 2);
  fixed.writeUIntLE(header.result_ttl_ms, SHAPE_AT + 4, 6);
  fixed.writeUInt16LE(laneBytes.length, LENGTHS_AT);
  fixed.writeUInt8(digest.length, LENGTHS_AT + 2);
  fixed.writeUInt16LE(group.length, LENGTHS_AT + 4);
  fixed.writeUInt8(fn.length, LENGTHS_AT + 6);
  return {
    fixed,
    laneAndDigest: Buffer.concat([laneBytes, digest]),
    groupAndFunction: Buffer.concat([group, fn]),
    rest: packHeaderRest(header),
  };
}
