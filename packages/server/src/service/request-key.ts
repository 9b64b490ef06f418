// The Idempotency-Key of a request.
import type { FastifyRequest } from 'fastify';
import type { RequestKey } from '../tasks/submit.ts';

/** `each`: every task of the request has a key of its own under it. Its length was checked with the headers. */
export function requestKey(request: FastifyRequest, each: boolean): RequestKey | undefined {
  const name = request.headers['idempotency-key'];
  return typeof name === 'string' ? { name, each } : undefined;
}
