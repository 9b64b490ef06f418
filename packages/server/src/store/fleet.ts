// The fleet at rest: what dispatchers say of themselves and their workers, API keys, and small facts of the installation.
import type { RuntimeSnapshot } from '../lifecycle/runtime.ts';

export type DispatchMode = 'local' | 'pull' | 'push';

export interface WorkerSnapshot {
  id: string;
  mode: DispatchMode;
  host: string;
  pid: number;
  version: string;
  dispatcher: string;
  slots: number;
  busy: number;
  waiting: number;
  credits: number;
  runtimes: RuntimeSnapshot[];
  labels: string[];
  /** 'ready', 'draining', 'lost'. */
  state: 'ready' | 'draining' | 'lost';
  /** Unix ms. */
  registeredAt: number;
  seenAt: number;
}

export interface DispatcherSnapshot {
  id: string;
  mode: DispatchMode;
  host: string;
  pid: number;
  version: string;
  /** ZeroMQ address, '' for local. */
  address: string;
  startedAt: number;
  seenAt: number;
  workers: WorkerSnapshot[];
  /** Sentences on loops that do not come round; absent in what older versions say. */
  troubles?: string[];
  /** Histograms of this process, summed up by /metrics: ms bounds → counts. */
  histograms: Record<string, HistogramSnapshot>;
}

export interface HistogramSnapshot {
  /** Upper bounds in ms; counts has one more (the rest). */
  bounds: number[];
  counts: number[];
  sum: number;
}

export interface ApiKeyRecord {
  id: string;
  /** HMAC-SHA-256 of the key, hex. */
  hash: string;
  name: string;
  tenant: string;
  createdAt: number;
}

export interface FleetStore {
  /** Replaces what this dispatcher said before; forgotten after `ttlMs` without another. */
  report(snapshot: DispatcherSnapshot, ttlMs: number): Promise<void>;
  /** A dispatcher that leaves takes its report with it. */
  retract(dispatcherId: string): Promise<void>;
  fleet(): Promise<DispatcherSnapshot[]>;

  putKey(key: ApiKeyRecord): Promise<void>;
  listKeys(): Promise<ApiKeyRecord[]>;
  deleteKey(id: string): Promise<boolean>;

  /** A fact fixed once: writes `value` where there is none, answers what holds. */
  fact(name: string, value: string): Promise<string>;
}
