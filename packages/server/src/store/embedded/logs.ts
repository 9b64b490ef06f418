// What calls printed: appended while they run, replaced by the whole at settle.
import type { LogChunk, TaskLogs } from '../../lifecycle/outcome.ts';
import type { LogLimits } from '../store.ts';
import { addChunks, emptyLogs, packLogs, unpackLogs } from '../stream-log.ts';
import { hasEnded } from '../state-code.ts';
import { asBuffer } from './payloads.ts';
import type { Database } from './database.ts';
import type { Act } from './turn.ts';

export interface LogEntry {
  id: string;
  attempt: number;
  chunks: readonly LogChunk[];
}

/** Output of another attempt than the current one, or of a task that has ended, comes too late and is dropped. */
export function appendLogs(act: Act, tenant: string, entries: readonly LogEntry[], limits: LogLimits): void {
  for (const { id, attempt, chunks } of entries) {
    const row = act.db.get<{ n: number; attempt: number; state: number }>(
      'SELECT n, attempt, state FROM task WHERE tenant = ? AND id = ?',
      tenant,
      id,
    );
    if (row === undefined || row.attempt !== attempt || hasEnded(row.state)) continue;
    const kept = keptLogs(act.db, row.n);
    const before = kept?.attempt === attempt ? kept.logs : emptyLogs();
    const bytes = packLogs(attempt, addChunks(before, chunks, limits));
    act.db.run('INSERT OR REPLACE INTO log (n, bytes) VALUES (?, ?)', row.n, bytes);
  }
}

function keptLogs(db: Database, n: number): { attempt: number; logs: TaskLogs } | undefined {
  const row = db.get<{ bytes: Uint8Array }>('SELECT bytes FROM log WHERE n = ?', n);
  return row === undefined ? undefined : unpackLogs(asBuffer(row.bytes));
}

export function taskLogs(db: Database, tenant: string, id: string): { attempt: number; logs: TaskLogs } | undefined {
  const row = db.get<{ n: number }>('SELECT n FROM task WHERE tenant = ? AND id = ?', tenant, id);
  return row === undefined ? undefined : keptLogs(db, row.n);
}
