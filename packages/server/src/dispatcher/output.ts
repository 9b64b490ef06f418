// What running calls print, on its way to the store: collected for a moment, sent in one call, bounded.
import type { Cancel, LiveClock } from '../clock.ts';
import type { LogChunk } from '../lifecycle/outcome.ts';
import { StoreUnavailable, type LogLimits, type Store } from '../store/index.ts';

const FLUSH_MS = 100;
/** More than this waiting is dropped: the end of the attempt brings what is kept of its output anyway. */
const PENDING_BYTES = 4 * 1024 * 1024;

interface Entry {
  id: string;
  attempt: number;
  chunks: LogChunk[];
}

export class Output {
  readonly #store: Store;
  readonly #tenant: string;
  readonly #limits: LogLimits;
  readonly #clock: LiveClock;
  #pending = new Map<string, Entry>();
  #bytes = 0;
  #cancel: Cancel | undefined;

  constructor(store: Store, tenant: string, limits: LogLimits, clock: LiveClock) {
    this.#store = store;
    this.#tenant = tenant;
    this.#limits = limits;
    this.#clock = clock;
  }

  add(id: string, attempt: number, chunk: LogChunk): void {
    if (this.#bytes + chunk.bytes.length > PENDING_BYTES) return;
    this.#bytes += chunk.bytes.length;
    const key = `${id} ${attempt}`;
    const entry = this.#pending.get(key) ?? { id, attempt, chunks: [] };
    entry.chunks.push(chunk);
    this.#pending.set(key, entry);
    this.#cancel ??= this.#clock.after(FLUSH_MS, () => void this.#flush());
  }

  stop(): void {
    this.#cancel?.();
  }

  async #flush(): Promise<void> {
    const entries = [...this.#pending.values()];
    this.#pending = new Map();
    this.#bytes = 0;
    this.#cancel = undefined;
    try {
      await this.#store.appendLogs(this.#tenant, entries, this.#limits);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
  }
}
