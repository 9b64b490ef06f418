// The server of one shard, in memory: every tenant's queue and functions, and what belongs to the installation.
import type { Act } from '../../../packages/server/src/lifecycle/moves.ts';
import type { TaskState } from '@mpcsfaas/contract';
import type { ApiKeyRecord, DispatcherSnapshot } from '../../../packages/server/src/store/fleet.ts';
import type { Rules } from '../../../packages/server/src/store/rules.ts';
import type { Hint } from '../../../packages/server/src/store/store.ts';
import { MemoryFunctions } from './memory-functions.ts';
import { MemoryQueue, type QueuePhotograph } from './memory-queue.ts';
import type { MemoryTask } from './memory-task.ts';

export interface ShardOptions {
  rules: Rules;
  leaseMs: number;
  /** The store's time, Unix ms. */
  now: () => number;
  publish: (hint: Hint) => void;
  moved: (task: MemoryTask, act: Act, from: TaskState) => void;
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
      const { rules, leaseMs, now, publish, moved } = this.#options;
      queue = new MemoryQueue({
        rules,
        leaseMs,
        now,
        publish,
        moved,
        sequence: () => (this.#sequence += 1),
        refer: (digest, by) => this.functions(tenant).refer(digest, by),
      });
      this.#queues.set(tenant, queue);
    }
    return queue;
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
