// The link for large bytes, so that nothing urgent is behind them. Made when it is first needed.
import type { Redis } from 'ioredis';
import { StoreUnavailable } from '../store.ts';
import { TIMED_OUT, within } from './within.ts';

/** How long a command may take on it (64 MiB in half a minute are 18 Mbit/s), ms. */
export const CARRYING_MS = 30_000;
/** Who cannot have it within this takes the link for acts, ms. */
const CONNECTED_MS = 1000;

export class Carrier {
  readonly #make: () => Redis;
  /** Gives a link a new connection. */
  readonly #again: (redis: Redis) => void;
  #link: Redis | undefined;
  #connected: Promise<unknown> = Promise.resolve();

  constructor(make: () => Redis, again: (redis: Redis) => void) {
    this.#make = make;
    this.#again = again;
  }

  /** Undefined = it was never needed. */
  get link(): Redis | undefined {
    return this.#link;
  }

  /** On it, or on `main`. @throws StoreUnavailable where the bytes were not through in time */
  async run<T>(main: () => Redis, act: (redis: Redis) => Promise<T>): Promise<T> {
    const link = await this.#ready();
    if (link === undefined) return act(main());
    try {
      return await act(gathered(link));
    } catch (fault) {
      if (!(fault instanceof Error) || !fault.message.startsWith(TIMED_OUT)) throw fault;
      // The link for acts is none the worse for it.
      this.#again(link);
      throw new StoreUnavailable('Redis did not take or give large bytes in time.', { cause: fault });
    }
  }

  async #ready(): Promise<Redis | undefined> {
    if (this.#link === undefined) {
      this.#link = this.#make();
      const connecting = this.#link.connect().catch(() => undefined);
      this.#connected = within(CONNECTED_MS, connecting).catch(() => undefined);
    }
    await this.#connected;
    return this.#link.status === 'ready' ? this.#link : undefined;
  }
}

/** The commands of one turn leave in one write: the client writes each by itself. */
export function gathered(redis: Redis): Redis {
  const { stream } = redis;
  if (stream.writableCorked === 0) {
    stream.cork();
    process.nextTick(() => stream.uncork());
  }
  return redis;
}
