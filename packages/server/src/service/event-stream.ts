// Server-sent events: an answer that goes on. The reader's pace is the writer's: nothing is made ahead of what was taken, and
// a reader that takes nothing is dropped with its connection (connections.ts).
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

const BUFFER_BYTES = 64 * 1024;

/** Sends texts that are whole events. */
export function sendEvents(reply: FastifyReply, texts: AsyncIterable<string>): FastifyReply {
  reply.header('content-type', 'text/event-stream; charset=utf-8');
  reply.header('cache-control', 'no-cache, no-transform');
  // nginx holds an answer's body back until it has gathered some, unless told not to.
  reply.header('x-accel-buffering', 'no');
  return reply.send(Readable.from(texts, { objectMode: false, highWaterMark: BUFFER_BYTES }));
}
