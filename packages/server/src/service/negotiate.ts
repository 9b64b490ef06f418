// What a caller asked of the answer: its format, and how long to wait for it.
import { FRAMES, MAX_WAIT_MS } from '@mpcsfaas/contract';
import type { FastifyRequest } from 'fastify';

/** Accept alone decides, whatever the body's own type. */
export function wantsFrames(request: FastifyRequest): boolean {
  return request.headers.accept?.includes(FRAMES) ?? false;
}

/** ms; a longer wait than the longest is shortened, not refused. */
export function waitOf(asked: number | undefined, otherwise: number): number {
  return Math.min(asked ?? otherwise, MAX_WAIT_MS);
}
