// Binds every route of the contract to its handler: guard, checks, call.
import { ROUTES } from '@mpcsfaas/contract';
import type { OperationId, RouteContract } from '@mpcsfaas/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../auth/index.ts';
import type { ArgumentTexts } from '../tasks/argument-texts.ts';
import { Refusal, shuttingDown } from '../tasks/refusal.ts';
import type { ReadBody } from './bodies.ts';
import { authenticate, checkContentType } from './guard.ts';
import { Departures } from './departures.ts';
import { HANDLERS } from './handlers.ts';
import type { Call, Handler, ServiceParts } from './parts.ts';
import { compileChecks } from './schema-check.ts';
import type { RequestChecks } from './schema-check.ts';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
  interface FastifyContextConfig {
    operation?: string;
  }
}

/** What makes a task: refused by a process that is about to end, for it would not run it. */
const SUBMITS: ReadonlySet<string> = new Set<OperationId>([
  ...(['submitTask', 'submitBatch', 'retryTask', 'callFunction', 'executeClassic'] as const),
]);

export function registerRoutes(fastify: FastifyInstance, parts: ServiceParts): void {
  fastify.decorateRequest('caller');
  fastify.decorateRequest('taskId', '');
  const departures = new Departures(parts.stopping, parts.keys);
  for (const [operation, contract] of Object.entries<RouteContract>(ROUTES)) {
    // Most routes are asked nothing in most processes' lives, and to compile all of them costs a start a tenth of its time.
    let compiled: RequestChecks | undefined;
    const checks = (): RequestChecks => (compiled ??= compileChecks(contract));
    // The table of handlers is total and typed; here, in the loop over it, one operation is any operation.
    const handle = HANDLERS[operation as OperationId] as Handler<OperationId>;
    fastify.route({
      method: contract.method,
      url: contract.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      config: { operation },
      onRequest: (request, _reply, done) => {
        const admit = (caller: Caller): void => {
          request.caller = caller;
          checkContentType(request, contract);
          if (parts.leaving.aborted && SUBMITS.has(operation)) throw shuttingDown();
        };
        const caller = authenticate(request, contract.open === true, parts.keys, parts.config);
        if (caller instanceof Promise) {
          caller.then(admit).then(() => done(), done);
          return;
        }
        try {
          admit(caller);
        } catch (fault) {
          done(fault as Error);
          return;
        }
        done();
      },
      handler: (request, reply) => handle(checkedCall(request, reply, contract, checks(), departures), parts),
    });
  }
}

function checkedCall(
  request: FastifyRequest,
  reply: FastifyReply,
  contract: RouteContract,
  checks: RequestChecks,
  departures: Departures,
): Call<OperationId> {
  checks.params(request.params);
  request.taskId = (request.params as { task_id?: string }).task_id?.toLowerCase() ?? '';
  checks.headers(request.headers);
  const query = checks.query(request.query as Record<string, unknown>);
  const { body, frames, texts } =
    contract.body === undefined ? NO_BODY : checkedBody(request.body as ReadBody | undefined, contract, checks);
  let signal: AbortSignal | undefined;
  const call: object = {
    params: request.params,
    query,
    body,
    frames,
    texts,
    tenant: request.caller.tenant,
    callerId: request.caller.keyId,
    request,
    reply,
    signal: () => (signal ??= departures.of(reply, request.caller.keyId)),
  };
  // The contract's checks stand for the types of its parts.
  return call as Call<OperationId>;
}

const NO_BODY: { body: unknown; frames: readonly Buffer[]; texts: ArgumentTexts } = {
  body: undefined,
  frames: [],
  texts: new Map(),
};

function checkedBody(read: ReadBody | undefined, contract: RouteContract, checks: RequestChecks): typeof NO_BODY {
  if (read?.is === 'framed') {
    const { value, texts } = read.header;
    checks.framedBody(value);
    return { body: value, frames: read.frames, texts };
  }
  if (read?.value === undefined) {
    if (contract.bodyOptional === true) return NO_BODY;
    throw new Refusal('invalid_json', 'The request has no body: send a JSON object.');
  }
  checks.body(read.value);
  return { body: read.value, frames: [], texts: read.texts };
}
