// Tasks that were submitted in this transaction and are not in the table yet: one that is claimed in the same transaction is
// written once, as it runs. What reads the table has them written first, and so has the COMMIT.
import { STATE_CODE } from '../state-code.ts';
import type { Submission } from '../store.ts';
import type { Database } from './database.ts';
import type { TaskRow } from './row.ts';

/** A row, and what of it no act asks for. */
export interface Arrival {
  row: TaskRow;
  spec: Submission['spec'];
  header: Buffer | null;
  args: Buffer | null;
  submittedAt: number;
}

const INSERT = `INSERT INTO task (n, tenant, id, state, lane, score, priority, attempt, token, claimer, claimed_at, submitted_at,
  due_at, expires_at, ttl, max_attempts, once, args_bytes, function_id, digest, runtime, result_as, grp, tags, header, args)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING`;

/** Thrown where a task is here already: whether it is has to be known before its submit is answered. */
export class CameBefore extends Error {
  constructor() {
    super('A task with this id is here already.');
  }
}

export class Arrivals {
  readonly #db: Database;
  /** Nothing is put off: a task that is here already is told at once. */
  isAtOnce = false;
  /** By the row's number, in the order of arrival. */
  readonly #waiting = new Map<number, Arrival>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** False where it is known that there is such a task already; else one may turn up later (CameBefore). */
  add(arrival: Arrival): boolean {
    if (this.isAtOnce) return this.#insert(arrival, '', 0);
    this.#waiting.set(arrival.row.n, arrival);
    return true;
  }

  /** Writes the one of number `n` as its row says, claimed. False where it is in the table. @throws CameBefore */
  insertClaimed(n: number, claimer: string, now: number): boolean {
    const arrival = this.#waiting.get(n);
    if (arrival === undefined) return false;
    this.#waiting.delete(n);
    if (!this.#insert(arrival, claimer, now)) throw new CameBefore();
    return true;
  }

  /** Writes all that are not in the table. @throws CameBefore */
  flush(): void {
    if (this.#waiting.size === 0) return;
    for (const arrival of this.#waiting.values()) if (!this.#insert(arrival, '', 0)) throw new CameBefore();
    this.#waiting.clear();
  }

  clear(): void {
    this.#waiting.clear();
  }

  #insert({ row, spec, header, args, submittedAt }: Arrival, claimer: string, claimedAt: number): boolean {
    const inserted = this.#db.run(
      INSERT,
      row.n,
      row.tenant,
      row.id,
      row.state,
      row.lane,
      row.score,
      row.priority,
      row.attempt,
      row.token,
      claimer,
      claimedAt,
      submittedAt,
      row.state === STATE_CODE.DELAYED ? spec.not_before : 0,
      row.expires_at,
      row.ttl,
      row.max_attempts,
      row.once,
      row.args_bytes,
      row.function_id,
      row.digest,
      row.runtime,
      row.result_as,
      row.grp,
      spec.tags.length === 0 ? '' : JSON.stringify(spec.tags),
      header,
      args,
    );
    return inserted > 0;
  }
}
