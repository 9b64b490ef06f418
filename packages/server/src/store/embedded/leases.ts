// Leases of this incarnation, on the monotonic clock. They live in memory only: a lease is void with the process that
// gave it, and a renewal costs no write. Equal lengths and re-insertion keep the map ordered by end.

export class Leases {
  readonly #until = new Map<string, number>();
  readonly #lengthMs: number;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** Starts or extends the lease of a task (`tenant/id`) at `monoMs`. */
  hold(key: string, monoMs: number): void {
    this.#until.delete(key);
    this.#until.set(key, monoMs + this.#lengthMs);
  }

  drop(key: string): void {
    this.#until.delete(key);
  }

  /** Up to `max` tasks of a tenant whose lease has run out, longest ago first. */
  ranOut(tenant: string, monoMs: number, max: number): string[] {
    const keys: string[] = [];
    for (const [key, until] of this.#until) {
      if (until > monoMs || keys.length >= max) break;
      if (key.startsWith(`${tenant}/`)) keys.push(key);
    }
    return keys;
  }
}
