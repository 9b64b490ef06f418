// What runs in this incarnation: leases on the monotonic clock, and the rows as they are committed, so that a renewal
// costs no write and an end no read. They live in memory only: a lease is void with the process that gave it. Equal
// lengths and re-insertion keep the map ordered by end.
import type { TaskRow } from './row.ts';

interface Lease {
  until: number;
  /** Undefined where an earlier incarnation claimed it: then it is read. */
  row: TaskRow | undefined;
}

export class Running {
  readonly #leases = new Map<string, Lease>();
  readonly #lengthMs: number;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** Starts the lease of a task (`tenant/id`) at `monoMs`. */
  hold(key: string, monoMs: number, row?: TaskRow): void {
    this.#leases.set(key, { until: monoMs + this.#lengthMs, row });
  }

  /** Begins the lease anew. `worker` and `startedAt` as the record shows them now. */
  extend(key: string, monoMs: number, worker: string, startedAt: number): void {
    const row = this.#leases.get(key)?.row;
    if (row !== undefined) {
      row.worker = worker;
      row.started_at = startedAt;
    }
    this.#leases.delete(key);
    this.hold(key, monoMs, row);
  }

  row(key: string): TaskRow | undefined {
    return this.#leases.get(key)?.row;
  }

  drop(key: string): void {
    this.#leases.delete(key);
  }

  /** Up to `max` tasks of a tenant whose lease has run out, longest ago first. */
  ranOut(tenant: string, monoMs: number, max: number): string[] {
    const keys: string[] = [];
    for (const [key, { until }] of this.#leases) {
      if (until > monoMs || keys.length >= max) break;
      if (key.startsWith(`${tenant}/`)) keys.push(key);
    }
    return keys;
  }
}
