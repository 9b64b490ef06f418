// Counters and depths: kept in memory, written with the transaction that changed them, so that reading costs nothing.
import type { Database } from './database.ts';

/** Names: `submitted`, `ended:<end>`, `requeued:<cause>`, `state:<STATE>`, `bytes`, `waiting:<lane>`; tenant '' `sequence`. */
export class Counters {
  readonly #db: Database;
  #tenants = new Map<string, Map<string, number>>();
  readonly #dirty = new Map<string, Set<string>>();

  constructor(db: Database) {
    this.#db = db;
    this.reload();
  }

  get(tenant: string, name: string): number {
    return this.#tenants.get(tenant)?.get(name) ?? 0;
  }

  /** All of a tenant's counters whose name starts with `prefix`, under the rest of the name; zeros are left out. */
  under(tenant: string, prefix: string): [name: string, value: number][] {
    const found: [string, number][] = [];
    for (const [name, value] of this.#tenants.get(tenant) ?? []) {
      if (value !== 0 && name.startsWith(prefix)) found.push([name.slice(prefix.length), value]);
    }
    return found;
  }

  add(tenant: string, name: string, delta: number): void {
    let names = this.#tenants.get(tenant);
    if (names === undefined) this.#tenants.set(tenant, (names = new Map<string, number>()));
    names.set(name, (names.get(name) ?? 0) + delta);
    let dirty = this.#dirty.get(tenant);
    if (dirty === undefined) this.#dirty.set(tenant, (dirty = new Set()));
    dirty.add(name);
  }

  /** Inside the transaction, before COMMIT. A lane's counter goes with its last waiting task. */
  write(): void {
    for (const [tenant, names] of this.#dirty) {
      for (const name of names) {
        const value = this.get(tenant, name);
        if (value === 0 && name.startsWith('waiting:')) {
          this.#tenants.get(tenant)?.delete(name);
          this.#db.run('DELETE FROM counter WHERE tenant = ? AND name = ?', tenant, name);
        } else {
          this.#db.run('INSERT OR REPLACE INTO counter (tenant, name, value) VALUES (?, ?, ?)', tenant, name, value);
        }
      }
    }
    this.#dirty.clear();
  }

  /** After a ROLLBACK: memory says again what the file says. */
  reload(): void {
    this.#dirty.clear();
    this.#tenants = new Map();
    const rows = this.#db.all<{ tenant: string; name: string; value: number }>(
      'SELECT tenant, name, value FROM counter',
    );
    for (const row of rows) this.add(row.tenant, row.name, row.value);
    this.#dirty.clear();
  }
}

/** What one act counts, before it has succeeded. */
export class Sums {
  readonly #tenants = new Map<string, Map<string, number>>();

  add(tenant: string, name: string, delta: number): void {
    let sums = this.#tenants.get(tenant);
    if (sums === undefined) this.#tenants.set(tenant, (sums = new Map<string, number>()));
    sums.set(name, (sums.get(name) ?? 0) + delta);
  }

  addTo(counters: Counters): void {
    for (const [tenant, sums] of this.#tenants) {
      for (const [name, sum] of sums) counters.add(tenant, name, sum);
    }
  }
}

/** The name of a lane's counter. */
export function waitingIn(lane: string): string {
  return `waiting:${lane}`;
}
