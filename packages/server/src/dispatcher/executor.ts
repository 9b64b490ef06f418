// "Run this somewhere": the one interface behind which local, pull and push stand. The loops know nothing else.
import type { Fence } from '../lifecycle/fence.ts';
import type { LogChunk } from '../lifecycle/outcome.ts';
import type { RuntimeSnapshot } from '../lifecycle/runtime.ts';
import type { ClaimedTask, DispatchMode, Renewal, WorkerSnapshot } from '../store/index.ts';
import type { Ending } from '../tasks/ending.ts';

/** What one worker could be given now. */
export interface Offer {
  runtimes: readonly RuntimeSnapshot[];
  labels: readonly string[];
  slots: number;
  /** Slots that would start a call at once. */
  free: number;
  /** Calls it may be given in all: free slots plus prefetch. */
  credits: number;
  /** Calls it has, running and waiting. */
  held: number;
}

/** A token that a worker says it holds and this dispatcher does not know. */
export interface FoundAttempt {
  fence: Fence;
  worker: string;
  startedAt: number;
}

/** What must be known of an attempt to end it. */
export type AdoptedAttempt = Pick<ClaimedTask, 'spec' | 'retries'>;

/** Undefined: it is not current any more. Unsure: that cannot be told now, for the store is away. */
export type Adoption = AdoptedAttempt | 'unsure' | undefined;

export interface ExecutorEvents {
  /** Attempts ended (each exactly once, unless dropped before). */
  ended(endings: Ending[]): void;
  /** Somebody can take more. */
  capacity(): void;
  /** A worker came, went, or changed what it can run. */
  fleet(): void;
  /** A running call printed. */
  printed(id: string, attempt: number, chunk: LogChunk): void;
  /** The bytes of a function, undefined where they are gone. Rejects where the store is away: ask again. */
  code(digest: string): Promise<Buffer | undefined>;
  /** Which of these are still current? They are this dispatcher's now. */
  adopt(found: FoundAttempt[]): Promise<Adoption[]>;
  /** Something worth a line in the log. */
  note(level: 'info' | 'warn', message: string, fields?: Record<string, unknown>): void;
}

export interface Executor {
  readonly mode: DispatchMode;
  /** Where workers connect; '' for local. */
  readonly address: string;
  /** How many attempts are here: given, running, or ended and not settled yet. */
  readonly attempts: number;
  offers(): Offer[];
  /** Takes claimed tasks. One that fits nobody any more comes back through `ended` as released. */
  hand(tasks: readonly ClaimedTask[]): void;
  /** Attempts that a worker named within the last three seconds: these, and no others, have their leases renewed. */
  named(): Renewal[];
  /** These attempts are not ours any more: drop or kill them; no ending follows. */
  drop(tokens: readonly string[]): void;
  /** These tasks were canceled: drop or kill whatever attempt of them is here. */
  dropTasks(ids: readonly string[]): void;
  /** These endings are in the store (or refused for good): their holder may forget them. */
  settled(tokens: readonly string[]): void;
  workers(): WorkerSnapshot[];
  /** Takes nothing new; hands back what has not started; lets the rest finish within graceMs. Idempotent: called again with less time, that holds. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}
