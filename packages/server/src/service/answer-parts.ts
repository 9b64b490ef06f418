// An answer put together from texts and bytes: small ones leave as one buffer, large ones are streamed part by part, so
// that a large payload is encoded as it leaves and is never held twice.
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { LINE_BYTES, encodeMime } from '../tasks/base64.ts';
import { isMadeOf } from './untaken.ts';

type Part =
  | { is: 'text'; text: string }
  | { is: 'raw'; bytes: Buffer }
  | { is: 'base64'; bytes: Buffer }
  /** MIME base64 inside a JSON string. */
  | { is: 'mime'; bytes: Buffer };

const STREAM_FROM = 1024 * 1024;
/** A multiple of 3 and of a MIME line, so that slices encode as the whole would. */
const SLICE = LINE_BYTES * 4096;

export class AnswerParts {
  readonly #parts: Part[] = [];
  #bytes = 0;

  text(text: string): this {
    this.#parts.push({ is: 'text', text });
    this.#bytes += text.length;
    return this;
  }

  raw(bytes: Buffer): this {
    return this.#add({ is: 'raw', bytes });
  }

  base64(bytes: Buffer): this {
    return this.#add({ is: 'base64', bytes });
  }

  mime(bytes: Buffer): this {
    return this.#add({ is: 'mime', bytes });
  }

  send(reply: FastifyReply): FastifyReply {
    if (this.#bytes >= STREAM_FROM) {
      isMadeOf(reply.raw, this.#bytes);
      return reply.send(Readable.from(this.#chunks(), { objectMode: false }));
    }
    let text = '';
    for (const part of this.#parts) {
      if (part.is === 'raw') return reply.send(Buffer.concat([...this.#chunks()]));
      text += part.is === 'text' ? part.text : encode(part, part.bytes);
    }
    return reply.send(text);
  }

  #add(part: Exclude<Part, { is: 'text' }>): this {
    this.#parts.push(part);
    this.#bytes += part.bytes.length;
    return this;
  }

  *#chunks(): Generator<Buffer> {
    for (const part of this.#parts) {
      if (part.is === 'text') yield Buffer.from(part.text, 'utf8');
      else if (part.is === 'raw') yield part.bytes;
      else {
        for (let at = 0; at < part.bytes.length; at += SLICE) {
          yield Buffer.from(encode(part, part.bytes.subarray(at, at + SLICE)), 'latin1');
        }
      }
    }
  }
}

function encode(part: { is: 'base64' | 'mime' }, bytes: Buffer): string {
  return part.is === 'base64' ? bytes.toString('base64') : encodeMime(bytes, '\\n');
}
