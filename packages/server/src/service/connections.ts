// What becomes of connections. One whose reader takes nothing of its answer is dropped: what it was to read is held in memory.
// One whose request was answered before it had come is read to its end, else the answer would be lost with it.
// And while the service stops: Node takes a connection for idle as soon as its answer was handed over, be it with most of its
// bytes still on their way, and closes idle ones when a server closes; and it takes one for busy that was opened ahead and
// has said nothing.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** For so long the rest of an answered request may still come, ms. As others have it: nginx, `lingering_time`. */
const LINGER_MS = 30_000;

export class Connections {
  readonly #server: Server;
  readonly #unused = new Set<Socket>();
  readonly #answers = new Set<ServerResponse>();
  /** Answered and told so; only what is left of their request is awaited. */
  readonly #lingering = new Set<Socket>();

  /** `stuckMs`: how long a reader may take nothing. `onDropped` hears of those that did, with what it was asked for. */
  constructor(server: Server, stuckMs: number, onDropped: (asked: string) => void) {
    this.#server = server;
    server.timeout = stuckMs;
    // Neither side has moved for that long.
    server.on('timeout', (socket: Socket) => {
      const answer = [...this.#answers].find((one) => one.socket === socket);
      if (answer === undefined) {
        socket.destroy();
      } else if (socket.writableLength > 0) {
        onDropped(`${answer.req.method} ${answer.req.url}`);
        socket.destroy();
      }
      // Else it waits for us.
    });
    server.on('connection', (socket) => {
      this.#unused.add(socket);
      socket.once('close', () => this.#unused.delete(socket));
    });
    server.on('request', (request, answer) => {
      this.#unused.delete(request.socket);
      this.#lingerAt(request);
      this.#answers.add(answer);
      answer.once('close', () => this.#answers.delete(answer));
    });
    const closeIdle = server.closeIdleConnections.bind(server);
    // Called by Node and Fastify as well: none of them may cut an answer short.
    server.closeIdleConnections = () => {
      for (const answer of this.#answers) if (answer.writableEnded && !answer.writableFinished) return;
      closeIdle();
    };
  }

  /** Closes those that nobody waits at: to be called again and again until all are closed. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
    for (const socket of this.#unused) if (socket.bytesRead === 0) socket.destroy();
    for (const socket of this.#lingering) if (socket.writableFinished) socket.destroy();
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
