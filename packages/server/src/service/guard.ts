// Who may call: the host and the origin, the key, the body's type. In this order, before anything is read or run.
import { FRAMES } from '@mpcsfaas/contract';
import type { RouteContract } from '@mpcsfaas/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isAllowedOrigin, judgeHost } from '../auth/index.ts';
import type { ApiKeys, Caller } from '../auth/index.ts';
import type { ServiceConfig } from '../config/service.ts';
import { Refusal } from '../tasks/refusal.ts';

const ANYBODY: Caller = { tenant: 'default', keyId: '' };
const CORS_METHODS = 'GET, POST, DELETE';
const CORS_HEADERS = 'authorization, content-type, idempotency-key, last-event-id, x-request-id';
const CORS_EXPOSED = 'x-task-id, x-request-id, idempotent-replayed, retry-after';

/** Sees the whole service's requests, also those that no route takes. Refuses, or lets pass. */
export function guardOrigin(config: ServiceConfig) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    demandOneHost(request);
    demandNoExpectation(request);
    const { host, origin } = request.headers;
    if (!config.requireKeys) {
      const verdict = judgeHost(host, origin, config.corsOrigins);
      if (verdict.is === 'foreign') throw foreign(verdict.what, verdict.given);
    }
    if (origin !== undefined && isAllowedOrigin(origin, config.corsOrigins)) allowOrigin(reply, origin);
  };
}

/** Of two hosts another program on the way may have judged the other one. HTTP/1.0 knows no Host. */
function demandOneHost({ raw }: FastifyRequest): void {
  let hosts = 0;
  for (let i = 0; i < raw.rawHeaders.length; i += 2) if (isHost(raw.rawHeaders[i]!)) hosts += 1;
  if (hosts === 1 || (hosts === 0 && raw.httpVersion === '1.0')) return;
  const what = hosts === 0 ? 'no Host header' : `${hosts} Host headers`;
  throw new Refusal('bad_request', `The request has ${what}: send one that names this service.`);
}

function isHost(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'host';
}

/** Node itself answers `100-continue`, and what it takes for that. HTTP/1.0 knows no Expect. */
function demandNoExpectation({ raw }: FastifyRequest): void {
  const { expect } = raw.headers;
  if (expect === undefined || raw.httpVersion === '1.0' || /(?:^|\W)100-continue(?:$|\W)/i.test(expect)) return;
  throw new Refusal(
    'expectation_failed',
    `The expectation "${expect.slice(0, 100)}" cannot be met: leave the header Expect out.`,
  );
}

/** Is it a page's question whether it may call? Answered without a key: a page asks before it shows one. */
export function isPreflight(request: FastifyRequest, config: ServiceConfig): boolean {
  const { origin } = request.headers;
  return (
    request.method === 'OPTIONS' &&
    origin !== undefined &&
    request.headers['access-control-request-method'] !== undefined &&
    isAllowedOrigin(origin, config.corsOrigins)
  );
}

export function answerPreflight(reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .header('access-control-allow-methods', CORS_METHODS)
    .header('access-control-allow-headers', CORS_HEADERS)
    .header('access-control-max-age', '600')
    .send();
}

function allowOrigin(reply: FastifyReply, origin: string): void {
  reply.header('access-control-allow-origin', origin);
  reply.header('access-control-expose-headers', CORS_EXPOSED);
  reply.header('vary', 'origin');
}

function foreign(what: 'host' | 'origin', given: string): Refusal {
  if (what === 'host') {
    return new Refusal(
      'forbidden_host',
      `The host "${given.slice(0, 100)}" is not served: without API keys only loopback names are. Turn keys on to be reached by other names.`,
    );
  }
  return new Refusal(
    'forbidden_origin',
    `A page of ${given.slice(0, 100)} may not call this service. Allow it with --cors-origin ${given.slice(0, 100)}.`,
  );
}

const BEARER = /^bearer +(\S+) *$/i;

/** Who calls; refuses where a key is needed and none, or a wrong one, is given. Answers at once where none is needed. */
export function authenticate(
  request: FastifyRequest,
  open: boolean,
  keys: ApiKeys,
  config: ServiceConfig,
): Caller | Promise<Caller> {
  return open || !config.requireKeys ? ANYBODY : callerOf(request, keys);
}

async function callerOf(request: FastifyRequest, keys: ApiKeys): Promise<Caller> {
  const key = BEARER.exec(request.headers.authorization ?? '')?.[1];
  const caller = key === undefined ? undefined : await keys.check(key);
  if (caller !== undefined) return caller;
  throw new Refusal(
    'unauthorized',
    key === undefined
      ? 'This service wants an API key: send the header `Authorization: Bearer mpk_…`.'
      : 'This API key is not known here: it may be revoked, or belong to another service. Whoever has a valid one can make another (`POST /v1/keys`).',
  );
}

const CHARSET = /;\s*charset\s*=\s*"?([^\s";]*)/i;

/** A POST says its type even without a body: a page's form cannot say this one, and is refused. */
export function checkContentType(request: FastifyRequest, contract: RouteContract): void {
  if (contract.method !== 'POST') return;
  const { 'content-type': header, 'content-encoding': encoding = 'identity' } = request.headers;
  if (encoding.trim().toLowerCase() !== 'identity') {
    throw new Refusal(
      'unsupported_media_type',
      `The content encoding ${encoding.slice(0, 100)} is not taken here: send the body as it is, without Content-Encoding.`,
    );
  }
  const charset = CHARSET.exec(header ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new Refusal(
      'unsupported_media_type',
      `The charset ${charset.slice(0, 100)} is not taken here: send the body in UTF-8.`,
    );
  }
  const given = mediaType(header);
  const framed = contract.frames === 'in' || contract.frames === 'both';
  if (given === 'application/json' || (framed && given === FRAMES)) return;
  const types = framed ? ['application/json', FRAMES] : ['application/json'];
  const wanted = types.map((type) => `\`Content-Type: ${type}\``).join(' or ');
  throw new Refusal(
    'unsupported_media_type',
    given === ''
      ? `The request does not say its content type: send ${wanted}.`
      : `The content type ${given.slice(0, 100)} is not taken here: send ${wanted}.`,
  );
}

/** `application/json; charset=utf-8` → `application/json`. */
export function mediaType(header: string | undefined): string {
  return (header ?? '').split(';', 1)[0]!.trim().toLowerCase();
}
