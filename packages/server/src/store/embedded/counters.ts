// Counters and depths: kept in memory, so that reading costs nothing, and written with the transaction that changed them.
// What the tables say anyway is counted anew when the file is opened, and not written.
import { STATE_CODE } from '../state-code.ts';
import type { Database } from './database.ts';

/** The queue's order goes on from here after a start: so many numbers are kept ahead, and one write is enough for them. */
const SEQUENCE_AHEAD = 1024;

const SUBMITTED = 'submitted';
const RUNNING = 'state:RUNNING';
const EVENT = 'event';
const IS_IN_TABLES = new Set([SUBMITTED, RUNNING, EVENT]);

interface Counter {
  readonly tenant: string;
  readonly name: string;
  value: number;
  /** What the file says. */
  stored: number;
  isDirty: boolean;
}

/**
 * Names: `submitted`, `ended:<end>`, `requeued:<cause>`, `state:<STATE>`, `bytes`, `waiting:<lane>`; of tenant '' `sequence`
 * and `event`, the number of the last event.
 */
export class Counters {
  readonly #db: Database;
  #tenants = new Map<string, Map<string, Counter>>();
  #dirty: Counter[] = [];

  constructor(db: Database) {
    this.#db = db;
    this.reload();
  }

  get(tenant: string, name: string): number {
    return this.#tenants.get(tenant)?.get(name)?.value ?? 0;
  }

  /** All of a tenant's counters whose name starts with `prefix`, under the rest of the name; zeros are left out. */
  under(tenant: string, prefix: string): [name: string, value: number][] {
    const found: [string, number][] = [];
    for (const { name, value } of this.#tenants.get(tenant)?.values() ?? []) {
      if (value !== 0 && name.startsWith(prefix)) found.push([name.slice(prefix.length), value]);
    }
    return found;
  }

  add(tenant: string, name: string, delta: number): void {
    const counter = this.#named(tenant, name);
    counter.value += delta;
    if (counter.isDirty) return;
    counter.isDirty = true;
    this.#dirty.push(counter);
  }

  /** Inside the transaction, before COMMIT. A lane's counter goes with its last waiting task. */
  write(): void {
    for (const counter of this.#dirty) {
      counter.isDirty = false;
      const { tenant, name, value, stored } = counter;
      const isGone = value === 0 && name.startsWith('waiting:');
      if (isGone) this.#tenants.get(tenant)?.delete(name);
      if (value === stored || IS_IN_TABLES.has(name)) continue;
      if (isGone) this.#db.run('DELETE FROM counter WHERE tenant = ? AND name = ?', tenant, name);
      else if (name !== 'sequence') this.#store(counter, value);
      else if (value > stored) this.#store(counter, value + SEQUENCE_AHEAD);
    }
    this.#dirty = [];
  }

  #store(counter: Counter, value: number): void {
    const { tenant, name } = counter;
    this.#db.run('INSERT OR REPLACE INTO counter (tenant, name, value) VALUES (?, ?, ?)', tenant, name, value);
    counter.stored = value;
  }

  /** At the start, and after a ROLLBACK: memory says what the file says. */
  reload(): void {
    this.#dirty = [];
    this.#tenants = new Map();
    for (const { tenant, name, value } of this.#db.all<Stored>('SELECT tenant, name, value FROM counter')) {
      this.#set(tenant, name, value);
    }
    const running = `SELECT tenant, count(*) AS value FROM task WHERE state = ${STATE_CODE.RUNNING} GROUP BY tenant`;
    for (const { tenant, value } of this.#db.all<Omit<Stored, 'name'>>(running)) this.#set(tenant, RUNNING, value);
    // What was taken in is waiting, running, or has been counted as ended.
    for (const tenant of this.#tenants.keys()) {
      const taken = [...this.under(tenant, 'state:'), ...this.under(tenant, 'ended:')];
      if (taken.length > 0) {
        const sum = taken.reduce((all, [, value]) => all + value, 0);
        this.#set(tenant, SUBMITTED, sum);
      }
    }
    const { newest } = this.#db.get<{ newest: number | null }>('SELECT max(n) AS newest FROM event')!;
    // An earlier version wrote the number down, and may have left no event.
    if (newest !== null) this.#set('', EVENT, newest);
  }

  #set(tenant: string, name: string, value: number): void {
    const counter = this.#named(tenant, name);
    counter.value = value;
    counter.stored = value;
  }

  #named(tenant: string, name: string): Counter {
    let counters = this.#tenants.get(tenant);
    if (counters === undefined) this.#tenants.set(tenant, (counters = new Map<string, Counter>()));
    let counter = counters.get(name);
    if (counter === undefined) {
      counter = { tenant, name, value: 0, stored: 0, isDirty: false };
      counters.set(name, counter);
    }
    return counter;
  }
}

interface Stored {
  tenant: string;
  name: string;
  value: number;
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

let last = { lane: '', name: 'waiting:' };

/** The name of a lane's counter. Most ask for the same one as the last: a new string is hashed anew. */
export function waitingIn(lane: string): string {
  if (last.lane !== lane) last = { lane, name: `waiting:${lane}` };
  return last.name;
}
