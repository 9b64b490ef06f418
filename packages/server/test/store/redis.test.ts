// The Redis store: the whole suite on one shard and on three, and what is its own: faults of the connection and the server.
import { systemClock } from '../../src/clock.ts';
import { openRedisStore } from '../../src/store/index.ts';
import { describeStore } from './conformance.ts';
import { startRedis } from './redis-server.ts';

for (const shards of [1, 3]) {
  describeStore(`the Redis store, ${shards} shard(s)`, async ({ leaseMs }) => {
    const server = await startRedis();
    const onError = (message: string): never => {
      throw new Error(message);
    };
    const store = await openRedisStore({ url: server.url, shards, clock: systemClock, leaseMs, onError });
    return {
      store,
      remove: async () => {
        await store.close();
        await server.remove();
      },
    };
  });
}
