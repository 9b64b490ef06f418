// The load generator's HTTP client: kept connections, bytes in and out, nothing parsed that is not asked for.
import { Agent, request } from 'node:http';

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
  const agent = new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections });
  const { hostname, port } = new URL(url);
  const send: Client['send'] = (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const asked = request(
        { agent, host: hostname, port, method, path, headers: { ...type, ...length, ...headers } },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('error', reject);
          answer.on('end', () => {
            const [only] = parts;
            const bytes = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
            resolve({ status: answer.statusCode ?? 0, bytes });
          });
        },
      );
      asked.on('error', reject);
      asked.end(body);
    });
  const parsed = async <T>(path: string, answer: Promise<Answer>): Promise<T> => {
    const { status, bytes } = await answer;
    if (status >= 300) throw new Error(`${path}: ${status} ${bytes.toString('utf8', 0, 500)}`);
    return JSON.parse(bytes.toString('utf8')) as T;
  };
  return {
    send,
    json: <T>(path: string, body: unknown) => parsed<T>(path, send('POST', path, JSON.stringify(body))),
    read: <T>(path: string) => parsed<T>(path, send('GET', path)),
    close: () => agent.destroy(),
  };
}
