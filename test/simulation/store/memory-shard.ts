// The server of one shard, in memory: every tenant's queue and functions, and what belongs to the installation.
import type { ApiKeyRecord, DispatcherSnapshot } from '../../../packages/server/src/store/fleet.ts';
import type { Rules } from '../../../packages/server/src/store/rules.ts';
import type { Hint, SweepReport } from '../../../packages/server/src/store/store.ts';
import { MemoryFunctions } from './memory-functions.ts';
import { MemoryQueue, type QueuePhotograph, type Watcher } from './memory-queue.ts';

export interface ShardOptions {
  rules: Rules;
  leaseMs: number;
  /** The store's time, Unix ms. */
  now: () => number;
  publish: (hint: Hint) => void;
  watcher: Watcher;
}

export class MemoryShard {
  readonly #options: ShardOptions;
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #functions = new Map<string, MemoryFunctions>();
  readonly dispatchers = new Map<string, { until: number; snapshot: DispatcherSnapshot }>();
  readonly keys = new Map<string, ApiKeyRecord>();
  readonly facts = new Map<string, string>();
  #sequence = 0;

  constructor(options: ShardOptions) {
    this.#options = options;
  }

  now(): number {
    return this.#options.now();
  }

  queue(tenant: string): MemoryQueue {
    let queue = this.#queues.get(tenant);
    if (queue === undefined) {
      const { rules, leaseMs, now, publish, watcher } = this.#options;
      queue = new MemoryQueue({
        rules,
        leaseMs,
        now,
        publish,
        watcher,
        sequence: () => (this.#sequence += 1),
        refer: (digest, by) => this.functions(tenant).refer(digest, by, now()),
      });
      this.#queues.set(tenant, queue);
    }
    return queue;
  }

  sweep(tenant: string, letBe: string): SweepReport {
    this.functions(tenant).reap(this.now() - this.#options.leaseMs);
    return this.queue(tenant).sweep(letBe);
  }

  queues(): Iterable<MemoryQueue> {
    return this.#queues.values();
  }

  functions(tenant: string): MemoryFunctions {
    let functions = this.#functions.get(tenant);
    if (functions === undefined) this.#functions.set(tenant, (functions = new MemoryFunctions()));
    return functions;
  }

  /** The queues as they are now. What belongs to the installation does not change in a simulation. */
  photograph(): ShardPhotograph {
    const queues = [...this.#queues].map(([tenant, queue]): [string, QueuePhotograph] => [tenant, queue.photograph()]);
    return { queues, sequence: this.#sequence };
  }

  restore({ queues, sequence }: ShardPhotograph): void {
    for (const [tenant, photograph] of queues) this.queue(tenant).restore(photograph);
    this.#sequence = sequence;
  }
}

export interface ShardPhotograph {
  queues: [string, QueuePhotograph][];
  sequence: number;
}
