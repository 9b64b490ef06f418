// Acts whose writes replicas must have before anybody is told: on a link of their own, for WAIT holds up whatever comes behind
// it on its link. What is asked for meanwhile goes together and waits once.
import type { Redis } from 'ioredis';

/** How long replicas may take, ms. */
const REPLICAS_MS = 1000;
/** At most this many acts wait together. */
const TOGETHER = 64;

export interface Confirmed<T> {
  value: T;
  /** How many replicas have it. */
  replicas: number;
}

interface Waiting {
  act: (redis: Redis) => Promise<unknown>;
  resolve: (confirmed: Confirmed<unknown>) => void;
  reject: (fault: unknown) => void;
}

export class Confirmation {
  readonly #redis: Redis;
  readonly #replicas: number;
  #queue: Waiting[] = [];
  #running = false;

  constructor(redis: Redis, replicas: number) {
    this.#redis = redis;
    this.#replicas = replicas;
  }

  /** `act` sends one command, which writes, and sends it at once. Rejects where it does, or the link is lost meanwhile. */
  run<T>(act: (redis: Redis) => Promise<T>): Promise<Confirmed<T>> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ act, resolve: resolve as Waiting['resolve'], reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) await this.#together(this.#queue.splice(0, TOGETHER));
    this.#running = false;
  }

  async #together(batch: readonly Waiting[]): Promise<void> {
    const { stream } = this.#redis;
    // A link that was never there has none.
    (stream as typeof stream | undefined)?.cork();
    const acts = batch.map(({ act }) => act(this.#redis));
    const waited = this.#redis.wait(this.#replicas, REPLICAS_MS);
    (stream as typeof stream | undefined)?.uncork();
    const [replicas, ...values] = await Promise.allSettled([waited, ...acts]);
    for (const [i, { resolve, reject }] of batch.entries()) {
      const value = values[i]!;
      if (value.status === 'rejected') reject(value.reason);
      else if (replicas.status === 'rejected') reject(replicas.reason);
      else resolve({ value: value.value, replicas: replicas.value });
    }
  }
}
