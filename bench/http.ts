// The load generator's HTTP client: kept connections, bytes in and out, nothing parsed that is not asked for. undici, because it
// takes less of the machine that it shares with what it measures than node:http does.
import { Pool } from 'undici';

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
  const send: Client['send'] = async (method, path, body, headers = {}) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await pool.request({ method, path, body: body ?? null, headers: { ...type, ...headers } });
    const { buffer, byteOffset, length } = await answer.body.bytes();
    return { status: answer.statusCode, bytes: Buffer.from(buffer, byteOffset, length) };
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
