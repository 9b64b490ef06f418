// What becomes of connections. One whose reader takes nothing of its answer is dropped: what it was to read is held in memory.
// And while the service stops: Node takes a connection for idle as soon as its answer was handed over, be it with most of its
// bytes still on their way, and closes idle ones when a server closes; and it takes one for busy that was opened ahead and
// has said nothing.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export class Connections {
  readonly #server: Server;
  readonly #unused = new Set<Socket>();
  readonly #answers = new Set<ServerResponse>();

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
    server.on('request', ({ socket }, answer) => {
      this.#unused.delete(socket);
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
  }
}
