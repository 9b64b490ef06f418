// The load generator's HTTP client: kept connections, bytes in and out, nothing parsed that is not asked for. On sockets: it shares
// the machine with what it measures, and undici took a fifth of the CPU of a call by itself where this takes a tenth.
import { connect as connectSocket, type Socket } from 'node:net';
import { OneAnswer, type Answer } from './http-answer.ts';

export interface Client {
  send(method: 'GET' | 'POST', path: string, body?: string | Buffer, headers?: Record<string, string>): Promise<Answer>;
  /** A POST with JSON both ways; another status than 2xx rejects. */
  json<T>(path: string, body: unknown): Promise<T>;
  /** A GET of JSON; another status than 2xx rejects. */
  read<T>(path: string): Promise<T>;
  close(): void;
}

/** Up to `connections` requests at a time, each on a connection that is kept; more wait their turn. */
export function connect(url: string, connections: number): Client {
  const { host, hostname, port } = new URL(url);
  const line = new Line({ hostname, port: Number(port), connections });
  const send: Client['send'] = (method, path, body = '', headers = NO_HEADERS) => {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    let head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
    if (length > 0) head += `Content-Length: ${length}\r\n`;
    if (length > 0 && headers['content-type'] === undefined) head += 'Content-Type: application/json\r\n';
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
    return line.ask(`${head}\r\n`, body);
  };
  const parsed = async <T>(path: string, answer: Promise<Answer>): Promise<T> => {
    const { status, bytes } = await answer;
    if (status >= 300) throw new Error(`${path}: ${status} ${bytes.toString('utf8', 0, 500)}`);
    return JSON.parse(bytes.toString('utf8')) as T;
  };
  return {
    send,
    json: <T>(path: string, body: unknown) => parsed<T>(path, send('POST', path, JSON.stringify(body))),
    read: <T>(path: string) => parsed<T>(path, send('GET', path)),
    close: () => line.close(),
  };
}

const NO_HEADERS: Record<string, string> = {};

interface Request {
  head: string;
  body: string | Buffer;
  resolve: (answer: Answer) => void;
  reject: (fault: Error) => void;
}

/** Shorter than any server here keeps a connection that is idle (Node's own keeps it for 5 s): it may close no request under way, ms. */
const IDLE_MS = 4000;

/** The connections to one address, and who waits for one. */
class Line {
  readonly #to: { hostname: string; port: number; connections: number };
  readonly #open = new Set<Connection>();
  /** With the time since when, ms; the last one for the shortest. */
  readonly #idle: { connection: Connection; since: number }[] = [];
  readonly #waiting: Request[] = [];

  constructor(to: { hostname: string; port: number; connections: number }) {
    this.#to = to;
  }

  ask(head: string, body: string | Buffer): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const request = { head, body, resolve, reject };
    const connection = this.#kept() ?? this.#more();
    if (connection === undefined) this.#waiting.push(request);
    else connection.ask(request);
    return promise;
  }

  close(): void {
    for (const connection of this.#open) connection.close();
  }

  #kept(): Connection | undefined {
    const last = this.#idle.pop();
    if (last === undefined || performance.now() - last.since < IDLE_MS) return last?.connection;
    // So are those before it.
    for (const { connection } of [last, ...this.#idle.splice(0)]) {
      this.#open.delete(connection);
      connection.close();
    }
    return undefined;
  }

  #more(): Connection | undefined {
    if (this.#open.size >= this.#to.connections) return undefined;
    const { hostname, port } = this.#to;
    const connection: Connection = new Connection(connectSocket({ host: hostname, port, noDelay: true }), {
      free: () => {
        const next = this.#waiting.shift();
        if (next === undefined) this.#idle.push({ connection, since: performance.now() });
        else connection.ask(next);
      },
      gone: () => {
        // One that was not to be used again has left already.
        if (!this.#open.delete(connection)) return;
        const at = this.#idle.findIndex((kept) => kept.connection === connection);
        if (at >= 0) this.#idle.splice(at, 1);
        const next = this.#waiting.shift();
        if (next !== undefined) this.#more()?.ask(next);
      },
    });
    this.#open.add(connection);
    return connection;
  }
}

/** One request after the other. */
class Connection {
  readonly #socket: Socket;
  readonly #on: { free: () => void; gone: () => void };
  #asked: Request | undefined;
  #answer = new OneAnswer();

  constructor(socket: Socket, on: { free: () => void; gone: () => void }) {
    this.#socket = socket;
    this.#on = on;
    let fault = new Error('The service closed the connection.');
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', (error) => (fault = error));
    socket.on('close', () => {
      on.gone();
      this.#asked?.reject(fault);
    });
  }

  ask(request: Request): void {
    const { head, body } = (this.#asked = request);
    if (typeof body === 'string') {
      this.#socket.write(head + body);
      return;
    }
    this.#socket.cork();
    this.#socket.write(head);
    this.#socket.write(body);
    this.#socket.uncork();
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    const asked = this.#asked;
    const answer = this.#answer.take(chunk);
    if (answer === undefined || asked === undefined) return;
    this.#asked = undefined;
    this.#answer = new OneAnswer();
    this.#on.free();
    asked.resolve(answer);
  }
}
