// Callers who go away before their answer, keys that are revoked meanwhile, and the service that stops: what ends a wait
// or a stream.
import type { FastifyReply } from 'fastify';
import type { ApiKeys } from '../auth/index.ts';
import { InFlight } from '../in-flight.ts';
import { Refusal } from '../tasks/refusal.ts';

export class Departures {
  /** One listener for all who wait: an event target looks through its listeners at each one that is added. */
  readonly #waiting = new InFlight<AbortController, true>();
  readonly #stopping: AbortSignal;
  readonly #keys: ApiKeys;

  constructor(stopping: AbortSignal, keys: ApiKeys) {
    this.#stopping = stopping;
    this.#keys = keys;
    stopping.addEventListener('abort', () => {
      for (const gone of this.#waiting.keys()) leave(gone);
    });
  }

  /**
   * Fires when the caller goes away before its answer has left, or the service stops. Where the caller's key is revoked
   * nothing more is told to it: an answer that has begun is cut off with its connection, before that the signal's reason
   * is the refusal. `keyId`: '' where keys are off.
   */
  of(reply: FastifyReply, keyId: string): AbortSignal {
    const gone = new AbortController();
    if (this.#stopping.aborted || reply.raw.destroyed) {
      leave(gone);
      return gone.signal;
    }
    this.#waiting.set(gone, true);
    const revoked = (): void => {
      if (reply.raw.headersSent) reply.raw.destroy();
      else gone.abort(keyRevoked());
    };
    const unfollow = keyId === '' ? () => undefined : this.#keys.follow(keyId, revoked);
    reply.raw.once('close', () => {
      unfollow();
      this.#waiting.delete(gone);
      if (!reply.raw.writableFinished) leave(gone);
    });
    return gone.signal;
  }
}

function keyRevoked(): Refusal {
  return new Refusal(
    'unauthorized',
    'This API key was revoked while its request waited: what was submitted goes on, and is read with another key.',
  );
}

function leave(gone: AbortController): void {
  // A reason of our own: without one, each abort would make an exception object.
  gone.abort('gone');
}
