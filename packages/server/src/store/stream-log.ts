// What is kept of a call's output: the first bytes and the last ones. Pure; both stores fold chunks with it.
import type { LogChunk, StreamLog, TaskLogs } from '../lifecycle/outcome.ts';
import type { LogLimits } from './store.ts';

const NOTHING = Buffer.alloc(0);

export function emptyLogs(): TaskLogs {
  return {
    stdout: { head: NOTHING, tail: NOTHING, total: 0 },
    stderr: { head: NOTHING, tail: NOTHING, total: 0 },
  };
}

/**
 * Adds a piece at its offset. What the log has already is not added again, so a repeat changes nothing; a gap (a piece
 * that never came) counts as dropped bytes, so that offsets stay true.
 */
export function addChunk(log: StreamLog, chunk: LogChunk, limits: LogLimits): StreamLog {
  const end = chunk.offset + chunk.bytes.length;
  if (end <= log.total) return log;
  const gap = chunk.offset > log.total;
  const fresh = gap ? chunk.bytes : chunk.bytes.subarray(log.total - chunk.offset);
  // The head is whole only while nothing is missing before it and nothing went to the tail.
  const headOpen = !gap && log.head.length === log.total;
  const room = headOpen ? Math.max(0, limits.headBytes - log.head.length) : 0;
  const head = room > 0 ? Buffer.concat([log.head, fresh.subarray(0, room)]) : log.head;
  const rest = fresh.subarray(Math.min(room, fresh.length));
  const tail = Buffer.concat([gap ? NOTHING : log.tail, rest]);
  return { head, tail: tail.subarray(Math.max(0, tail.length - limits.tailBytes)), total: end };
}

export function addChunks(logs: TaskLogs, chunks: readonly LogChunk[], limits: LogLimits): TaskLogs {
  const next = { ...logs };
  for (const chunk of chunks) next[chunk.stream] = addChunk(next[chunk.stream], chunk, limits);
  return next;
}

// At rest: attempt u32, then a stream at a time: total u48, head length u32, tail length u32; then the four pieces.
const PREFIX = 4 + 2 * 14;

/** Logs as bytes. The first PREFIX bytes change with every change: what a compare-and-set compares. */
export function packLogs(attempt: number, logs: TaskLogs): Buffer {
  const prefix = Buffer.alloc(PREFIX);
  let at = prefix.writeUInt32LE(attempt, 0);
  for (const log of [logs.stdout, logs.stderr]) {
    at = prefix.writeUIntLE(log.total, at, 6);
    at = prefix.writeUInt32LE(log.head.length, at);
    at = prefix.writeUInt32LE(log.tail.length, at);
  }
  return Buffer.concat([prefix, logs.stdout.head, logs.stdout.tail, logs.stderr.head, logs.stderr.tail]);
}

export const LOG_PREFIX_BYTES = PREFIX;

export function unpackLogs(bytes: Buffer): { attempt: number; logs: TaskLogs } {
  const cut = (from: number, length: number): Buffer => bytes.subarray(from, from + length);
  let at = PREFIX;
  const stream = (prefixAt: number): StreamLog => {
    const headLength = bytes.readUInt32LE(prefixAt + 6);
    const tailLength = bytes.readUInt32LE(prefixAt + 10);
    const head = cut(at, headLength);
    const tail = cut(at + headLength, tailLength);
    at += headLength + tailLength;
    return { head, tail, total: bytes.readUIntLE(prefixAt, 6) };
  };
  return { attempt: bytes.readUInt32LE(0), logs: { stdout: stream(4), stderr: stream(18) } };
}
