// The Fastify instance: its settings, the guard, faults and unknown routes.
import { ERRORS, PROBLEM_JSON } from '@mpcsfaas/contract';
import Fastify, { LogController } from 'fastify';
import type {
  FastifyBaseLogger,
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
} from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { newId } from '../lifecycle/ids.ts';
import { Refusal, shuttingDown } from '../tasks/refusal.ts';
import type { Logger } from '../telemetry/index.ts';
import { SHADOWED, allowedMethods } from './allowed-methods.ts';
import { addBodyReaders } from './bodies.ts';
import { concerning } from './concerning.ts';
import { addDocs } from './docs.ts';
import { answerPreflight, guardOrigin, isPreflight } from './guard.ts';
import type { ServiceParts } from './parts.ts';
import { answerFault, problemOf } from './problem.ts';
import { registerRoutes } from './register-routes.ts';

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
/** Longer than a long wait of a proxy's idle connection. */
const KEEP_ALIVE_MS = 75_000;
const MAX_PARAM_CHARS = 1024;
/**
 * Requests are checked by `schema-check`, answers written by JSON.stringify, and no route gives Fastify a schema. Its own
 * compilers, Ajv and all, would be read at every start where it is not told so here.
 */
const OWN_COMPILERS: NonNullable<FastifyServerOptions['schemaController']> = {
  compilersFactory: { buildValidator: () => (() => () => true) as never, buildSerializer: () => () => JSON.stringify },
};

/** Builds the application; it listens nowhere yet. */
export async function buildApp(parts: ServiceParts, logger: Logger): Promise<FastifyInstance> {
  const { config } = parts;
  const baseLogger: FastifyBaseLogger = logger;
  const fastify: FastifyInstance = Fastify({
    loggerInstance: baseLogger,
    // One line a request, at debug level, is written by our own hook.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: requestId,
    schemaController: OWN_COMPILERS,
    bodyLimit: config.limits.maxBodyBytes,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_CHARS },
    clientErrorHandler: answerUnreadable,
    // Node's own refusal has no body; the guard's has.
    http: { requireHostHeader: false },
    frameworkErrors: (fault, request, reply) => void answerFault(fault, request, reply, config.limits.maxBodyBytes),
  });
  fastify.setErrorHandler<FastifyError>((fault, request, reply) =>
    answerFault(fault, request, reply, config.limits.maxBodyBytes),
  );
  // A child a request costs more than all that most requests have to say: our own lines name the request (concerning.ts).
  fastify.setChildLoggerFactory((parent) => parent);
  addBodyReaders(fastify);
  addHooks(fastify, parts, logger);
  registerRoutes(fastify, parts);
  addDocs(fastify, parts.version);
  fastify.setNotFoundHandler(refuseRoute);
  // Else the path with a parameter would take these for a value of it.
  for (const { path: url, methods } of SHADOWED) {
    fastify.route({ method: methods, url, exposeHeadRoute: false, handler: refuseRoute });
  }
  // Told by Node in place of a request, where more is expected of us than `100-continue`: refused like any other.
  fastify.server.on('checkExpectation', (request, answer) => fastify.server.emit('request', request, answer));
  await fastify.ready();
  return fastify;
}

function refuseRoute(request: FastifyRequest, reply: FastifyReply): never {
  const methods = allowedMethods(request.url);
  // A method that is taken here met a page's file that is not there.
  if (methods.length === 0 || methods.includes(request.method)) {
    throw new Refusal(
      'route_not_found',
      `There is no route ${request.method} ${request.url.slice(0, 200)}. See /docs.`,
    );
  }
  reply.header('allow', methods.join(', '));
  throw new Refusal('method_not_allowed', `This route takes ${methods.join(' and ')}, not ${request.method}.`);
}

function addHooks(fastify: FastifyInstance, { config, metrics, stopping }: ServiceParts, logger: Logger): void {
  const guard = guardOrigin(config);
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    try {
      if (stopping.aborted) throw shuttingDown();
      guard(request, reply);
    } catch (fault) {
      done(fault as Error);
      return;
    }
    if (isPreflight(request, config)) answerPreflight(reply);
    else done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const operation = request.routeOptions.config.operation ?? 'none';
    const { statusCode: status, elapsedTime } = reply;
    metrics.observeHttp(operation, status, elapsedTime / 1000);
    if (logger.isLevelEnabled('debug')) {
      logger.debug({ operation, status, ms: Math.round(elapsedTime), ...concerning(request) }, 'answered');
    }
    done();
  });
}

/** The caller's X-Request-Id where it is a plain word, else a new one. */
function requestId(request: { headers: IncomingMessage['headers'] }): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : newId(Date.now(), 0);
}

/** What is not HTTP has no request to answer to: a problem is written on the socket. */
function answerUnreadable(fault: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || fault.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code = fault.code === 'HPE_HEADER_OVERFLOW' ? 'headers_too_large' : 'bad_request';
  const { status, title } = ERRORS[code];
  const body = JSON.stringify(problemOf(code, `${title}.`, newId(Date.now(), 0)));
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: ${PROBLEM_JSON}\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
