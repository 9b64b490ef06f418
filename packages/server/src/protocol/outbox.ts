// An outbox: zeromq allows one send in flight a socket, so each socket sends through one of these, in order.

/** Sends one after the other. What cannot be sent is reported, never thrown. */
export class Outbox<M> {
  readonly #send: (message: M) => Promise<void>;
  readonly #failed: (message: M, error: unknown) => void;
  #queue: M[] = [];
  #draining: Promise<void> | undefined;

  constructor(send: (message: M) => Promise<void>, failed: (message: M, error: unknown) => void) {
    this.#send = send;
    this.#failed = failed;
  }

  /** Messages that wait for their turn. */
  get length(): number {
    return this.#queue.length;
  }

  push(message: M): void {
    this.#queue.push(message);
    this.#draining ??= this.#drain();
  }

  /** Resolves when nothing waits any more. */
  drained(): Promise<void> {
    return this.#draining ?? Promise.resolve();
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      for (const message of batch) {
        try {
          await this.#send(message);
        } catch (error) {
          this.#failed(message, error);
        }
      }
    }
    this.#draining = undefined;
  }
}
