// Callers who go away before their answer, keys that are revoked meanwhile, and the service that stops: what ends a wait
// or a stream.
import type { FastifyReply } from 'fastify';
import type { ApiKeys } from '../auth/index.ts';

export class Departures {
  /** One listener for all who wait: an event target looks through its listeners at each one that is added. */
  readonly #waiting = new Set<AbortController>();
  readonly #stopping: AbortSignal;
  readonly #keys: ApiKeys;

  constructor(stopping: AbortSignal, keys: ApiKeys) {
    this.#stopping = stopping;
    this.#keys = keys;
    stopping.addEventListener('abort', () => {
      for (const gone of this.#waiting) leave(gone);
    });
  }

  /**
   * Fires when the caller goes away before its answer has left, or the service stops. Where the caller's key is revoked its
   * connection is cut: nothing more is told to it. `keyId`: '' where keys are off.
   */
  of(reply: FastifyReply, keyId: string): AbortSignal {
    const gone = new AbortController();
    if (this.#stopping.aborted || reply.raw.destroyed) {
      leave(gone);
      return gone.signal;
    }
    this.#waiting.add(gone);
    const unfollow = keyId === '' ? () => undefined : this.#keys.follow(keyId, () => reply.raw.destroy());
    reply.raw.once('close', () => {
      unfollow();
      this.#waiting.delete(gone);
      if (!reply.raw.writableFinished) leave(gone);
    });
    return gone.signal;
  }
}

function leave(gone: AbortController): void {
  // A reason of our own: without one, each abort would make an exception object.
  gone.abort('gone');
}
