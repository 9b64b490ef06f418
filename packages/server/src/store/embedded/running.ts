// What runs in this incarnation: leases on the monotonic clock, and the rows as they are committed, so that a renewal
// costs no write and an end no read. They live in memory only: a lease is void with the process that gave it. Equal
// lengths and re-insertion keep each tenant's map ordered by end.
import type { TaskRow } from './row.ts';

interface Lease {
  until: number;
  /** Undefined where an earlier incarnation claimed it: then it is read. */
  row: TaskRow | undefined;
}

export class Running {
  /** By tenant, then by id: a name made of both would be a new string to hash at each look. */
  readonly #leases = new Map<string, Map<string, Lease>>();
  readonly #lengthMs: number;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** Starts the lease of a task at `monoMs`. */
  hold(tenant: string, id: string, monoMs: number, row?: TaskRow): void {
    let leases = this.#leases.get(tenant);
    if (leases === undefined) this.#leases.set(tenant, (leases = new Map<string, Lease>()));
    leases.set(id, { until: monoMs + this.#lengthMs, row });
  }

  /** Begins the lease anew. `worker` and `startedAt` as the record shows them now. */
  extend(tenant: string, id: string, monoMs: number, worker: string, startedAt: number): void {
    const row = this.row(tenant, id);
    if (row !== undefined) {
      row.worker = worker;
      row.started_at = startedAt;
    }
    this.drop(tenant, id);
    this.hold(tenant, id, monoMs, row);
  }

  row(tenant: string, id: string): TaskRow | undefined {
    return this.#leases.get(tenant)?.get(id)?.row;
  }

  drop(tenant: string, id: string): void {
    this.#leases.get(tenant)?.delete(id);
  }

  /** Ids of up to `max` tasks of a tenant whose lease has run out, longest ago first. */
  ranOut(tenant: string, monoMs: number, max: number): string[] {
    const ids: string[] = [];
    for (const [id, { until }] of this.#leases.get(tenant) ?? []) {
      if (until > monoMs || ids.length >= max) break;
      ids.push(id);
    }
    return ids;
  }
}
