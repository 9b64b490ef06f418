// Stands between workers and a dispatcher and loses what a test names: ZeroMQ messages, whole, in silence, as a network
// or a restarted peer would. Speaks for REQ and DEALER workers alike: it passes the frames on as they are.
import * as zmq from 'zeromq';
import { unpack } from 'msgpackr';

/** Which way a message goes. */
export type Way = 'to dispatcher' | 'to worker';

export interface DroppingProxy {
  port: number;
  /** Loses the next `count` messages of this way that hold an item of this kind, after `passing` that get through; resolves when they are lost. */
  drop(way: Way, kind: string, count?: number, passing?: number): Promise<void>;
  close(): Promise<void>;
}

interface Order {
  way: Way;
  kind: string;
  left: number;
  passing: number;
  done: () => void;
}

export async function startDroppingProxy(dispatcherPort: number): Promise<DroppingProxy> {
  const front = new zmq.Router({ linger: 0, sendHighWaterMark: 0 });
  await front.bind('tcp://127.0.0.1:*');
  const port = Number(front.lastEndpoint!.split(':').at(-1));
  const backs = new Map<string, zmq.Dealer>();
  let orders: Order[] = [];
  let closed = false;
  // One send in flight a socket.
  let sending = Promise.resolve();
  const toFront = (frames: Buffer[]): void => {
    sending = sending.then(() => front.send(frames)).catch(() => undefined);
  };

  const isLost = (way: Way, frames: Buffer[]): boolean => {
    const kinds = kindsOf(frames);
    const order = orders.find((one) => one.way === way && kinds.includes(one.kind));
    if (order === undefined) return false;
    if (order.passing > 0) {
      order.passing -= 1;
      return false;
    }
    order.left -= 1;
    if (order.left === 0) {
      orders = orders.filter((one) => one !== order);
      order.done();
    }
    return true;
  };

  const backOf = (peer: Buffer): zmq.Dealer => {
    const key = peer.toString('hex');
    let back = backs.get(key);
    if (back === undefined) {
      back = new zmq.Dealer({ linger: 0, sendHighWaterMark: 0 });
      back.connect(`tcp://127.0.0.1:${dispatcherPort}`);
      backs.set(key, back);
      void passBack(peer, back);
    }
    return back;
  };

  const passBack = async (peer: Buffer, back: zmq.Dealer): Promise<void> => {
    for await (const frames of back) if (!isLost('to worker', frames)) toFront([peer, ...frames]);
  };

  const passOn = async (): Promise<void> => {
    for await (const [peer, ...frames] of front) {
      if (closed) return;
      if (peer === undefined || isLost('to dispatcher', frames)) continue;
      await backOf(peer)
        .send(frames)
        .catch((fault: unknown) => {
          // What is on its way while all is closed gets nowhere.
          if (!closed) throw fault;
        });
    }
  };
  const running = passOn();

  return {
    port,
    drop: (way, kind, count = 1, passing = 0) =>
      new Promise<void>((done) => {
        orders.push({ way, kind, left: count, passing, done });
      }),
    close: async () => {
      closed = true;
      front.close();
      for (const back of backs.values()) back.close();
      await running;
    },
  };
}

/** Frames are [empty, header, payloads…]. */
function kindsOf([, header]: Buffer[]): string[] {
  if (header === undefined) return [];
  const { m } = unpack(header) as { m?: { k: string }[] };
  return (m ?? []).map(({ k }) => k);
}
