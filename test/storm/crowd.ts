// A crowd of push workers that speak the protocol (docs/protocol.md) and run nothing: each answers 1, after as long as it is told.
import { Packr, Unpackr } from 'msgpackr';
import * as zmq from 'zeromq';
import {
  ANSWER_TIMEOUT_MS,
  HEARTBEAT_MS,
  PROTOCOL_VERSION,
  type DispatcherItem,
  type EndedItem,
  type HeldToken,
  type WorkerItem,
} from '../../packages/server/src/protocol/messages.ts';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });
const EMPTY = Buffer.alloc(0);
const ONE = Buffer.from('1');
const RUNTIMES = [{ runtime: 'javascript' as const, version: '24.0.0', broken: '' }];
/** A worker that hears nothing for so long gives the connection up (rule 2). */
const SILENCE_MS = 2 * ANSWER_TIMEOUT_MS;
/** Sockets that one context of ZeroMQ has at most, unless told. */
const SOCKETS = 4096;

export interface Crowd {
  /** How many a dispatcher has welcomed since `then`, as performance.now() tells it. */
  registered(then: number): number;
  close(): void;
}

/** `count` workers of one slot each, whose calls take `callMs`. */
export function crowd(url: string, name: string, count: number, callMs: number): Crowd {
  const context = new zmq.Context({ maxSockets: SOCKETS });
  const workers = Array.from({ length: count }, (_, n) => new FakeWorker(context, url, `${name}-${n}`, callMs));
  return {
    registered: (then) => workers.filter(({ welcomedAt }) => welcomedAt > then).length,
    close: () => {
      for (const one of workers) one.close();
    },
  };
}

class FakeWorker {
  welcomedAt = -Infinity;
  readonly #context: zmq.Context;
  readonly #url: string;
  readonly #name: string;
  readonly #callMs: number;
  readonly #held = new Map<string, HeldToken>();
  readonly #timer: NodeJS.Timeout;
  #socket: zmq.Dealer;
  #session = '';
  #said = 0;
  #got = 0;
  #heardAt = 0;
  #sending = Promise.resolve();

  constructor(context: zmq.Context, url: string, name: string, callMs: number) {
    this.#context = context;
    this.#url = url;
    this.#name = name;
    this.#callMs = callMs;
    this.#socket = this.#connect();
    this.#timer = setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  #connect(): zmq.Dealer {
    const socket = new zmq.Dealer({ context: this.#context, linger: 0 });
    socket.connect(this.#url);
    this.#socket = socket;
    this.#heardAt = performance.now();
    void this.#listen(socket);
    this.#register();
    return socket;
  }

  #register(): void {
    this.#session = '';
    this.#got = 0;
    const about = { mode: 'push' as const, host: 'crowd', pid: process.pid, version: '0', slots: 1, labels: [] };
    this.#say([{ k: 'register', ...about, runtimes: RUNTIMES, held: [...this.#held.values()] }]);
  }

  #beat(): void {
    if (performance.now() - this.#heardAt > SILENCE_MS) {
      this.#socket.close();
      this.#connect();
      return;
    }
    if (this.#session !== '') this.#say([this.#heartbeat(), this.#credits()]);
  }

  #heartbeat(): WorkerItem {
    const held = [...this.#held.values()];
    const free = this.#free();
    const rest = { got: this.#got, free, running: 1 - free, waiting: 0, runtimes: RUNTIMES, draining: false };
    return { k: 'heartbeat', held, ...rest };
  }

  #credits(): WorkerItem {
    const free = this.#free();
    return { k: 'credits', credits: free, free, got: this.#got, part_bytes: 0, ask: false };
  }

  #free(): number {
    return [...this.#held.values()].every(({ done }) => done) ? 1 : 0;
  }

  async #listen(socket: zmq.Dealer): Promise<void> {
    try {
      for await (const [, header] of socket) {
        this.#heardAt = performance.now();
        for (const item of (unpackr.unpack(header!) as { m: DispatcherItem[] }).m) this.#hear(item);
      }
    } catch {
      // Closed while it was read.
    }
  }

  #hear(item: DispatcherItem): void {
    switch (item.k) {
      case 'welcome':
        this.#session = item.session;
        this.welcomedAt = performance.now();
        this.#say([this.#heartbeat(), this.#credits()]);
        return;
      case 'register_again':
      case 'refused':
        this.#register();
        return;
      case 'tasks':
        if (item.number <= this.#got) return;
        this.#got = item.number;
        for (const { t, id, a } of item.tasks) this.#run({ t, id, a, at: Date.now() });
        return;
      case 'settled':
      case 'drop':
        for (const token of item.tokens) this.#held.delete(token);
        return;
      case 'resend':
        for (const token of item.tokens) this.#answer(token);
        return;
      default:
    }
  }

  #run(held: HeldToken): void {
    this.#held.set(held.t, held);
    if (this.#callMs === 0) this.#answer(held.t);
    else setTimeout(() => this.#answer(held.t), this.#callMs);
  }

  #answer(token: string): void {
    const held = this.#held.get(token);
    if (held === undefined) return;
    const { t, id, a, at } = held;
    const end: EndedItem = { t, id, a, at, is: 'completed', json: [1, 0, ONE.length] };
    // Kept until it is settled (rule 4).
    held.done = true;
    this.#say([{ k: 'ended', ends: [end] }, this.#credits()], [ONE]);
  }

  #say(m: WorkerItem[], frames: Buffer[] = []): void {
    this.#said += 1;
    const socket = this.#socket;
    const head = packr.pack({ v: PROTOCOL_VERSION, w: this.#name, i: 'crowd', n: this.#said, s: this.#session, m });
    this.#sending = this.#sending.then(() => socket.send([EMPTY, head, ...frames])).catch(() => undefined);
  }
}
