// Function bytes on their way from the store to workers: kept a while, bounded, fetched once for many askers.
import { pause, type LiveClock } from '../clock.ts';
import type { Store } from '../store/index.ts';

/** Bytes kept in memory. A larger single function is passed on and not kept. */
const KEEP_BYTES = 64 * 1024 * 1024;
/** A fetch fails this late at the earliest, ms: what waited for it goes back, is claimed anew at once and asks again. */
const FAILS_AFTER_MS = 1_000;

export class CodeCache {
  readonly #store: Store;
  readonly #clock: LiveClock;
  readonly #tenant: string;
  /** In order of use: the first is the oldest. */
  readonly #kept = new Map<string, Buffer>();
  readonly #underWay = new Map<string, Promise<Buffer | undefined>>();
  #bytes = 0;

  constructor(store: Store, tenant: string, clock: LiveClock) {
    this.#store = store;
    this.#clock = clock;
    this.#tenant = tenant;
  }

  /** Undefined where the bytes are gone. Rejects with StoreUnavailable where the store is away. */
  async get(digest: string): Promise<Buffer | undefined> {
    const kept = this.#kept.get(digest);
    if (kept !== undefined) {
      this.#kept.delete(digest);
      this.#kept.set(digest, kept);
      return kept;
    }
    let fetching = this.#underWay.get(digest);
    if (fetching === undefined) {
      fetching = this.#fetch(digest).finally(() => this.#underWay.delete(digest));
      this.#underWay.set(digest, fetching);
    }
    return fetching;
  }

  async #fetch(digest: string): Promise<Buffer | undefined> {
    const [bytes] = await this.#store.code(this.#tenant, [digest]).catch(async (fault: unknown) => {
      await pause(this.#clock, FAILS_AFTER_MS);
      throw fault;
    });
    if (bytes === undefined || bytes.length > KEEP_BYTES) return bytes;
    this.#kept.set(digest, bytes);
    this.#bytes += bytes.length;
    for (const [oldest, old] of this.#kept) {
      if (this.#bytes <= KEEP_BYTES) break;
      this.#kept.delete(oldest);
      this.#bytes -= old.length;
    }
    return bytes;
  }
}
