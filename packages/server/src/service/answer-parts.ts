// An answer put together from texts and bytes: small ones leave as one buffer, large ones are streamed part by part, so
// that a large payload is encoded as it leaves and is never held twice.
import { isAscii } from 'node:buffer';
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
/** More bytes are sooner sent than converted. */
const TEXT_UP_TO = 4096;
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
      const more = part.is === 'text' ? part.text : part.is === 'raw' ? asText(part.bytes) : encode(part, part.bytes);
      if (typeof more !== 'string') return reply.send(Buffer.concat([...this.#chunks()]));
      text += more;
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

/**
 * Small bytes as the text that is sent as the same bytes, where they are ASCII; others as they are. A text leaves in one
 * piece with the head of its answer, bytes in a second one (3 of 30 µs of an answer).
 */
export function asText(bytes: Buffer): string | Buffer {
  return bytes.length <= TEXT_UP_TO && isAscii(bytes) ? bytes.toString('latin1') : bytes;
}

function encode(part: { is: 'base64' | 'mime' }, bytes: Buffer): string {
  return part.is === 'base64' ? bytes.toString('base64') : encodeMime(bytes, '\\n');
}
