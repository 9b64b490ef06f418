// Reading bodies: JSON and frames, and nothing else.
import { FRAMES } from '@mpcsfaas/contract';
import type { FastifyInstance } from 'fastify';
import { Refusal } from '../tasks/refusal.ts';
import { readFrames } from './frames.ts';
import type { FramedBody } from './frames.ts';
import { parseJson } from './json-text.ts';
import type { ParsedJson } from './json-text.ts';

/** A parsed body. An absent one is undefined. */
export type ReadBody = ({ is: 'json' } & ParsedJson) | ({ is: 'framed' } & FramedBody);

export function addBodyReaders(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes: Buffer, done) => {
    try {
      done(null, readJson(bytes));
    } catch (fault) {
      done(fault as Error);
    }
  });
  fastify.addContentTypeParser(FRAMES, { parseAs: 'buffer' }, (_request, bytes: Buffer, done) => {
    try {
      done(null, { is: 'framed', ...readFrames(bytes) } satisfies ReadBody);
    } catch (fault) {
      done(fault as Error);
    }
  });
}

function readJson(bytes: Buffer): ReadBody {
  if (bytes.length === 0) return { is: 'json', value: undefined, texts: new Map() };
  try {
    return { is: 'json', ...parseJson(bytes) };
  } catch (fault) {
    throw new Refusal('invalid_json', `The body is not JSON: ${(fault as Error).message}.`);
  }
}
