// Frames between the pool and one of its children. The layouts and rules R1–R3 are written out in
// runtimes/python/_mpcsfaas/frames.py, which is the other end; runtimes/javascript/frames.mjs is the third.
import { joined } from '../spent.ts';

/** Kinds that go to a child. */
const CODE = 1;
const CALL = 2;
const FORGET = 3;

/** Kinds that come from a child. */
export const KIND = { ready: 1, value: 2, failure: 3, output: 4, stale: 5, before: 6 } as const;

const GATED = 1;
const ARGS_JSON = 2;
const WITH_JSON = 4;
const WITH_PICKLE = 8;
const UNTIDY = 1;

/** What a frame may have besides a result: headers, an error's text, its pickle. */
const SLACK = 20 * 1024 * 1024;
/** OUTPUT frames come in pieces of 32 KiB. */
const MAX_SMALL = 64 * 1024;

export interface CodeFrame {
  function: number;
  form: 'pickle' | 'source';
  entry: string;
  name: string;
  python: string;
  code: Buffer;
}

export interface CallFrame {
  number: number;
  function: number;
  gated: boolean;
  argsJson: boolean;
  withJson: boolean;
  withPickle: boolean;
  maxResult: number;
  memory: number;
  args: Buffer;
}

/** The parts of a CODE frame, to be written in a row. */
export function encodeCode(frame: CodeFrame): Buffer[] {
  const texts = [frame.entry, frame.name, frame.python].map((text) => Buffer.from(text));
  const size = 6 + texts.reduce((sum, text) => sum + 2 + text.length, 0);
  const head = Buffer.allocUnsafe(4 + size);
  head.writeUInt32LE(size + frame.code.length, 0);
  head[4] = CODE;
  head.writeUInt32LE(frame.function, 5);
  head[9] = frame.form === 'pickle' ? 0 : 1;
  let at = 10;
  for (const text of texts) {
    head.writeUInt16LE(text.length, at);
    text.copy(head, at + 2);
    at += 2 + text.length;
  }
  return [head, frame.code];
}

/** The parts of a CALL frame. */
export function encodeCall(frame: CallFrame): Buffer[] {
  const head = Buffer.allocUnsafe(30);
  head.writeUInt32LE(26 + frame.args.length, 0);
  head[4] = CALL;
  head.writeUInt32LE(frame.number, 5);
  head.writeUInt32LE(frame.function, 9);
  head[13] =
    (frame.gated ? GATED : 0) |
    (frame.argsJson ? ARGS_JSON : 0) |
    (frame.withJson ? WITH_JSON : 0) |
    (frame.withPickle ? WITH_PICKLE : 0);
  head.writeDoubleLE(frame.maxResult, 14);
  head.writeDoubleLE(frame.memory, 22);
  return [head, frame.args];
}

/** A FORGET frame. */
export function encodeForget(fn: number): Buffer {
  const frame = Buffer.allocUnsafe(9);
  frame.writeUInt32LE(5, 0);
  frame[4] = FORGET;
  frame.writeUInt32LE(fn, 5);
  return frame;
}

/** An answer or a piece of output, read by known places only. */
export type ChildFrame =
  | { is: 'ready' }
  | {
      is: 'value';
      number: number;
      untidy: boolean;
      runMs: number;
      json: Buffer | undefined;
      pickle: Buffer | undefined;
    }
  | { is: 'failure'; number: number; untidy: boolean; runMs: number; info: Buffer; pickle: Buffer | undefined }
  | { is: 'output'; number: number; stream: 'stdout' | 'stderr'; bytes: Buffer }
  | { is: 'stale'; number: number }
  | { is: 'before'; number: number; bytes: number };

/** What is wrong with a child's bytes. */
export type Fault = { is: 'fault'; why: string } | { is: 'too_large'; size: number };

/** Takes a channel's bytes apart. Nothing is set aside for a frame whose size was not checked. */
export class FrameReader {
  #parts: Buffer[] = [];
  #have = 0;

  /**
   * Frames that are whole now, or the first fault, after which the reader must not be used again.
   * @param maxResult - largest result of the running call in bytes, of each form
   */
  push(chunk: Buffer, maxResult: number): (ChildFrame | Fault)[] {
    const found: (ChildFrame | Fault)[] = [];
    this.#parts.push(chunk);
    this.#have += chunk.length;
    for (;;) {
      if (this.#have < 5) return found;
      const head = this.#parts[0]!.length >= 5 ? this.#parts[0]! : this.#join();
      const size = head.readUInt32LE(0);
      const fault = faultOf(head[4]!, size, maxResult);
      if (fault) {
        found.push(fault);
        return found;
      }
      if (this.#have < 4 + size) return found;
      const all = this.#parts.length === 1 ? head : this.#join();
      const frame = decode(all.subarray(4, 4 + size));
      found.push(frame);
      if (frame.is === 'fault') return found;
      this.#parts = all.length > 4 + size ? [all.subarray(4 + size)] : [];
      this.#have -= 4 + size;
    }
  }

  #join(): Buffer {
    const all = joined(this.#parts);
    this.#parts = [all];
    return all;
  }
}

function faultOf(kind: number, size: number, maxResult: number): Fault | undefined {
  switch (kind) {
    case KIND.value:
      return size > 2 * maxResult + MAX_SMALL ? { is: 'too_large', size } : undefined;
    case KIND.failure:
      return size > SLACK ? { is: 'fault', why: `an error of ${size} bytes` } : undefined;
    case KIND.ready:
    case KIND.output:
    case KIND.stale:
    case KIND.before:
      return size < 1 || size > MAX_SMALL ? { is: 'fault', why: `a frame of ${size} bytes` } : undefined;
    default:
      return { is: 'fault', why: `a frame of unknown kind ${kind}` };
  }
}

function decode(body: Buffer): ChildFrame | Fault {
  const kind = body[0];
  if (kind === KIND.ready) return { is: 'ready' };
  if (body.length < 5) return { is: 'fault', why: 'a frame that ends too soon' };
  const number = body.readUInt32LE(1);
  if (kind === KIND.stale) return { is: 'stale', number };
  if (kind === KIND.output) {
    return { is: 'output', number, stream: body[5] === 1 ? 'stderr' : 'stdout', bytes: body.subarray(6) };
  }
  if (kind === KIND.before && body.length >= 13) return { is: 'before', number, bytes: body.readDoubleLE(5) };
  if (body.length < 14) return { is: 'fault', why: 'an answer that ends too soon' };
  const flags = body[5]!;
  const runMs = body.readUInt32LE(6) / 1000;
  const textEnd = 14 + body.readUInt32LE(10);
  if (textEnd > body.length) return { is: 'fault', why: 'an answer shorter than it says' };
  const text = body.subarray(14, textEnd);
  const pickle = flags & WITH_PICKLE ? body.subarray(textEnd) : undefined;
  const untidy = (flags & UNTIDY) !== 0;
  if (kind === KIND.failure) return { is: 'failure', number, untidy, runMs, info: text, pickle };
  return { is: 'value', number, untidy, runMs, json: flags & WITH_JSON ? text : undefined, pickle };
}
