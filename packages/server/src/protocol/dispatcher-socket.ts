// The worker's side of ZeroMQ: a DEALER that sends and receives freely (push), and REQ lanes in lockstep (pull).
import { setTimeout as pause } from 'node:timers/promises';
import * as zmq from 'zeromq';
import { BadMessage } from './bad-message.ts';
import { curveKeys } from './curve.ts';
import { packHeader, unpackHeader } from './envelope.ts';
import { MAX_FRAME_BYTES, type DispatcherItem, type Envelope, type WorkerItem } from './messages.ts';
import { Outbox } from './outbox.ts';
import type { DispatcherLines, DispatcherSocketOptions, FreeLine, LockstepLine, Received } from './transport.ts';
import { uninterrupted } from './uninterrupted.ts';

/** How soon a socket is opened again that could not be. */
const NOT_OPENED_MS = 250;

function common(options: DispatcherSocketOptions): zmq.SocketOptions<zmq.Request> & { curveServerKey?: string } {
  const keys = options.workerKey === '' ? undefined : curveKeys(options.workerKey);
  return {
    linger: 0,
    maxMessageSize: MAX_FRAME_BYTES,
    // Our own loop decides when a silent dispatcher is given up; ZeroMQ reconnects quickly meanwhile.
    reconnectInterval: 50,
    reconnectMaxInterval: 500,
    ...(keys && {
      curveServerKey: keys.server.publicKey,
      curvePublicKey: keys.client.publicKey,
      curveSecretKey: keys.client.secretKey,
    }),
  };
}

/** Push: sends at any time, receives at any time. */
export class FreeSocket implements FreeLine {
  readonly #dealer: zmq.Dealer;
  readonly #outbox: Outbox<Buffer[]>;
  readonly #listening: Promise<void>;

  /** `onMessage` is called for each readable message, `onBad` with one sentence for any other. */
  constructor(
    options: DispatcherSocketOptions,
    onMessage: (received: Received) => void,
    onBad: (sentence: string) => void,
  ) {
    this.#dealer = new zmq.Dealer({
      ...common(options),
      // Small, so that a heartbeat is never far behind a large result.
      sendHighWaterMark: 8,
      receiveHighWaterMark: 10_000,
    });
    uninterrupted(() => this.#dealer.connect(options.url));
    this.#outbox = new Outbox(
      (frames) => this.#dealer.send(frames),
      () => undefined,
    );
    this.#listening = this.#listen(onMessage, onBad);
  }

  /** Messages that wait for the socket: a sender of large parts waits while there are any. */
  get backlog(): number {
    return this.#outbox.length;
  }

  /** Resolves when nothing waits in the outbox. */
  drained(): Promise<void> {
    return this.#outbox.drained();
  }

  send(envelope: Envelope<WorkerItem>, payloads: Buffer[]): void {
    this.#outbox.push([Buffer.alloc(0), packHeader(envelope), ...payloads]);
  }

  /** `lingerMs`: how long ZeroMQ may go on to deliver what was sent. */
  async close(lingerMs: number): Promise<void> {
    this.#dealer.linger = lingerMs;
    this.#dealer.close();
    await this.#listening;
  }

  async #listen(onMessage: (received: Received) => void, onBad: (sentence: string) => void): Promise<void> {
    for await (const [, ...frames] of this.#dealer) {
      const received = read(frames, onBad);
      if (received !== undefined) onMessage(received);
    }
  }
}

/** Pull: one request, one answer; a request without an answer in time costs the socket. */
export class LockstepSocket implements LockstepLine {
  readonly #options: DispatcherSocketOptions;
  readonly #onBad: (sentence: string) => void;
  #request: zmq.Request | undefined;
  #exchanging = false;
  #closed = false;

  constructor(options: DispatcherSocketOptions, onBad: (sentence: string) => void) {
    this.#options = options;
    this.#onBad = onBad;
  }

  /** Sends and waits up to `timeoutMs`. Undefined = no (readable) answer: repeat under the same sequence number. */
  async exchange(envelope: Envelope<WorkerItem>, payloads: Buffer[], timeoutMs: number): Promise<Received | undefined> {
    if (this.#closed) return undefined;
    this.#exchanging = true;
    let request: zmq.Request | undefined;
    try {
      request = this.#request ??= this.#open();
      request.sendTimeout = timeoutMs;
      request.receiveTimeout = timeoutMs;
      await request.send([packHeader(envelope), ...payloads]);
      return read(await request.receive(), this.#onBad);
    } catch {
      // Without descriptors no socket can be opened: as if nobody had answered, and not at once.
      if (request === undefined) await pause(NOT_OPENED_MS);
      // A timed-out REQ is stuck in its lockstep: only a new one can ask again.
      else if (this.#request === request) this.#drop();
      return undefined;
    } finally {
      this.#exchanging = false;
    }
  }

  /** Gives up the exchange under way, which answers undefined; the next one has a new socket. */
  abandon(): void {
    this.#drop();
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #open(): zmq.Request {
    const request = new zmq.Request(common(this.#options));
    // Who was asked is gone and its answer with it: nothing to wait for. A socket that waits for nothing is as good as new.
    request.events.on('disconnect', () => {
      if (this.#request === request && this.#exchanging) this.#drop();
    });
    uninterrupted(() => request.connect(this.#options.url));
    return request;
  }

  #drop(): void {
    this.#request?.close();
    this.#request = undefined;
  }
}

/** Dispatchers over ZeroMQ. */
export const overZeroMq: DispatcherLines = {
  free: (options, onMessage, onBad) => new FreeSocket(options, onMessage, onBad),
  lockstep: (options, onBad) => new LockstepSocket(options, onBad),
};

function read(frames: Buffer[], onBad: (sentence: string) => void): Received | undefined {
  const [header, ...payloads] = frames;
  try {
    if (header === undefined) throw new BadMessage('an empty message');
    return { envelope: unpackHeader<DispatcherItem>(header, 'dispatcher', payloads), payloads };
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
    onBad(error.message);
    return undefined;
  }
}
