// Frames between a JavaScript child and the pool that owns it; layouts and rules are written out in
// ../python/_mpcsfaas/frames.py. Descriptors: 3 the channel, 4 the gate.
import { readSync, writeSync } from 'node:fs';
import { uncurried } from './builtins.mjs';

const CHANNEL = 3;
const GATE = 4;

export const CODE = 1;
export const CALL = 2;
export const FORGET = 3;

const READY = 1;
const VALUE = 2;
const FAILURE = 3;
const OUTPUT = 4;
const STALE = 5;
const BEFORE = 6;

const GATED = 1;
const ARGS_JSON = 2;
const WITH_JSON = 4;
export const UNTIDY = 1;

const PIECE = 32 * 1024;

// Kept from here: users' code may replace what it finds in the globals, and calls arrive and output leaves while it runs.
const { alloc, allocUnsafe, concat, from } = Buffer;
const push = uncurried(Array.prototype.push);
const part = uncurried(Buffer.prototype.subarray);
const readUint = uncurried(Buffer.prototype.readUInt32LE);
const writeUint = uncurried(Buffer.prototype.writeUInt32LE);
const { stringify } = JSON;
const { wait } = Atomics;
const { floor, min } = Math;
const MOST_U32 = 0xffffffff;
const nap = new Int32Array(new SharedArrayBuffer(4));

/** Takes the channel's bytes apart; `onFrame(kind, body)` for each frame that is whole. */
export function frameReader(onFrame) {
  let parts = [];
  let have = 0;
  return (chunk) => {
    push(parts, chunk);
    have += chunk.length;
    for (;;) {
      if (have < 5) return;
      if (parts[0].length < 5) parts = [concat(parts)];
      const size = readUint(parts[0], 0);
      if (have < 4 + size) return;
      const all = parts.length === 1 ? parts[0] : concat(parts);
      parts = all.length > 4 + size ? [part(all, 4 + size)] : [];
      have -= 4 + size;
      onFrame(all[4], part(all, 5, 4 + size));
    }
  };
}

export function readCode(body) {
  const number = body.readUInt32LE(0);
  let at = 5;
  const texts = [0, 1, 2].map(() => {
    const size = body.readUInt16LE(at);
    at += 2 + size;
    return body.toString('utf8', at - size, at);
  });
  return { number, entry: texts[0], name: texts[1], source: body.toString('utf8', at) };
}

export function readCall(body) {
  const flags = body[8];
  return {
    number: body.readUInt32LE(0),
    fn: body.readUInt32LE(4),
    gated: (flags & GATED) !== 0,
    argsJson: (flags & ARGS_JSON) !== 0,
    maxResult: body.readDoubleLE(9),
    memory: body.readDoubleLE(17),
    args: body.subarray(25),
  };
}

/** The next token of the gate; waits for it. Undefined where the owner is gone. */
export function readToken() {
  const token = alloc(4);
  return readSync(GATE, token) === 4 ? token.readUInt32LE(0) : undefined;
}

export function sendReady() {
  const frame = alloc(5);
  writeUint(frame, 1, 0);
  frame[4] = READY;
  send(frame);
}

export function sendValue(number, flags, runMs, json) {
  sendAnswer(VALUE, number, flags | WITH_JSON, runMs, json);
}

export function sendFailure(number, flags, runMs, info) {
  sendAnswer(FAILURE, number, flags, runMs, from(stringify(info)));
}

function sendAnswer(kind, number, flags, runMs, text) {
  const head = allocUnsafe(18);
  writeUint(head, 14 + text.length, 0);
  head[4] = kind;
  writeUint(head, number, 5);
  head[9] = flags;
  writeUint(head, min(floor(runMs * 1000), MOST_U32), 10);
  writeUint(head, text.length, 14);
  send(concat([head, text]));
}

export function sendStale(number) {
  const frame = alloc(9);
  writeUint(frame, 5, 0);
  frame[4] = STALE;
  writeUint(frame, number, 5);
  send(frame);
}

/** @param bytes - what the process uses before call `number` begins */
export function sendBefore(number, bytes) {
  const frame = alloc(17);
  writeUint(frame, 13, 0);
  frame[4] = BEFORE;
  writeUint(frame, number, 5);
  frame.writeDoubleLE(bytes, 9);
  send(frame);
}

export function sendOutput(number, stream, bytes) {
  for (let at = 0; at < bytes.length; at += PIECE) {
    const piece = part(bytes, at, at + PIECE);
    const head = allocUnsafe(10);
    writeUint(head, 6 + piece.length, 0);
    head[4] = OUTPUT;
    writeUint(head, number, 5);
    head[9] = stream;
    send(concat([head, piece]));
  }
}

/** Writes all of it before it returns: a flood waits here, it does not pile up. */
function send(frame) {
  let at = 0;
  while (at < frame.length) {
    try {
      at += writeSync(CHANNEL, frame, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      wait(nap, 0, 0, 1);
    }
  }
}
