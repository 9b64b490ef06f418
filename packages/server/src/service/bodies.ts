// Reading bodies: JSON and frames, and nothing else.
import { FRAMES } from '@mpcsfaas/contract';
import type { IncomingMessage } from 'node:http';
import { errorCodes } from 'fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { joined } from '../spent.ts';
import { Refusal } from '../tasks/refusal.ts';
import { readFrames } from './frames.ts';
import type { FramedBody } from './frames.ts';
import { parseJson } from './json-text.ts';
import type { ParsedJson } from './json-text.ts';

const { FST_ERR_CTP_BODY_TOO_LARGE: TooLarge } = errorCodes;

/** A parsed body. An absent one is undefined. */
export type ReadBody = ({ is: 'json' } & ParsedJson) | ({ is: 'framed' } & FramedBody);

export function addBodyReaders(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', async (request: FastifyRequest, payload: IncomingMessage) =>
    readJson(await wholeOf(request, payload)),
  );
  fastify.addContentTypeParser(FRAMES, async (request: FastifyRequest, payload: IncomingMessage) => {
    return { is: 'framed', ...readFrames(await wholeOf(request, payload)) } satisfies ReadBody;
  });
}

/** The bytes of a body. @throws FastifyError where there are more than the route takes */
function wholeOf(request: FastifyRequest, payload: IncomingMessage): Promise<Buffer> {
  const announced = Number(request.headers['content-length']);
  const { bodyLimit } = request.routeOptions;
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const whole = (): void => resolve(joined(pieces));
    const refuse = (fault: Error): void => {
      payload.off('data', take).off('end', whole);
      pieces.length = 0;
      reject(fault);
    };
    /** The caller went away, or what it sent is no HTTP: its own fault, whoever hears of it. */
    const broken = (fault: Error): void => refuse(Object.assign(fault, { statusCode: 400 }));
    const take = (piece: Buffer): void => {
      length += piece.length;
      if (length > bodyLimit) refuse(new TooLarge());
      else pieces.push(piece);
    };
    if (announced > bodyLimit) {
      reject(new TooLarge());
      return;
    }
    payload.on('data', take);
    payload.once('error', broken);
    payload.once('end', whole);
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
