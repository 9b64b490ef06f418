// What becomes of connections. One whose reader takes nothing of its answer is dropped, for what it was to read is held in
// memory; and so are slow ones where too much waits for all of them together.
// One whose request was answered before it had come is read to its end, else the answer would be lost with it.
// And while the service stops: Node takes a connection for idle as soon as its answer was handed over, be it with most of its
// bytes still on their way, and closes idle ones when a server closes; and it takes one for busy that was opened ahead and
// has said nothing.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { InFlight } from '../in-flight.ts';
import { untakenOf } from './untaken.ts';

/** How often it is looked how much waits for readers, ms. */
const LOOK_MS = 1_000;
/** An answer that is not taken within this is a slow reader's, ms. */
const SLOW_MS = 2_000;

/** For so long the rest of an answered request may still come, ms. As others have it: nginx, `lingering_time`. */
const LINGER_MS = 30_000;

export interface Readers {
  /** How long a reader may take nothing, ms. */
  stuckReaderMs: number;
  /** How much may wait for all readers together, bytes. */
  untakenBytes: number;
}

interface Reading {
  socket: Socket;
  /** Monotonic ms. */
  since: number;
}

export class Connections {
  readonly #server: Server;
  readonly #unused = new Set<Socket>();
  /** Under way, the oldest first. */
  readonly #answers = new InFlight<ServerResponse, Reading>();
  /** Answered and told so; only what is left of their request is awaited. */
  readonly #lingering = new Set<Socket>();

  /** `onDropped` hears of readers that were dropped: what was asked for, and why they were, as the end of a sentence. */
  constructor(
    server: Server,
    { stuckReaderMs, untakenBytes }: Readers,
    onDropped: (asked: string, why: string) => void,
  ) {
    this.#server = server;
    server.timeout = stuckReaderMs;
    const look = setInterval(() => this.#dropSlow(untakenBytes, onDropped), LOOK_MS);
    look.unref();
    server.once('close', () => clearInterval(look));
    // Neither side has moved for that long.
    server.on('timeout', (socket: Socket) => {
      const answer = [...this.#answers.keys()].find((one) => one.socket === socket);
      if (answer === undefined) {
        socket.destroy();
      } else if (socket.writableLength > 0) {
        onDropped(asked(answer), 'took nothing of its answer for too long');
        socket.destroy();
      }
      // Else it waits for us.
    });
    server.on('connection', (socket) => {
      this.#unused.add(socket);
      socket.once('close', () => this.#unused.delete(socket));
    });
    server.on('request', (request, answer) => {
      const { socket } = request;
      this.#unused.delete(socket);
      this.#lingerAt(request);
      this.#answers.set(answer, { socket, since: performance.now() });
      answer.once('close', () => this.#answers.delete(answer));
    });
    const closeIdle = server.closeIdleConnections.bind(server);
    // Called by Node and Fastify as well: none of them may cut an answer short.
    server.closeIdleConnections = () => {
      this.#forgetGone();
      for (const answer of this.#answers.keys()) if (answer.writableEnded && !answer.writableFinished) return;
      closeIdle();
    };
  }

  /** Closes those that nobody waits at: to be called again and again until all are closed. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
    for (const socket of this.#unused) if (socket.bytesRead === 0) socket.destroy();
    for (const socket of this.#lingering) if (socket.writableFinished) socket.destroy();
  }

  /** Of several answers that wait for one connection, Node closes with it the first alone. */
  #forgetGone(): void {
    for (const [answer, { socket }] of this.#answers) if (socket.destroyed) this.#answers.delete(answer);
  }

  /** Each of them may take something now and then, and all together more memory than there is. */
  #dropSlow(untakenBytes: number, onDropped: (asked: string, why: string) => void): void {
    this.#forgetGone();
    let untaken = 0;
    for (const answer of this.#answers.keys()) untaken += untakenOf(answer);
    for (const [answer, { socket, since }] of this.#answers) {
      if (untaken <= untakenBytes || performance.now() - since < SLOW_MS) return;
      const own = untakenOf(answer);
      if (own === 0) continue;
      untaken -= own;
      onDropped(asked(answer), 'was slow, with too much waiting for all readers together');
      socket.destroy();
    }
  }

  /**
   * A client that sends a large body reads when it has sent it. Node destroys the connection as soon as the answer is out
   * (`destroySoon`), and TCP answers what comes after that with a reset, which takes the answer from the client's hands: it
   * would hear of a broken pipe, and not that its body is too large or its key unknown.
   */
  #lingerAt(request: IncomingMessage): void {
    const { socket } = request;
    socket.destroySoon = () => {
      const destroySoon = (): void => Socket.prototype.destroySoon.call(socket);
      if (request.complete || socket.destroyed) return destroySoon();
      this.#lingering.add(socket);
      const tooLong = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once('close', () => {
        clearTimeout(tooLong);
        this.#lingering.delete(socket);
      });
      request.once('end', destroySoon);
      request.resume();
      // Whoever looks while it sends sees that no more will come.
      socket.end();
    };
  }
}

function asked({ req }: ServerResponse): string {
  return `${req.method} ${req.url}`;
}
