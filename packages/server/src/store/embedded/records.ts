// Reading tasks: records, states, ends, arguments; and the pin that keeps an ended one.
import type { FailureKind, TaskState } from '@mpcsfaas/contract';
import type { AttemptNote, ErrorInfo } from '../../lifecycle/outcome.ts';
import { specOf, unpackTaskHeader } from '../../lifecycle/spec.ts';
import type { TaskSpec } from '../../lifecycle/spec.ts';
import { hasHistory } from '../history.ts';
import { RESULT_LOST } from '../platform-error.ts';
import { endOf, hasEnded, stateOf } from '../state-code.ts';
import type { TaskProgress, TaskRecord } from '../store.ts';
import type { Database } from './database.ts';
import type { LateEnds } from './late-ends.ts';
import type { PayloadFiles } from './payload-files.ts';
import { argumentsOf, resultOf } from './payloads.ts';
import type { Act } from './turn.ts';

interface RecordRow {
  n: number;
  state: number;
  attempt: number;
  losses: number;
  abandonments: number;
  retries: number;
  submitted_at: number;
  claimed_at: number;
  started_at: number;
  ended_at: number;
  due_at: number;
  worker: string;
  kind: FailureKind | '';
  pinned: number;
  args_bytes: number;
  result_bytes: number;
  header: Uint8Array;
  error: string;
  notes: string | null;
}

const RECORD = `SELECT task.n, state, attempt, losses, abandonments, retries, submitted_at, claimed_at, started_at, ended_at, due_at,
  worker, kind, pinned, args_bytes, result_bytes, ifnull(task.header, payload.header) AS header,
  ifnull(ending.error, task.error) AS error, history.notes
  FROM task LEFT JOIN payload ON payload.n = task.n LEFT JOIN ending ON ending.n = task.n LEFT JOIN history ON history.n = task.n
  WHERE tenant = ? AND id = ?`;

export function taskRecords(db: Database, tenant: string, ids: readonly string[]): (TaskRecord | undefined)[] {
  return ids.map((id) => recordOf(db, tenant, id));
}

function recordOf(db: Database, tenant: string, id: string): TaskRecord | undefined {
  const row = db.get<RecordRow>(RECORD, tenant, id);
  if (row === undefined) return undefined;
  return {
    spec: specOf(id, unpackTaskHeader(row.header)),
    state: stateOf(row.state),
    attempt: row.attempt,
    losses: row.losses,
    abandonments: row.abandonments,
    retries: row.retries,
    submittedAt: row.submitted_at,
    claimedAt: row.claimed_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    dueAt: stateOf(row.state) === 'DELAYED' ? row.due_at : 0,
    worker: row.worker,
    kind: row.kind,
    error: errorFrom(row.error),
    history: row.notes === null ? [] : (JSON.parse(row.notes) as AttemptNote[]),
    pinned: row.pinned === 1,
    argsBytes: row.args_bytes,
    resultBytes: row.result_bytes,
  };
}

function errorFrom(text: string): ErrorInfo | null {
  return text === '' ? null : (JSON.parse(text) as ErrorInfo);
}

export function taskStates(db: Database, tenant: string, ids: readonly string[]): (TaskState | undefined)[] {
  return ids.map((id) => {
    const row = db.get<{ state: number }>('SELECT state FROM task WHERE tenant = ? AND id = ?', tenant, id);
    return row === undefined ? undefined : stateOf(row.state);
  });
}

type EndRow = readonly [
  n: number,
  state: number,
  attempt: number,
  kind: FailureKind | '',
  endedAt: number,
  runtime: TaskSpec['runtime'],
  resultAs: TaskSpec['result_as'],
  error: string,
  json: Uint8Array | null,
  pickle: Uint8Array | null,
];

const END =
  'SELECT n, state, attempt, kind, ended_at, runtime, result_as, error, json, pickle FROM task WHERE tenant = ? AND id = ?';

interface Ending {
  error: string;
  json: Uint8Array | null;
  pickle: Uint8Array | null;
}

export function taskProgress(
  db: Database,
  late: LateEnds,
  files: PayloadFiles,
  tenant: string,
  ids: readonly string[],
): (TaskProgress | undefined)[] {
  return ids.map((id) => {
    const end = late.take(tenant, id);
    return end === undefined ? progressOf(db, files, tenant, id) : { is: 'ended', end };
  });
}

function progressOf(db: Database, files: PayloadFiles, tenant: string, id: string): TaskProgress | undefined {
  const row = db.firstColumns(END, tenant, id) as EndRow | undefined;
  if (row === undefined) return undefined;
  const [n, code, attempt, kind, endedAt, runtime, resultAs, ...inRow] = row;
  if (!hasEnded(code)) return { is: 'open', state: stateOf(code) };
  const { error, json, pickle } = endingOf(db, n, inRow);
  const result = resultOf(db, files, n, { json, pickle });
  const about = { id, resultAs, runtime, endedAt };
  if (result === undefined) {
    const lost = { state: 'FAILED', kind: 'lost', error: RESULT_LOST, result: {}, hasHistory: false } as const;
    return { is: 'ended', end: { ...about, ...lost } };
  }
  const state = endOf(code);
  const end = { ...about, state, kind, error: errorFrom(error), result };
  return { is: 'ended', end: { ...end, hasHistory: hasHistory(state, kind, attempt) } };
}

/** What is not in the task's row is in one of its own. */
function endingOf(
  db: Database,
  n: number,
  [error, json, pickle]: readonly [string, Uint8Array | null, Uint8Array | null],
): Ending {
  const inRow = { error, json, pickle };
  if (error !== '' || json !== null || pickle !== null) return inRow;
  return db.get<Ending>('SELECT error, json, pickle FROM ending WHERE n = ?', n) ?? inRow;
}

export function taskArgs(db: Database, files: PayloadFiles, tenant: string, id: string): Buffer | undefined {
  const row = db.get<{ n: number; args_bytes: number; args: Uint8Array }>(
    `SELECT task.n, args_bytes, ifnull(task.args, payload.args) AS args
      FROM task LEFT JOIN payload ON payload.n = task.n WHERE tenant = ? AND id = ?`,
    tenant,
    id,
  );
  return row && argumentsOf(db, files, row.n, row.args, row.args_bytes);
}

/** Unpinned, an ended task has the rest of its retention left, if any. */
export function pinTask(act: Act, tenant: string, id: string, pinned: boolean): boolean {
  act.doubt(id);
  act.fresh.clear();
  act.committed(() => {
    const row = act.running.row(tenant, id);
    if (row !== undefined) row.pinned = pinned ? 1 : 0;
  });
  const changed = act.db.run(
    `UPDATE task SET pinned = ?, delete_at = CASE WHEN ? = 1 OR ended_at = 0 THEN 0 ELSE ended_at + ttl END
      WHERE tenant = ? AND id = ?`,
    pinned ? 1 : 0,
    pinned ? 1 : 0,
    tenant,
    id,
  );
  return changed > 0;
}
