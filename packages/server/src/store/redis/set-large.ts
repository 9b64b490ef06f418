// Writing a large value: the client library would copy it into the bytes of its command.
import { Command, type Redis } from 'ioredis';
import type { Writable } from 'node:stream';

/** `SET key bytes PX ttlMs`; `bytes` are not to be changed until it is answered. */
export async function setLarge(redis: Redis, key: string, bytes: Buffer, ttlMs: number): Promise<void> {
  const command = new SetLarge(key, bytes, ttlMs);
  await Promise.all([redis.sendCommand(command), command.promise]);
}

class SetLarge extends Command {
  readonly #key: string;
  readonly #bytes: Buffer;
  readonly #ttlMs: number;

  constructor(key: string, bytes: Buffer, ttlMs: number) {
    super('set', [key, bytes, 'PX', ttlMs]);
    this.#key = key;
    this.#bytes = bytes;
    this.#ttlMs = ttlMs;
  }

  /** Writes all but the end, which the library writes behind it. */
  override toWritable(stream: object): string {
    const writable = stream as Writable;
    writable.write(`*5\r\n$3\r\nset\r\n${bulk(this.#key)}$${this.#bytes.length}\r\n`);
    writable.write(this.#bytes);
    return `\r\n${bulk('PX')}${bulk(String(this.#ttlMs))}`;
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
