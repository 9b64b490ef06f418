// A task's row as the acts see it, and the only statements that change a task's state (the table of moves is checked here).
import { HISTORY_KEPT } from '@mpcsfaas/contract/words';
import type { FailureKind, TaskState } from '@mpcsfaas/contract';
import { isLegal } from '../../lifecycle/moves.ts';
import type { Act as MoveName } from '../../lifecycle/moves.ts';
import type { AttemptNote, ErrorInfo, ResultForms } from '../../lifecycle/outcome.ts';
import { ABANDONED, ABANDONED_ONCE, LEASE_RAN_OUT } from '../platform-error.ts';
import { filledForms } from '../result-forms.ts';
import { RULES } from '../rules.ts';
import { hasHistory, noted } from '../history.ts';
import { STATE_CODE, stateOf } from '../state-code.ts';
import type { EndedTask } from '../store.ts';
import { RIDE_ALONG_BYTES } from '../timing.ts';
import { waitingIn } from './counters.ts';
import { IN_ROW_BYTES, putPayload } from './payloads.ts';
import { TASK_COLUMNS } from './row.ts';
import type { TaskRow } from './row.ts';
import type { Act } from './turn.ts';

export function taskRow(act: Act, tenant: string, id: string): TaskRow | undefined {
  return act.db.get<TaskRow>(`SELECT ${TASK_COLUMNS} FROM task WHERE tenant = ? AND id = ?`, tenant, id);
}

/** Names that are made once: a new string is hashed anew. */
const STATE_COUNTER = {
  QUEUED: 'state:QUEUED',
  DELAYED: 'state:DELAYED',
  BLOCKED: 'state:BLOCKED',
  RUNNING: 'state:RUNNING',
} as const;

/** Counts a task into (+1) or out of (−1) a state. */
export function countState(
  act: Act,
  row: Pick<TaskRow, 'tenant' | 'lane' | 'args_bytes'>,
  state: TaskState,
  by: 1 | -1,
): void {
  if (state === 'COMPLETED' || state === 'FAILED' || state === 'CANCELED') return;
  act.count(row.tenant, STATE_COUNTER[state], by);
  if (state !== 'RUNNING') act.count(row.tenant, 'bytes', by * row.args_bytes);
  if (state === 'QUEUED') act.count(row.tenant, waitingIn(row.lane), by);
}

function leave(act: Act, row: TaskRow, move: MoveName, to: TaskState): void {
  const from = stateOf(row.state);
  if (move !== 'claim') act.arrivals.flush();
  if (!isLegal(from, move, to)) throw new Error(`Illegal move: ${move} takes no task from ${from} to ${to}.`);
  countState(act, row, from, -1);
  countState(act, row, to, 1);
  if (from === 'QUEUED') act.fresh.drop(row);
  if (from === 'RUNNING') {
    act.doubt(row.id);
    act.committed(() => act.running.drop(row.tenant, row.id));
  }
}

/** QUEUED → RUNNING under a new fence (S2); `row` becomes what the table holds. */
export function startAttempt(act: Act, row: TaskRow, claimer: string, token: string): void {
  const { attempt } = RULES.claimed(row, token);
  leave(act, row, 'claim', 'RUNNING');
  row.state = STATE_CODE.RUNNING;
  row.attempt = attempt;
  row.token = token;
  row.worker = '';
  row.started_at = 0;
  if (act.arrivals.insertClaimed(row.n, claimer, act.now)) return;
  act.db.run(
    `UPDATE task SET state = ${STATE_CODE.RUNNING}, attempt = ?, token = ?, claimer = ?, worker = '', claimed_at = ?, started_at = 0
      WHERE n = ?`,
    attempt,
    token,
    claimer,
    act.now,
    row.n,
  );
}

/** How a task goes back to wait: its counters as they are now, and where it waits. */
export interface Requeue {
  move: MoveName;
  to: 'QUEUED' | 'DELAYED';
  score: number;
  dueAt: number;
  losses: number;
  abandonments: number;
  retries: number;
}

/** Where it waits and what it counts as the row says. */
export function unchanged(row: TaskRow): Pick<Requeue, 'score' | 'dueAt' | 'losses' | 'abandonments' | 'retries'> {
  const { score, losses, abandonments, retries } = row;
  return { score, dueAt: 0, losses, abandonments, retries };
}

/** Back to the queue, its fence void. */
export function putBack(act: Act, row: TaskRow, requeue: Requeue): void {
  leave(act, row, requeue.move, requeue.to);
  act.db.run(
    `UPDATE task SET state = ?, token = '', claimer = '', worker = '', claimed_at = 0, started_at = 0,
      score = ?, due_at = ?, losses = ?, abandonments = ?, retries = ?, expires_at = ? WHERE n = ?`,
    STATE_CODE[requeue.to],
    requeue.score,
    requeue.dueAt,
    requeue.losses,
    requeue.abandonments,
    requeue.retries,
    RULES.mayExpire(requeue, row.started_at) ? row.expires_at : 0,
    row.n,
  );
  if (requeue.to === 'QUEUED') act.announceWork(row.lane);
}

/** How a task ends. `token` is kept where an attempt made the end, so that its repeat is known as a duplicate (S4). */
export interface Ending {
  move: MoveName;
  state: 'COMPLETED' | 'FAILED' | 'CANCELED';
  kind: FailureKind | '';
  error: ErrorInfo | null;
  result: ResultForms;
  token: string;
  worker: string;
  startedAt: number;
  losses: number;
  abandonments: number;
}

/** An end that no attempt made: what the row says stays. */
export function platformEnding(
  row: TaskRow,
  move: MoveName,
  state: 'FAILED' | 'CANCELED',
  kind: FailureKind,
  error: ErrorInfo,
): Ending {
  const { worker, losses, abandonments } = row;
  const token = RULES.tokenOfPlatformEnd(row);
  return { move, state, kind, error, result: {}, token, worker, startedAt: row.started_at, losses, abandonments };
}

export function endTask(act: Act, row: TaskRow, ending: Ending): void {
  leave(act, row, ending.move, ending.state);
  const result = filledForms(ending.result);
  const { json, pickle } = result;
  const resultBytes = (json?.length ?? 0) + (pickle?.length ?? 0);
  const error = ending.error === null ? '' : JSON.stringify(ending.error);
  const endBytes = resultBytes + Buffer.byteLength(error);
  const isSmall = endBytes <= IN_ROW_BYTES;
  act.db.run(
    `UPDATE task SET state = ?, kind = ?, token = ?, claimer = '', worker = ?, started_at = ?, ended_at = ?, delete_at = ?,
      losses = ?, abandonments = ?, result_bytes = ?, error = ?, json = ?, pickle = ? WHERE n = ?`,
    STATE_CODE[ending.state],
    ending.kind,
    ending.token,
    ending.worker,
    ending.startedAt,
    act.now,
    row.pinned === 1 ? 0 : act.now + row.ttl,
    ending.losses,
    ending.abandonments,
    resultBytes,
    isSmall ? error : '',
    isSmall ? (json ?? null) : null,
    isSmall ? (pickle ?? null) : null,
    row.n,
  );
  if (!isSmall) {
    act.db.run(
      'INSERT OR REPLACE INTO ending (n, error, json, pickle) VALUES (?, ?, ?, ?)',
      row.n,
      error,
      json === undefined ? null : putPayload(act, row.n, 'json', json),
      pickle === undefined ? null : putPayload(act, row.n, 'pickle', pickle),
    );
  }
  act.count(row.tenant, `ended:${ending.kind === '' ? 'COMPLETED' : ending.kind}`, 1);
  const end = endedTask(act, row, { ...ending, result });
  act.committed(() => act.late.keep(row.tenant, end, error.length));
  const { id, state, kind, endedAt } = end;
  const told = { id, state, kind, group: row.grp, functionId: row.function_id, endedAt };
  act.announceEnd(row.tenant, endBytes > RIDE_ALONG_BYTES ? told : { ...told, end });
}

function endedTask(act: Act, row: TaskRow, { state, kind, error, result }: Ending): EndedTask {
  return {
    id: row.id,
    state,
    kind,
    error,
    result,
    resultAs: row.result_as,
    runtime: row.runtime,
    endedAt: act.now,
    hasHistory: hasHistory(state, kind, row.attempt),
  };
}

/** Adds to a task's history; the oldest notes go first. */
export function addNote(act: Act, row: TaskRow, note: Omit<AttemptNote, 'attempt' | 'at'>): void {
  const kept = act.db.get<{ notes: string }>('SELECT notes FROM history WHERE n = ?', row.n);
  const notes = kept === undefined ? [] : (JSON.parse(kept.notes) as AttemptNote[]);
  notes.push({ attempt: row.attempt, at: act.now, ...note, message: noted(note.message) });
  const newest = JSON.stringify(notes.slice(-HISTORY_KEPT));
  act.db.run('INSERT OR REPLACE INTO history (n, notes) VALUES (?, ?)', row.n, newest);
}

/** The holder of a RUNNING task is gone without a word: back to the queue, or the end after too often. */
export function abandonTask(act: Act, row: TaskRow): void {
  const { is, losses, abandonments, retries } = RULES.abandoned(row);
  addNote(act, row, { worker: row.worker, reason: 'abandoned', message: LEASE_RAN_OUT });
  if (is === 'over') {
    const error = row.once === 1 ? ABANDONED_ONCE : ABANDONED;
    endTask(act, row, { ...platformEnding(row, 'expire', 'FAILED', 'lost', error), abandonments });
    return;
  }
  putBack(act, row, { ...unchanged(row), move: 'expire', to: 'QUEUED', losses, abandonments, retries });
  act.count(row.tenant, 'requeued:abandoned', 1);
}
