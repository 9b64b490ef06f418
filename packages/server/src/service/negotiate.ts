// What a caller asked of the answer: its format, and how long to wait for it.
import { FRAMES, MAX_WAIT_MS } from '@mpcsfaas/contract';
import type { FastifyRequest } from 'fastify';

/** Accept alone decides, whatever the body's own type: the better liked one, and of two alike the one that is named. */
export function wantsFrames(request: FastifyRequest): boolean {
  const { accept } = request.headers;
  if (accept === undefined) return false;
  const ranges = accept.split(',').map(readRange);
  const frames = liking(ranges, FRAMES);
  const json = liking(ranges, 'application/json');
  return frames > json || (frames === json && frames > 0 && ranges.some(({ type }) => type === FRAMES));
}

interface MediaRange {
  type: string;
  /** 0 … 1; 0 = not acceptable. */
  q: number;
}

function readRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '');
  // What is no number is as if it were not there.
  return { type, q: q === undefined || !/^(0|1)?(\.\d*)?$/.test(q) || q === '' ? 1 : Math.min(1, Number(q)) };
}

/** How much a type is liked, by the narrowest range that takes it in. */
function liking(ranges: readonly MediaRange[], type: string): number {
  for (const range of [type, `${type.split('/')[0]!}/*`, '*/*']) {
    const found = ranges.filter((one) => one.type === range);
    if (found.length > 0) return Math.max(...found.map(({ q }) => q));
  }
  return 0;
}

/** ms; a longer wait than the longest is shortened, not refused. */
export function waitOf(asked: number | undefined, otherwise: number): number {
  return Math.min(asked ?? otherwise, MAX_WAIT_MS);
}
