// Functions: immutable versions under names. Deleting removes the record; the bytes stay for tasks that need them.
import { newId } from '../../lifecycle/ids.ts';
import { isSameFunction, parseRef, recordOf } from '../function-ref.ts';
import type { FunctionRecord, NewFunction } from '../functions.ts';
import { dropReferences, keepCode } from './code.ts';
import type { Database } from './database.ts';
import type { Act } from './turn.ts';

const NEWEST =
  'SELECT record FROM function WHERE tenant = ? AND name = ? AND version > 0 ORDER BY version DESC LIMIT 1';

export function registerFunction(act: Act, tenant: string, fn: NewFunction): { fn: FunctionRecord; created: boolean } {
  const newest = fn.classic ? undefined : parsed(act.db.get(NEWEST, tenant, fn.name));
  if (newest !== undefined && isSameFunction(newest, fn)) return { fn: newest, created: false };
  const record = recordOf(fn, newId(act.now, 0), fn.classic ? 0 : nextVersion(act, tenant, fn.name), act.now);
  act.db.run(
    'INSERT INTO function (tenant, id, name, version, digest, record) VALUES (?, ?, ?, ?, ?, ?)',
    tenant,
    record.id,
    record.name,
    record.version,
    record.digest,
    JSON.stringify(record),
  );
  keepCode(act, tenant, fn.digest, fn.code);
  return { fn: record, created: true };
}

/** Numbers of deleted versions are not given again. */
function nextVersion(act: Act, tenant: string, name: string): number {
  return act.db.get<{ newest: number }>(
    `INSERT INTO function_version (tenant, name, newest) VALUES (?, ?, 1)
      ON CONFLICT (tenant, name) DO UPDATE SET newest = newest + 1 RETURNING newest`,
    tenant,
    name,
  )!.newest;
}

function parsed(row: { record?: unknown } | undefined): FunctionRecord | undefined {
  return row === undefined ? undefined : (JSON.parse(row.record as string) as FunctionRecord);
}

export function findFunction(db: Database, tenant: string, text: string): FunctionRecord | undefined {
  const ref = parseRef(text);
  switch (ref.by) {
    case 'id':
      return parsed(db.get('SELECT record FROM function WHERE tenant = ? AND id = ?', tenant, ref.id));
    case 'name':
      return parsed(db.get(NEWEST, tenant, ref.name));
    case 'version':
      return parsed(
        db.get(
          'SELECT record FROM function WHERE tenant = ? AND name = ? AND version = ?',
          tenant,
          ref.name,
          ref.version,
        ),
      );
  }
}

/** The cursor is the number of the last one shown. */
export function listFunctions(
  db: Database,
  tenant: string,
  limit: number,
  cursor: string,
): { items: FunctionRecord[]; nextCursor: string } {
  const rows = db.all<{ n: number; record: string }>(
    'SELECT n, record FROM function WHERE tenant = ? AND n < ? ORDER BY n DESC LIMIT 0 + ?',
    tenant,
    cursor === '' ? Number.MAX_SAFE_INTEGER : Number.parseInt(cursor, 10) || 0,
    limit,
  );
  return {
    items: rows.map((row) => JSON.parse(row.record) as FunctionRecord),
    nextCursor: rows.length < limit ? '' : String(rows.at(-1)!.n),
  };
}

export function deleteFunction(act: Act, tenant: string, text: string): number {
  const ref = parseRef(text);
  const rows =
    ref.by === 'name'
      ? act.db.all<{ n: number; digest: string }>(
          'SELECT n, digest FROM function WHERE tenant = ? AND name = ? AND version > 0',
          tenant,
          ref.name,
        )
      : oneVersion(act.db, tenant, text);
  for (const { n, digest } of rows) {
    act.db.run('DELETE FROM function WHERE n = ?', n);
    dropReferences(act, tenant, digest, 1);
  }
  return rows.length;
}

function oneVersion(db: Database, tenant: string, text: string): { n: number; digest: string }[] {
  const record = findFunction(db, tenant, text);
  if (record === undefined) return [];
  return db.all<{ n: number; digest: string }>(
    'SELECT n, digest FROM function WHERE tenant = ? AND id = ?',
    tenant,
    record.id,
  );
}
