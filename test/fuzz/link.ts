// The worker link under fuzz: strange workers at a real dispatcher's port, and a strange dispatcher's words to a real worker.
import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import * as zmq from 'zeromq';
import { fromDispatcher, fromWorker } from './messages.ts';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });
const EMPTY = Buffer.alloc(0);
/** Messages drawn at a time. */
const CHUNK = 500;

/** Sends `count` messages to the dispatcher at `url`; `between` runs after every chunk. */
export async function fuzzDispatcher(
  url: string,
  count: number,
  seed: number,
  between: (done: number) => Promise<void>,
): Promise<void> {
  let session = '';
  let dealer = new zmq.Dealer({ linger: 0 });
  const listen = async (from: zmq.Dealer): Promise<void> => {
    for await (const [, header] of from) {
      const { m } = unpackr.unpack(header!) as { m: { k: string; session?: string }[] };
      session = m.find(({ k }) => k === 'welcome')?.session ?? session;
    }
  };
  const register = async (): Promise<void> => {
    dealer.close();
    dealer = new zmq.Dealer({ linger: 0 });
    dealer.connect(url);
    void listen(dealer);
    const about = { mode: 'push', host: 'h', pid: 1, version: '0', slots: 2, labels: [], held: [] };
    const runtimes = [{ runtime: 'javascript', version: '24.0.0', broken: '' }];
    await dealer.send([
      EMPTY,
      packr.pack({ v: 1, w: 'odd', i: 'abcd', n: 0, s: '', m: [{ k: 'register', ...about, runtimes }] }),
    ]);
  };
  const arbitrary = fromWorker({ worker: 'odd', session: () => session });
  for (let done = 0; done < count; done += CHUNK) {
    // Known again, and with a connection that nobody has closed, for every chunk.
    await register();
    for (const frames of fc.sample(arbitrary, { seed: seed + done, numRuns: Math.min(CHUNK, count - done) })) {
      await dealer.send([EMPTY, ...frames]);
    }
    await between(Math.min(done + CHUNK, count));
  }
  dealer.close();
}

/** A worker has two at most; those that it has given up are not told of. */
const MOST_CONNECTIONS = 8;

export interface OddDispatcher {
  /** Where a worker connects. */
  url: string;
  /** Says `count` strange things to every worker that is connected, and then has it register anew. */
  speak(count: number, seed: number): Promise<void>;
  close(): void;
}

/** Stands between a worker and the dispatcher at `url`, passes everything on, and puts strange words in between. */
export async function oddDispatcher(url: string): Promise<OddDispatcher> {
  const front = new zmq.Router({ linger: 0, sendHighWaterMark: 0 });
  await front.bind('tcp://127.0.0.1:*');
  const back = new Map<string, { peer: Buffer; dealer: zmq.Dealer }>();
  let sending = Promise.resolve();
  const toWorker = (frames: Buffer[]): Promise<void> => (sending = sending.then(() => front.send(frames)));
  const passOn = async (): Promise<void> => {
    for await (const [peer, ...frames] of front) {
      const name = peer!.toString('hex');
      let known = back.get(name);
      // The one that was silent for longest is the first.
      back.delete(name);
      if (known === undefined) {
        const dealer = new zmq.Dealer({ linger: 0 });
        dealer.connect(url);
        known = { peer: peer!, dealer };
        void (async () => {
          for await (const answer of dealer) await toWorker([peer!, ...answer]);
        })();
      }
      back.set(name, known);
      if (back.size > MOST_CONNECTIONS) {
        const [oldest, gone] = back.entries().next().value!;
        back.delete(oldest);
        gone.dealer.close();
      }
      await known.dealer.send(frames);
    }
  };
  void passOn();
  return {
    url: front.lastEndpoint!,
    speak: async (count, seed) => {
      const arbitrary = fromDispatcher({ worker: 'odd', session: () => 's' });
      for (let done = 0; done < count; done += CHUNK) {
        for (const frames of fc.sample(arbitrary, { seed: seed + done, numRuns: Math.min(CHUNK, count - done) })) {
          for (const { peer } of back.values()) await toWorker([peer, EMPTY, ...frames]);
        }
      }
      // What a mad dispatcher has said counts for its session: it registers anew.
      const m = [{ k: 'refused', message: 'that was not meant' }];
      const head = packr.pack({ v: 1, w: 'odd', i: 'abcd', n: 1_000_000, s: '', m });
      for (const { peer } of back.values()) await toWorker([peer, EMPTY, head]);
    },
    close: () => {
      front.close();
      for (const { dealer } of back.values()) dealer.close();
    },
  };
}
