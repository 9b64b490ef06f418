// claim: the best waiting tasks of several lanes, in one order (S2, S7).
import { newToken } from '../../lifecycle/ids.ts';
import { specOf } from '../../lifecycle/spec.ts';
import type { TaskSpec } from '../../lifecycle/spec.ts';
import { ARGUMENTS_LOST, EXPIRED } from '../platform-error.ts';
import { startWithinMs } from '../rules.ts';
import { STATE_CODE } from '../state-code.ts';
import type { Claim, ClaimedTask, LaneQuota } from '../store.ts';
import { CLAIM_BYTES, SWEEP_ENTRIES } from '../timing.ts';
import { waitingIn } from './counters.ts';
import { TASK_COLUMNS, taskRowOf } from './row.ts';
import { endTask, platformEnding, startAttempt } from './task-row.ts';
import type { TaskRow } from './row.ts';
import { argumentsOf, asBuffer } from './payloads.ts';
import type { Act } from './turn.ts';

/** More than this of somebody else's bytes is not held by a call. (Node's pool of small buffers has 64 KiB a piece.) */
const MOST_SHARED_BYTES = Buffer.poolSize;

export function claim(
  act: Act,
  tenant: string,
  claimer: string,
  lanes: readonly LaneQuota[],
  max: number,
  monoMs: number,
): Claim {
  const handed: { score: number; task: ClaimedTask }[] = [];
  const quotas = new Map(lanes.map(({ lane, max: quota }) => [lane, quota]));
  // This act takes out of a lane what it takes out of the fresh part of it, so that all stays all.
  const isFresh = (lane: string): boolean => act.fresh.isAll(tenant, lane, act.counter(tenant, waitingIn(lane)));
  const fresh = new Set([...quotas.keys()].filter(isFresh));
  if (fresh.size < quotas.size) act.arrivals.flush();
  let ended = 0;
  let bytes = 0;
  // A round ends what has expired and hands out the rest; another one fills the gaps that leaves.
  for (;;) {
    const waiting = bestOf(act, tenant, quotas, max - handed.length, fresh);
    const before = ended;
    for (const candidate of waiting) {
      const { row } = candidate;
      if (row.expires_at > 0 && row.expires_at <= act.now) {
        endTask(act, row, platformEnding(row, 'expire', 'FAILED', 'expired', EXPIRED));
        ended += 1;
        continue;
      }
      bytes += row.args_bytes;
      if (bytes > CLAIM_BYTES && handed.length > 0) return { tasks: inOrder(handed), more: true, owes: false };
      const payload = candidate.args === undefined ? payloadOf(act, row) : candidate;
      if (payload === undefined) {
        endTask(act, row, platformEnding(row, 'expire', 'FAILED', 'lost', ARGUMENTS_LOST));
        ended += 1;
        continue;
      }
      handed.push({ score: row.score, task: handOut(act, row, payload, claimer, monoMs) });
      quotas.set(row.lane, quotas.get(row.lane)! - 1);
    }
    if (ended === before || ended >= SWEEP_ENTRIES)
      return { tasks: inOrder(handed), more: (max > 0 && handed.length >= max) || ended > before, owes: false };
  }
}

/** A gap that was filled later may hold a better task than those before it. */
function inOrder(handed: { score: number; task: ClaimedTask }[]): ClaimedTask[] {
  return handed.sort((a, b) => a.score - b.score).map(({ task }) => task);
}

/** A waiting task, and its payload where that is in memory or in the task's row. */
type Candidate = { row: TaskRow } & (Payload | { args?: undefined });

function bestOf(
  act: Act,
  tenant: string,
  quotas: ReadonlyMap<string, number>,
  max: number,
  fresh: ReadonlySet<string>,
): Candidate[] {
  const candidates: Candidate[] = [];
  for (const [lane, quota] of quotas) {
    const limit = Math.min(quota, max);
    if (limit <= 0) continue;
    const first = fresh.has(lane) ? act.fresh.first(tenant, lane, limit) : firstRows(act, tenant, lane, limit);
    for (const candidate of first) candidates.push(candidate);
  }
  return candidates.sort((a, b) => a.row.score - b.row.score).slice(0, Math.max(0, max));
}

function firstRows(act: Act, tenant: string, lane: string, limit: number): Candidate[] {
  const sql = `SELECT ${TASK_COLUMNS}, header, args FROM task WHERE tenant = ? AND lane = ? AND state = ${STATE_CODE.QUEUED} ORDER BY score LIMIT 0 + ?`;
  return act.db.columns(sql, tenant, lane, limit).map((columns) => {
    const row = taskRowOf(columns);
    const [packed, args] = columns.slice(-2) as [Uint8Array | null, Uint8Array | null];
    return packed === null || args === null ? { row } : { row, packed: asBuffer(packed), args: asBuffer(args) };
  });
}

function handOut(act: Act, row: TaskRow, payload: Payload, claimer: string, monoMs: number): ClaimedTask {
  const token = newToken();
  startAttempt(act, row, claimer, token);
  act.committed(() => act.running.hold(row.tenant, row.id, monoMs, row));
  return {
    fence: { id: row.id, attempt: row.attempt, token },
    ...aboutOf(act, row.id, payload),
    lane: row.lane,
    args: ofItsOwn(payload.args),
    losses: row.losses,
    retries: row.retries,
    startWithinMs: startWithinMs(row, act.now),
  };
}

function aboutOf(act: Act, id: string, payload: Payload): Pick<ClaimedTask, 'spec' | 'packed'> {
  // Tasks that share a header share its bytes, be they from memory or read.
  const { header, packed } = act.headers.read(payload.packed);
  return { spec: payload.spec ?? specOf(id, header), packed };
}

/** Views of a larger body hold all of it for as long as the call runs. */
function ofItsOwn(args: Buffer): Buffer {
  return args.buffer.byteLength > 2 * args.length + MOST_SHARED_BYTES ? Buffer.from(args) : args;
}

interface Payload {
  /** Where it need not be read from the header. */
  spec?: TaskSpec;
  packed: Buffer;
  args: Buffer;
}

/** Undefined where the arguments are lost. */
function payloadOf(act: Act, { n, args_bytes: bytes }: TaskRow): Payload | undefined {
  const [packed, inRow] = act.db.firstColumns('SELECT header, args FROM payload WHERE n = ?', n) as PayloadRow;
  const args = argumentsOf(act.db, act.files, n, inRow, bytes);
  return args && { packed: asBuffer(packed), args };
}

type PayloadRow = readonly [header: Uint8Array, args: Uint8Array];
