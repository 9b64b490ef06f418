// What a worker is started with, and what it is made of.
import type { LiveClock } from '../clock.ts';
import { overZeroMq, type DispatcherLines } from '../protocol/index.ts';
import type { PoolListener, RunnerPool } from '../runner/index.ts';
import { DiskOverflow } from './disk-overflow.ts';
import { shareRoom } from './grants.ts';
import { KeptResults } from './kept-results.ts';

export interface WorkerOptions {
  mode: 'pull' | 'push';
  /** tcp://host:port of each dispatcher. */
  urls: readonly string[];
  /** Stable over reconnections, unique among workers. */
  name: string;
  host: string;
  version: string;
  labels: readonly string[];
  workerKey: string;
  /** For results that outgrow memory. */
  directory: string;
  clock: LiveClock;
  /** In [0, 1). */
  random: () => number;
  openPool: (listener: PoolListener) => Promise<RunnerPool>;
  log: (level: 'info' | 'warn', message: string, fields?: Record<string, unknown>) => void;
}

export interface Worker {
  readonly id: string;
  /**
   * Takes nothing new, finishes within graceMs or hands back, deregisters. Leaves no process. Idempotent: called again
   * with less time, that holds.
   */
  stop(graceMs: number): Promise<void>;
}

/** What it is made of: simulations bring lines without a network, and results without a disk. */
export interface WorkerParts {
  lines: DispatcherLines;
  results: KeptResults;
  share: typeof shareRoom;
}

export function realParts({ directory }: WorkerOptions): WorkerParts {
  return { lines: overZeroMq, results: new KeptResults(new DiskOverflow(directory)), share: shareRoom };
}
