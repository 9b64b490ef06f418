// Bare path, Redis push, second program: claims what is hinted at, sends it to the worker, writes and announces its results.
// usage: dispatcher.ts REDIS_URL
import { pack, unpack } from 'msgpackr';
import * as zmq from 'zeromq';
import { gather } from './gather.ts';
import { bytesOf, placeOf } from './parcel.ts';
import { commands, ENDED, HINT, listen, QUEUE, RESULT } from './redis-link.ts';

/** Tasks a claim, at most: as many as the product's. */
const MOST = 256;

const [redisUrl = ''] = process.argv.slice(2);
const redis = commands(redisUrl);
const router = new zmq.Router({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 10_000 });
await router.bind('tcp://127.0.0.1:*');
console.log(`${router.lastEndpoint ?? ''} is bound`);

// The worker speaks first: a ROUTER can only send to whom it has heard.
const [worker] = await router.receive();
const send = gather<Buffer>((parcels) => router.send([worker!, pack(parcels)]));
const settle = gather<Buffer>(async (parcels) => {
  const link = redis();
  const values = parcels.flatMap((one) => [`${RESULT}${placeOf(one)}`, bytesOf(one)]);
  await Promise.all([link.mset(...values), link.publish(ENDED, pack(parcels))]);
});
const claim = gather<'hint'>(async () => {
  let claimed: Buffer[];
  do {
    claimed = (await redis().lpopBuffer(QUEUE, MOST)) ?? [];
    if (claimed.length > 0) send(claimed);
  } while (claimed.length === MOST);
});
await listen(redisUrl, HINT, () => claim(['hint']));
console.log('is ready');
for await (const [, message] of router) settle(unpack(message!) as Buffer[]);
