// The fleet's reports, API keys and facts of the installation.
import type { ApiKeyRecord, DispatcherSnapshot } from '../fleet.ts';
import type { Database } from './database.ts';
import type { Act } from './turn.ts';

export function report(act: Act, snapshot: DispatcherSnapshot, ttlMs: number): void {
  act.db.run(
    'INSERT OR REPLACE INTO dispatcher (id, until, snapshot) VALUES (?, ?, ?)',
    snapshot.id,
    Math.trunc(act.now + ttlMs),
    JSON.stringify(snapshot),
  );
}

export function retract(act: Act, id: string): void {
  act.db.run('DELETE FROM dispatcher WHERE id = ?', id);
}

export function fleet(db: Database, now: number): DispatcherSnapshot[] {
  const rows = db.all<{ snapshot: string }>('SELECT snapshot FROM dispatcher WHERE until > ? ORDER BY id', now);
  return rows.map((row) => JSON.parse(row.snapshot) as DispatcherSnapshot);
}

export function putKey(act: Act, key: ApiKeyRecord): void {
  act.db.run('INSERT OR REPLACE INTO api_key (id, record) VALUES (?, ?)', key.id, JSON.stringify(key));
}

export function listKeys(db: Database): ApiKeyRecord[] {
  return db
    .all<{ record: string }>('SELECT record FROM api_key ORDER BY id')
    .map((row) => JSON.parse(row.record) as ApiKeyRecord);
}

export function deleteKey(act: Act, id: string): boolean {
  return act.db.run('DELETE FROM api_key WHERE id = ?', id) > 0;
}

export function fact(act: Act, name: string, value: string): string {
  act.db.run('INSERT OR IGNORE INTO fact (name, value) VALUES (?, ?)', name, value);
  return act.db.get<{ value: string }>('SELECT value FROM fact WHERE name = ?', name)!.value;
}
