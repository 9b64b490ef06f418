// Callers who go away before their answer, and the service that stops: what ends a wait or a stream.
import type { FastifyReply } from 'fastify';

export class Departures {
  /** One listener for all who wait: an event target looks through its listeners at each one that is added. */
  readonly #waiting = new Set<AbortController>();
  readonly #stopping: AbortSignal;

  constructor(stopping: AbortSignal) {
    this.#stopping = stopping;
    stopping.addEventListener('abort', () => {
      for (const gone of this.#waiting) leave(gone);
    });
  }

  /** Fires when the caller goes away before its answer has left, or the service stops. */
  of(reply: FastifyReply): AbortSignal {
    const gone = new AbortController();
    if (this.#stopping.aborted || reply.raw.destroyed) {
      leave(gone);
      return gone.signal;
    }
    this.#waiting.add(gone);
    reply.raw.once('close', () => {
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
