// The load generator's HTTP client: kept connections, bytes in and out, nothing parsed that is not asked for. undici, because it
// takes less of the machine that it shares with what it measures than node:http does.
import { Pool, type Dispatcher } from 'undici';

export interface Answer {
  status: number;
  bytes: Buffer;
}

export interface Client {
  send(method: 'GET' | 'POST', path: string, body?: string | Buffer, headers?: Record<string, string>): Promise<Answer>;
  /** A POST with JSON both ways; another status than 2xx rejects. */
  json<T>(path: string, body: unknown): Promise<T>;
  /** A GET of JSON; another status than 2xx rejects. */
  read<T>(path: string): Promise<T>;
  close(): void;
}

/** Up to `connections` requests at a time, each on a connection that is kept. */
export function connect(url: string, connections: number): Client {
  const pool = new Pool(url, { connections });
  const { origin } = new URL(url);
  const send: Client['send'] = (method, path, body, headers) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const type = body === undefined ? NO_HEADERS : JSON_TYPE;
    const all = headers === undefined ? type : { ...type, ...headers };
    const request = { origin, method, path, body: body ?? null, headers: all };
    pool.dispatch(request, new Gathering(resolve, reject));
    return promise;
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
    close: () => void pool.destroy(),
  };
}

const NO_HEADERS = {};
const JSON_TYPE = { 'content-type': 'application/json' };

/** One answer as it comes. Below undici's `request`, which makes a stream of every body: half of what a small call took here. */
class Gathering implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (fault: Error) => void;
  readonly #chunks: Buffer[] = [];
  #status = 0;

  constructor(resolve: (answer: Answer) => void, reject: (fault: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [only] = this.#chunks;
    const bytes = only !== undefined && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, bytes });
  }

  onResponseError(_controller: unknown, fault: Error): void {
    this.#reject(fault);
  }
}
