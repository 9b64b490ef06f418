// Bare path, Redis push, first program: HTTP in, the queue in Redis, results by announcement. usage: service.ts REDIS_URL
import { unpack } from 'msgpackr';
import { front } from './front.ts';
import { gather } from './gather.ts';
import { commands, ENDED, HINT, listen, QUEUE } from './redis-link.ts';

const [redisUrl = ''] = process.argv.slice(2);
const redis = commands(redisUrl);
const submit = gather<Buffer>(async (parcels) => {
  const link = redis();
  await Promise.all([link.rpush(QUEUE, ...parcels), link.publish(HINT, '')]);
});
const { ended, open } = front(submit);
await listen(redisUrl, ENDED, (message) => ended(unpack(message) as Buffer[]));
await open();
