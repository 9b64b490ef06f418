// The API as a document, and the pages that show it. The pages are a Fastify of their own, made when the first one is asked
// for: to read what they need costs a start a fifth of its time, and most services are never asked for one.
import { openApiDocument } from '@mpcsfaas/contract';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const PREFIX = '/docs';
/** What an answer says of its own connection, or of ranges, for which nobody asks the pages. */
const NOT_PASSED_ON = ['accept-ranges', 'connection', 'date', 'keep-alive', 'transfer-encoding'];

export function addDocs(fastify: FastifyInstance, version: string): void {
  let text: string | undefined;
  fastify.get('/openapi.json', (_request, reply) =>
    reply
      .header('content-type', 'application/json; charset=utf-8')
      .send((text ??= JSON.stringify(openApiDocument(version)))),
  );
  let pages: Promise<FastifyInstance> | undefined;
  const opened = (): Promise<FastifyInstance> =>
    openPages(version).catch((fault: unknown) => {
      // The next one who asks may have more luck: files may be had again.
      pages = undefined;
      throw fault;
    });
  /** Files by their tags: all who read one share its bytes. */
  const files = new Map<string, Buffer>();
  const show = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    passOn(await (pages ??= opened()), files, request, reply);
  fastify.get(PREFIX, show);
  fastify.get(`${PREFIX}/*`, show);
}

async function openPages(version: string): Promise<FastifyInstance> {
  const [{ default: swagger }, { default: swaggerUi }] = await Promise.all([
    import('@fastify/swagger'),
    import('@fastify/swagger-ui'),
  ]);
  const pages = Fastify({ routerOptions: { ignoreTrailingSlash: true } });
  await pages.register(swagger, { mode: 'static', specification: { document: openApiDocument(version) as never } });
  await pages.register(swaggerUi, { routePrefix: PREFIX });
  await pages.ready();
  return pages;
}

/** Of a request that the guard has let pass only those headers count that ask whether a file is still the same. */
async function passOn(
  pages: FastifyInstance,
  files: Map<string, Buffer>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  // No name of a file, and the pages stumble over it.
  if (request.url.includes('%00')) {
    reply.callNotFound();
    return reply;
  }
  const { 'if-none-match': tag, 'if-modified-since': since } = request.headers;
  const { statusCode, headers, rawPayload } = await pages.inject({
    // For HEAD, too: Fastify leaves the body out, and wants to know how long it would be.
    method: 'GET',
    url: request.url,
    headers: {
      ...(tag !== undefined && { 'if-none-match': tag }),
      ...(since !== undefined && { 'if-modified-since': since }),
    },
  });
  if (statusCode >= 500) throw new Error(`A page of the docs could not be read: ${rawPayload.toString('utf8')}`);
  // What is not there.
  if (statusCode >= 400) {
    reply.callNotFound();
    return reply;
  }
  for (const [name, value] of Object.entries(headers)) if (!NOT_PASSED_ON.includes(name)) reply.header(name, value);
  if (rawPayload.length === 0) return reply.code(statusCode).send();
  return reply.code(statusCode).send(shared(files, headers.etag, rawPayload));
}

/** The bytes of the first who asked for it; there are as many tags as files. */
function shared(files: Map<string, Buffer>, tag: string | undefined, bytes: Buffer): Buffer {
  if (tag === undefined) return bytes;
  const kept = files.get(tag);
  if (kept?.equals(bytes) === true) return kept;
  files.set(tag, bytes);
  return bytes;
}
