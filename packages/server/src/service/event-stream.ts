// Server-sent events: an answer that goes on. The reader's pace is the writer's: nothing is made ahead of what was taken,
// and a reader that takes nothing for 30 s is dropped.
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

const STUCK_MS = 30_000;
const BUFFER_BYTES = 64 * 1024;

/** Sends texts that are whole events. */
export function sendEvents(reply: FastifyReply, texts: AsyncIterable<string>): FastifyReply {
  reply.header('content-type', 'text/event-stream; charset=utf-8');
  reply.header('cache-control', 'no-cache, no-transform');
  const paced = dropStuck(texts, () => reply.raw.destroy());
  return reply.send(Readable.from(paced, { objectMode: false, highWaterMark: BUFFER_BYTES }));
}

async function* dropStuck(texts: AsyncIterable<string>, drop: () => void): AsyncGenerator<string> {
  for await (const text of texts) {
    const timer = setTimeout(drop, STUCK_MS);
    try {
      // Goes on when the reader has taken it.
      yield text;
    } finally {
      clearTimeout(timer);
    }
  }
}
