// For commands that work for long: a service that is away, stopping or full for a while is asked again.
import { setTimeout as pause } from 'node:timers/promises';
import { backoffMs, type Backoff } from '../backoff.ts';
import { Refused, Unreachable } from './api.ts';

export const BACKOFF: Backoff = { baseMs: 100, maxMs: 5_000, factor: 2 };
/** How long it may be away in the middle of the work, and how long before its beginning, ms. */
export const LONG_MS = 60_000;
export const SHORT_MS = 2_000;

/**
 * Repeats what does no harm when it is done twice; a service that is full (429) is asked again for as long as `signal` lets.
 * @throws UserError once patience ends, or the signal's reason
 */
export async function patiently<T>(act: () => Promise<T>, forMs: number, signal: AbortSignal): Promise<T> {
  let until = performance.now() + forMs;
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (isFull(error)) until = performance.now() + forMs;
      else if (!isAway(error) || performance.now() > until) throw error;
      // Somebody who asks for longer is asked sooner: a timer of weeks would be over at once.
      const asked = Math.min(askedMs(error), LONG_MS);
      await pause(Math.max(backoffMs(BACKOFF, tries, Math.random()), asked), undefined, { signal });
    }
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Refused && error.answer.status === 429;
}

/** Nobody is there, or a proxy or the service itself says that it cannot work just now. */
export function isAway(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  if (!(error instanceof Refused)) return (error as NodeJS.ErrnoException).code === 'ECONNRESET';
  return [502, 503, 504].includes(error.answer.status);
}

/** What was asked, of a service that is away: but where there was no connection, who knows how far it got. */
export function mayBeDone(error: unknown): boolean {
  return !(error instanceof Unreachable) || error.mayBeDone;
}

/** How long the service, or a proxy, asks to be left alone, ms: its body tells it better than its head, where it does. */
export function askedMs(error: unknown): number {
  if (!(error instanceof Refused)) return 0;
  const { body, headers } = error.answer;
  const told = (body as { retry_after_ms?: number } | null)?.retry_after_ms;
  const after = headers['retry-after'];
  // A proxy may say a date in place of seconds.
  return told ?? (Number(after) * 1000 || Date.parse(String(after)) - Date.now() || 0);
}
