// Bare path, Redis push, third program: from ZeroMQ into the pipes of two children and back.
// usage: worker.ts DISPATCHER_URL FUNCTION (dill, base64)
import { pack, unpack } from 'msgpackr';
import * as zmq from 'zeromq';
import { startChildren } from './children.ts';
import { gather } from './gather.ts';

const [dispatcherUrl = '', code = ''] = process.argv.slice(2);
const dealer = new zmq.Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 10_000 });
dealer.connect(dispatcherUrl);
await dealer.send('here');
const give = gather<Buffer>(
  startChildren(
    code,
    gather<Buffer>((parcels) => dealer.send(pack(parcels))),
  ),
);
for await (const [message] of dealer) give(unpack(message!) as Buffer[]);
