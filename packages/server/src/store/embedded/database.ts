// The SQLite file: opened once, its directory locked for this process, statements prepared once, faults told apart.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { StoreUnavailable } from '../store.ts';
import { makePrivate } from './private-file.ts';
import { MIGRATIONS, SCHEMA, SCHEMA_VERSION } from './schema.ts';

type Row = Record<string, unknown>;
/** A row as an array: its columns by place, at two thirds of the price of an object. */
export type Columns = readonly SQLOutputValue[];

/**
 * Pages in the log (4 KiB each) before they go into the file. Every task changes the same few pages, and a checkpoint writes
 * each of them once, however often it changed: SQLite's own 1,000 are 40 tasks, and the checkpoints half of a COMMIT.
 */
const CHECKPOINT_PAGES = 8192;

/** A COMMIT after a page of an index was split looks at every page in the cache; what is not in it the kernel has. */
const CACHE_KIB = 16_384;

/** The one door to node:sqlite. Synchronous; the caller decides what runs in which transaction. */
export class Database {
  readonly #db: DatabaseSync;
  readonly #lock: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #columnar = new Map<string, StatementSync>();

  constructor(dataDir: string, sync: 'normal' | 'full') {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    this.#lock = lockDirectory(dataDir);
    let opened: DatabaseSync | undefined;
    try {
      makePrivate(join(dataDir, 'store.db'), ['-wal']);
      this.#db = opened = new DatabaseSync(join(dataDir, 'store.db'));
      // Exclusive, as nobody else may open it: no shared memory, and no system calls for locks around each transaction.
      this.#db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
        PRAGMA synchronous = ${sync === 'full' ? 'FULL' : 'NORMAL'}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
        PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;`);
      this.#migrate(dataDir);
    } catch (fault) {
      opened?.close();
      this.#lock.close();
      throw openingFault(join(dataDir, 'store.db'), fault);
    }
  }

  #migrate(dataDir: string): void {
    const version = Number(this.#db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > SCHEMA_VERSION) {
      throw new Error(
        `The data directory ${dataDir} was written by a newer mpcsfaas; run that version or a new directory.`,
      );
    }
    if (version === 0) this.#db.exec(`BEGIN; ${SCHEMA}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
    const missing = Object.entries(MIGRATIONS).filter(([from]) => version > 0 && version <= Number(from));
    if (missing.length === 0) return;
    const changes = missing.map(([, change]) => change).join('\n');
    this.#db.exec(`BEGIN; ${changes} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  }

  /**
   * Planned once, if it says `LIMIT 0 + ?` and not `LIMIT ?`: SQLite looks at the value of that when it plans, and plans anew
   * whenever one is bound, be it the same (60 µs for a record's columns).
   */
  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Runs a statement for its effect; answers how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  // The caller names the columns it selected: SQL cannot be checked here.
  /* eslint-disable @typescript-eslint/no-unnecessary-type-parameters */
  get<T = Row>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#prepared(sql).get(...values) as T | undefined;
  }

  all<T = Row>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#prepared(sql).all(...values) as T[];
  }

  /* eslint-enable @typescript-eslint/no-unnecessary-type-parameters */

  /** Rows as arrays, for what is read once a task. */
  columns(sql: string, ...values: SQLInputValue[]): Columns[] {
    return this.#preparedForColumns(sql).all(...values) as unknown as Columns[];
  }

  firstColumns(sql: string, ...values: SQLInputValue[]): Columns | undefined {
    return this.#preparedForColumns(sql).get(...values) as unknown as Columns | undefined;
  }

  #preparedForColumns(sql: string): StatementSync {
    let statement = this.#columnar.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      statement.setReturnArrays(true);
      this.#columnar.set(sql, statement);
    }
    return statement;
  }

  get inTransaction(): boolean {
    return this.#db.isTransaction;
  }

  /** Idempotent. The kernel drops the lock with the process, however that ends. */
  close(): void {
    if (!this.#db.isOpen) return;
    this.#db.close();
    this.#lock.close();
  }
}

/** An EXCLUSIVE transaction held for life on a file of its own: a kernel lock, the one kind Node can hold. */
function lockDirectory(dataDir: string): DatabaseSync {
  const file = join(dataDir, 'lock.db');
  let lock: DatabaseSync | undefined;
  try {
    makePrivate(file);
    lock = new DatabaseSync(file, { timeout: 0 });
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (fault) {
    lock?.close();
    if (sqliteCode(fault) !== SQLITE_BUSY) throw openingFault(file, fault);
    throw new Error(
      `The data directory ${dataDir} is in use by another mpcsfaas process: stop that one, or give this one a directory of its own with --data-dir.`,
      { cause: fault },
    );
  }
}

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const FULL = 'The disk of the data directory is full; free some space.';

/** What a person is told of faults that lie outside this program. Any other fault is a bug and stays what it is. */
const OUTSIDE_FAULTS: Record<number, string> = {
  [SQLITE_BUSY]: 'The store file is locked by another program; close it.',
  7: 'The store ran out of memory.',
  8: 'The store file is read-only; check the permissions of the data directory.',
  10: 'The disk of the data directory answers with an input/output error.',
  [SQLITE_FULL]: FULL,
  14: 'The store file cannot be opened; check the data directory and the limit of open files.',
};

/** Why a file of the data directory cannot be opened, in one sentence; what is no fault of SQLite's stays as it is. */
function openingFault(file: string, fault: unknown): unknown {
  const code = sqliteCode(fault);
  if (code === undefined) return fault;
  const reason =
    code === 11 || code === 26
      ? 'it is damaged, or no file of ours'
      : code === 8
        ? 'it is read-only'
        : code === SQLITE_FULL
          ? 'the disk is full'
          : (fault as Error).message;
  return new Error(
    `The file ${file} cannot be opened (${reason}): put it right, or name another directory with --data-dir.`,
    { cause: fault },
  );
}

function sqliteCode(fault: unknown): number | undefined {
  if (!(fault instanceof Error) || !('errcode' in fault) || typeof fault.errcode !== 'number') return undefined;
  return fault.errcode & 0xff;
}

/** What SQLite says of a full disk, before it is asked. */
export function full(): StoreUnavailable {
  return new StoreUnavailable(FULL);
}

export function isFull(fault: unknown): boolean {
  return sqliteCode(fault) === SQLITE_FULL;
}

/** The fault as StoreUnavailable where it lies outside this program, else undefined. */
export function outsideFault(fault: unknown): StoreUnavailable | undefined {
  const sentence = OUTSIDE_FAULTS[sqliteCode(fault) ?? -1];
  return sentence === undefined ? undefined : new StoreUnavailable(sentence, { cause: fault });
}
