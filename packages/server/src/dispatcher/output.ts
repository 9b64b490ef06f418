// What running calls print, on its way to the store: collected for a moment, sent in one call, bounded.
import type { Cancel, LiveClock } from '../clock.ts';
import type { LogChunk } from '../lifecycle/outcome.ts';
import { Watchdog } from '../watchdog.ts';
import { StoreUnavailable, type LogLimits, type Store } from '../store/index.ts';

const FLUSH_MS = 100;
/** A store call ends sooner, well or not. */
const STUCK_MS = 15_000;
/** A sending that failed is told of for so long, if no other follows. */
const REMEMBERED_MS = 20_000;
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
  readonly #onTrouble: (sentence: string) => void;
  #pending = new Map<string, Entry>();
  #bytes = 0;
  #cancel: Cancel | undefined;
  /** How many sendings are under way. */
  #sending = 0;
  #forget: Cancel | undefined;
  readonly watchdog = new Watchdog('keeping what calls print', STUCK_MS);

  constructor(
    store: Store,
    tenant: string,
    limits: LogLimits,
    clock: LiveClock,
    onTrouble: (sentence: string) => void,
  ) {
    this.#store = store;
    this.#onTrouble = onTrouble;
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
    this.#forget?.();
  }

  async #flush(): Promise<void> {
    const entries = [...this.#pending.values()];
    this.#pending = new Map();
    this.#bytes = 0;
    this.#cancel = undefined;
    this.#sending += 1;
    this.#forget?.();
    this.watchdog.begun(this.#clock.mono());
    const isTaken = await this.#send(entries);
    this.#sending -= 1;
    if (isTaken) this.watchdog.turned(this.#clock.mono());
    if (this.#sending > 0) return;
    if (isTaken) this.watchdog.rests();
    else this.#forget = this.#clock.after(REMEMBERED_MS, () => this.watchdog.rests());
  }

  /** Whether the store took any of it. */
  async #send(entries: readonly Entry[]): Promise<boolean> {
    try {
      await this.#append(entries);
      return true;
    } catch (error) {
      if (error instanceof StoreUnavailable) return false;
    }
    // One of many is at fault: the others' output is kept.
    let isTaken = false;
    for (const entry of entries) {
      try {
        await this.#append([entry]);
        isTaken = true;
      } catch (fault) {
        if (fault instanceof StoreUnavailable) continue;
        // It answered: nothing stands still.
        isTaken = true;
        const why = fault instanceof Error ? fault.message : String(fault);
        this.#onTrouble(`Output of task ${entry.id} cannot be kept (${why}): its end brings the whole.`);
      }
    }
    return isTaken;
  }

  #append(entries: readonly Entry[]): Promise<void> {
    return this.#store.appendLogs(this.#tenant, entries, this.#limits);
  }
}
