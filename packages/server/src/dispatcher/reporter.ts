// Says once a second what this dispatcher and its workers are: what /v1/workers and /metrics read.
import { hostname } from 'node:os';
import type { Cancel, LiveClock } from '../clock.ts';
import { Watchdog } from '../watchdog.ts';
import { isAlive } from '../process-alive.ts';
import { StoreUnavailable, type DispatcherSnapshot, type Store } from '../store/index.ts';
import type { Executor } from './executor.ts';
import type { Histogram } from './histogram.ts';

const REPORT_MS = 1_000;
/** A report not renewed for this long is forgotten: a dead dispatcher's workers are not shown for longer. */
const TTL_MS = 3_500;
const STUCK_MS = 5_000;

export interface ReporterOptions {
  store: Store;
  executor: Executor;
  clock: LiveClock;
  dispatcherId: string;
  version: string;
  histograms: Record<string, Histogram>;
  /** What its loops have to say. */
  troubles: () => string[];
  onTrouble: (sentence: string) => void;
}

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #startedAt: number;
  #stopTimer: Cancel | undefined;
  #sending: Promise<void> = Promise.resolve();
  #waiting = false;
  /** The fault that was told last, until a report goes through. */
  #told = '';
  readonly watchdog = new Watchdog('the report', STUCK_MS);

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#startedAt = options.clock.wall();
  }

  /** Takes back what predecessors on this machine said before they died, and reports. Never rejects. */
  async start(): Promise<void> {
    this.watchdog.turned(this.#options.clock.mono());
    this.#stopTimer = this.#options.clock.every(REPORT_MS, () => this.report());
    await this.#retractDead().catch((error: unknown) => this.#failed(error));
    this.report();
  }

  /** Whoever was at our address is dead, for we have it now; so is a dispatcher of this machine whose process is gone. */
  async #retractDead(): Promise<void> {
    const { store, executor } = this.#options;
    for (const { id, host, pid, address } of await store.fleet()) {
      if (host !== hostname()) continue;
      if ((address !== '' && address === executor.address) || !isAlive(pid)) await store.retract(id);
    }
  }

  /** Reports now; a fleet that changed is shown at once. */
  report(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    // One under way and one waiting are enough: each tells how things are when it is sent.
    this.#sending = this.#sending.then(() => {
      this.#waiting = false;
      return this.#send();
    });
  }

  /** Takes the report back: a dispatcher that leaves is not shown. */
  async stop(): Promise<void> {
    this.#stopTimer?.();
    await this.#sending;
    await this.#options.store.retract(this.#options.dispatcherId).catch((error: unknown) => this.#failed(error));
  }

  /** Never rejects: the next report is sent after it, whatever it met. */
  async #send(): Promise<void> {
    const { store, clock } = this.#options;
    try {
      await store.report(this.#snapshot(), TTL_MS);
      this.watchdog.turned(clock.mono());
      this.#told = '';
    } catch (error) {
      this.#failed(error);
    }
  }

  #snapshot(): DispatcherSnapshot {
    const { executor, clock, dispatcherId, version, histograms, troubles } = this.#options;
    return {
      id: dispatcherId,
      mode: executor.mode,
      host: hostname(),
      pid: process.pid,
      version,
      address: executor.address,
      startedAt: this.#startedAt,
      seenAt: clock.wall(),
      workers: executor.workers(),
      troubles: troubles(),
      histograms: Object.fromEntries(Object.entries(histograms).map(([name, one]) => [name, one.snapshot()])),
    };
  }

  /** A report that is lost is followed by another in a second. The claim loop tells of a store that is away. */
  #failed(error: unknown): void {
    if (error instanceof StoreUnavailable) return;
    const trouble = `The report of this dispatcher met a fault and is tried again: ${String(error)}`;
    if (trouble !== this.#told) this.#options.onTrouble(trouble);
    this.#told = trouble;
  }
}
