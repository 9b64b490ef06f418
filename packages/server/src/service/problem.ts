// From whatever went wrong to a problem (RFC 9457): one text for people, one code for programs.
import { ERRORS, LIMITS, PROBLEM_JSON, problemType } from '@mpcsfaas/contract';
import type { ErrorCode, Problem } from '@mpcsfaas/contract';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { StoreUnavailable } from '../store/index.ts';
import { Refusal } from '../tasks/refusal.ts';
import type { RefusalMembers } from '../tasks/refusal.ts';
import { concerning } from './concerning.ts';

/** After so many seconds a refused caller may try again. */
const RETRY_AFTER: Partial<Record<ErrorCode, string>> = {
  queue_full: '1',
  store_unavailable: '1',
  not_ready: '1',
  shutting_down: '1',
};

/** Fastify's own faults that a caller causes, in the contract's words. */
const OF_FASTIFY: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad_request',
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'url_too_long',
};

export function problemOf(code: ErrorCode, detail: string, requestId: string, members: RefusalMembers = {}): Problem {
  const { status, title } = ERRORS[code];
  return { type: problemType(code), title, status, detail, code, request_id: requestId, ...members };
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { retry_after_ms: waitMs } = problem;
  const retryAfter = waitMs === undefined ? RETRY_AFTER[problem.code as ErrorCode] : String(Math.ceil(waitMs / 1000));
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  if (problem.code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  reply.header('x-request-id', problem.request_id);
  return reply.code(problem.status).header('content-type', PROBLEM_JSON).send(JSON.stringify(problem));
}

/** The one place where faults become answers. A fault of our own is logged with the request's id and told without its text. */
export function answerFault(
  fault: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  maxBody: number,
): FastifyReply {
  return sendProblem(reply, readFault(fault, request, maxBody));
}

function readFault(fault: FastifyError, request: FastifyRequest, maxBody: number): Problem {
  if (fault instanceof Refusal) return problemOf(fault.code, fault.message, request.id, fault.members);
  if (fault instanceof StoreUnavailable) return storeAway(fault, request);
  const code = OF_FASTIFY[fault.code];
  if (code === 'body_too_large') {
    const { option } = LIMITS.max_body_bytes;
    const detail = `The body has more than ${maxBody} bytes. Send less at once, or start the service with a larger ${option}.`;
    return problemOf(code, detail, request.id, { limit: maxBody, option });
  }
  if (code !== undefined) return problemOf(code, wordsOf(fault), request.id);
  // Nobody is there any more to hear it.
  if (fault.code === 'ECONNRESET' && request.raw.destroyed) {
    return problemOf('bad_request', 'The connection ended in the middle of the body.', request.id);
  }
  request.log.error({ err: fault, ...concerning(request) }, 'a request met a fault of the service');
  return problemOf(
    'internal',
    `The service met a fault of its own; its log tells more of request ${request.id}.`,
    request.id,
  );
}

/** Some repeat the address, be it as long as it may. */
function wordsOf({ code, message }: FastifyError): string {
  const [, address = '', rest = ''] = /^'(.*)'( is .*)$/s.exec(message) ?? [];
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return `A part of the address is longer than any id or name: ${address.slice(0, 200)}.`;
  }
  return rest === '' ? `${message}.` : `'${address.slice(0, 200)}'${rest}.`;
}

function storeAway(fault: StoreUnavailable, request: FastifyRequest): Problem {
  // Outside this program: a stack says nothing, and there is one such line for each request.
  request.log.warn({ reason: fault.message, ...concerning(request) }, 'the store is away');
  const { accepted } = fault;
  const partly =
    accepted.length === 0
      ? ''
      : ' The tasks at the indexes in `accepted` were accepted: repeat the request under the same Idempotency-Key to complete it.';
  const detail = `The store cannot be reached: ${fault.message} Try again; the service goes on by itself when it is back.${partly}`;
  return problemOf('store_unavailable', detail, request.id, accepted.length === 0 ? {} : { accepted });
}
