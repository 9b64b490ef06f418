// The network between dispatchers and workers: ports and lines as ZeroMQ's (order within a connection, a connection that is
// made anew has a new name, what cannot be routed is dropped in silence), and everything that can go wrong with a message.
import type { Cancel } from '../../packages/server/src/clock.ts';
import { packHeader, unpackHeader } from '../../packages/server/src/protocol/envelope.ts';
import {
  BadMessage,
  type DispatcherItem,
  type DispatcherLines,
  type Envelope,
  type FreeLine,
  type LockstepLine,
  type Peer,
  type Port,
  type Received,
  type WorkerItem,
  type WorkerPortOptions,
} from '../../packages/server/src/protocol/index.ts';
import type { Kernel, Life } from './kernel.ts';

/** What becomes of messages, in thousandths. */
export interface Weather {
  lost: number;
  late: number;
  twice: number;
  packed: boolean;
}

/** Who watches the wire. */
export interface WireTap {
  /** A worker says this; it may get lost. */
  workerSays(worker: Life, items: readonly WorkerItem[]): void;
  /** A dispatcher says this; it may get lost. */
  dispatcherSays(worker: Life, items: readonly DispatcherItem[]): void;
  /** A message of this worker's was lost, kept back, doubled or overtaken. */
  disturbed(worker: Life): void;
}

interface BoundPort {
  life: Life;
  url: string;
  options: WorkerPortOptions;
}

/** A connection of a worker's, as long as its socket lives; the name by which the port knows it changes. */
interface Connection {
  life: Life;
  url: string;
  peer: Peer;
  /** The port that knows it by that name. */
  port: BoundPort | undefined;
  isOpen: boolean;
  isFree: boolean;
  /** What was on its way before this moment never arrives: the connection broke. */
  brokeAt: number;
  /** When the newest message arrives there and here: no later one comes before it. */
  lastThere: number;
  lastHere: number;
  receive: (received: Received) => void;
}

/** A cut between a worker's place and a dispatcher's. */
export interface Cut {
  worker: string;
  url: string;
  way: 'both' | 'to' | 'from';
  until: number;
  /** What is sent meanwhile arrives later, instead of never. */
  holds: boolean;
}

/** A message under way takes so long, ms. */
const LATENCY_MS = 3;
const LATE_MS = 1_200;
/** Looks of a socket for a port that does not listen. */
const RECONNECT_MS = 200;

export class Network {
  readonly #kernel: Kernel;
  readonly #random: () => number;
  readonly #tap: WireTap;
  readonly #ports = new Map<string, BoundPort>();
  readonly #byPeer = new Map<string, Connection>();
  /** Nothing more goes wrong by itself when the faults are over. */
  weather: Weather;
  cuts: Cut[] = [];
  #peers = 0;

  constructor(kernel: Kernel, random: () => number, weather: Weather, tap: WireTap) {
    this.#kernel = kernel;
    this.#random = random;
    this.weather = weather;
    this.#tap = tap;
  }

  /** A dispatcher's port at `url`, until its process is dead. */
  bind(life: Life, url: string, options: WorkerPortOptions): Port {
    const port: BoundPort = { life, url, options };
    this.#ports.set(url, port);
    return {
      address: url,
      send: (peer, envelope, payloads) => this.#toWorker(port, peer, envelope, payloads),
      close: async () => {
        if (this.#ports.get(url) === port) this.#ports.delete(url);
      },
    };
  }

  /** The sockets of a worker; `place` names where it runs, whichever process it is. */
  linesOf(life: Life, place: string): DispatcherLines {
    return {
      free: (options, onMessage) => this.#free(this.#connect(life, options.url, true, onMessage), place),
      lockstep: (options) => this.#lockstep(life, place, options.url),
    };
  }

  /** A connection between this place and this dispatcher breaks and is made anew: what is under way on it is lost. */
  breakConnections(life: Life, url: string): void {
    for (const connection of new Set(this.#byPeer.values())) {
      if (connection.life !== life || connection.url !== url) continue;
      connection.brokeAt = this.#kernel.now;
      this.#rename(connection);
    }
    this.#tap.disturbed(life);
  }

  #connect(life: Life, url: string, isFree: boolean, receive: (received: Received) => void): Connection {
    const connection: Connection = {
      ...{ life, url, isFree, receive, port: undefined, isOpen: true, brokeAt: -1, lastThere: 0, lastHere: 0 },
      peer: Buffer.alloc(0),
    };
    this.#rename(connection);
    return connection;
  }

  #rename(connection: Connection): void {
    this.#byPeer.delete(nameOf(connection.peer));
    this.#peers += 1;
    connection.peer = Buffer.from(String(this.#peers));
    this.#byPeer.set(nameOf(connection.peer), connection);
  }

  #close(connection: Connection): void {
    connection.isOpen = false;
    this.#byPeer.delete(nameOf(connection.peer));
  }

  #free(connection: Connection, place: string): FreeLine {
    return {
      backlog: 0,
      drained: () => Promise.resolve(),
      send: (envelope, payloads) => this.#toDispatcher(connection, place, envelope, payloads),
      close: async (lingerMs) => {
        // What was said last is on its way.
        if (lingerMs > 0) this.#kernel.after(lingerMs, undefined, () => this.#close(connection));
        else this.#close(connection);
      },
    };
  }

  #lockstep(life: Life, place: string, url: string): LockstepLine {
    let connection: Connection | undefined;
    let answer: ((received: Received | undefined) => void) | undefined;
    let isClosed = false;
    const drop = (): void => {
      if (connection !== undefined) this.#close(connection);
      connection = undefined;
      answer?.(undefined);
    };
    return {
      exchange: (envelope, payloads, timeoutMs) => {
        if (isClosed) return Promise.resolve(undefined);
        const used = (connection ??= this.#connect(life, url, false, (received) => answer?.(received)));
        return new Promise((resolve) => {
          let cancel: Cancel = () => undefined;
          answer = (received) => {
            cancel();
            answer = undefined;
            resolve(received);
          };
          cancel = this.#kernel.after(timeoutMs, life, drop);
          this.#toDispatcher(used, place, envelope, payloads);
        });
      },
      abandon: drop,
      close: () => {
        isClosed = true;
        drop();
      },
    };
  }

  // ── from a worker ──────────────────────────────────────────────────────────────────────────────────────────────

  #toDispatcher(connection: Connection, place: string, envelope: Envelope<WorkerItem>, payloads: Buffer[]): void {
    this.#tap.workerSays(connection.life, envelope.items);
    const packed = this.weather.packed ? packHeader(envelope) : undefined;
    const said = (): Envelope<WorkerItem> =>
      packed === undefined ? envelope : unpackHeader(packed, 'worker', payloads);
    const sentAt = this.#kernel.now;
    this.#travel(connection, this.#cut(place, connection.url, 'to'), 'lastThere', () => {
      if (connection.brokeAt >= sentAt) return;
      this.#arrive(connection, said, payloads, sentAt);
    });
  }

  #arrive(connection: Connection, said: () => Envelope<WorkerItem>, payloads: Buffer[], sentAt: number): void {
    if (!connection.isOpen) return;
    const port = this.#ports.get(connection.url);
    if (port?.life.isAlive !== true) {
      // It waits in the socket until somebody listens there, and is gone with the process whose socket that is.
      this.#kernel.after(RECONNECT_MS, connection.life, () => this.#arrive(connection, said, payloads, sentAt));
      return;
    }
    if (connection.port !== undefined && connection.port !== port) this.#rename(connection);
    connection.port = port;
    const { peer } = connection;
    this.#happens(port.life, () => {
      try {
        port.options.onMessage(peer, said(), payloads);
      } catch (error) {
        if (!(error instanceof BadMessage)) throw error;
        port.options.onBad(peer, error.message);
      }
    });
  }

  // ── from a dispatcher ──────────────────────────────────────────────────────────────────────────────────────────

  #toWorker(port: BoundPort, peer: Peer, envelope: Envelope<DispatcherItem>, payloads: Buffer[]): void {
    const connection = this.#byPeer.get(nameOf(peer));
    if (connection === undefined) return;
    this.#tap.dispatcherSays(connection.life, envelope.items);
    const packed = this.weather.packed ? packHeader(envelope) : undefined;
    const said = (): Envelope<DispatcherItem> =>
      packed === undefined ? envelope : unpackHeader(packed, 'dispatcher', payloads);
    const place = placeOf(connection.life);
    const sentAt = this.#kernel.now;
    this.#travel(connection, this.#cut(place, port.url, 'from'), 'lastHere', () => {
      if (!connection.isOpen || connection.brokeAt >= sentAt) return;
      this.#happens(connection.life, () => {
        if (connection.isOpen) connection.receive({ envelope: said(), payloads });
      });
    });
  }

  /** To a process, now, or when it goes on. */
  #happens(life: Life, act: () => void): void {
    if (!life.isAlive) return;
    if (life.pausedUntil > this.#kernel.now) this.#kernel.after(life.pausedUntil - this.#kernel.now, life, act);
    else act();
  }

  #cut(place: string, url: string, way: 'to' | 'from'): Cut | undefined {
    const { now } = this.#kernel;
    return this.cuts.find(
      (cut) => cut.worker === place && cut.url === url && cut.until > now && (cut.way === 'both' || cut.way === way),
    );
  }

  #travel(connection: Connection, cut: Cut | undefined, last: 'lastThere' | 'lastHere', arrive: () => void): void {
    const random = this.#random;
    const { now } = this.#kernel;
    const { lost, late, twice } = this.weather;
    if (cut !== undefined) this.#tap.disturbed(connection.life);
    if (cut?.holds === false) return;
    let at = now + random() * LATENCY_MS;
    if (cut !== undefined) at = Math.max(at, cut.until + random() * LATENCY_MS);
    const draw = 1000 * random();
    if (draw < lost) return this.#tap.disturbed(connection.life);
    if (draw < lost + late) {
      // Out of turn where the line is not in lockstep: as if it had come over an older path.
      this.#arriveOutOfTurn(connection, at, arrive);
      return;
    }
    connection[last] = at = Math.max(at, connection[last]);
    this.#kernel.after(at - now, undefined, arrive);
    if (draw < lost + late + twice && connection.isFree) this.#arriveOutOfTurn(connection, at, arrive);
  }

  /** What it meets there is touched by it as well as what it left. */
  #arriveOutOfTurn({ life }: Connection, at: number, arrive: () => void): void {
    this.#tap.disturbed(life);
    this.#kernel.after(at - this.#kernel.now + this.#random() * LATE_MS, undefined, () => {
      this.#tap.disturbed(life);
      arrive();
    });
  }
}

function nameOf(peer: Peer): string {
  return peer.toString('latin1');
}

/** Processes of one place are called `place.n`. */
export function placeOf(life: Life): string {
  return life.name.split('.')[0]!;
}
