// The bare path's words with Redis: one list, one key a result, two channels. Names and connections, shared by both ends.
import { Redis } from 'ioredis';

/** A list of parcels: what is to be run. */
export const QUEUE = 'queue';
/** Channel: something has been put into the queue. */
export const HINT = 'hint';
/** Channel: packed arrays of parcels, the results. */
export const ENDED = 'ended';
/** Before the place of a call: the key of its result. */
export const RESULT = 'result:';

/** A link for commands; those of one turn leave in one write, as in the product: the client writes each by itself. */
export function commands(url: string): () => Redis {
  const redis = new Redis(url);
  return () => {
    const { stream } = redis;
    if (stream.writableCorked === 0) {
      stream.cork();
      process.nextTick(() => stream.uncork());
    }
    return redis;
  };
}

/** Resolves when what is published on the channel is heard. */
export async function listen(url: string, channel: string, hear: (message: Buffer) => void): Promise<void> {
  const redis = new Redis(url);
  redis.on('messageBuffer', (_channel: Buffer, message: Buffer) => hear(message));
  await redis.subscribe(channel);
}
