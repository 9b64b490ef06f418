// Reading tasks: records, states, ends, arguments; and the pin.
import type { TaskState } from '@mpcsfaas/contract';
import type { AttemptNote, ErrorInfo } from '../../../lifecycle/outcome.ts';
import { hasHistory, mayHaveHistory } from '../../history.ts';
import { endOf, hasEnded, stateOf } from '../../state-code.ts';
import type { EndedTask, TaskProgress, TaskRecord } from '../../store.ts';
import { END_PREFIX_BYTES, errorSpan, readEnd, readError } from '../end-bytes.ts';
import { readRecord } from '../record.ts';
import type { StoredRecord } from '../record.ts';
import { eachIn, recordsIn } from '../shards.ts';
import type { Shards } from '../shards.ts';

interface Addressed {
  id: string;
  shard: number;
  prefix: string;
}

function addressed(shards: Shards, tenant: string, id: string): Addressed {
  const shard = shards.shardOf(id);
  return { id, shard, prefix: shards.prefix(shard, tenant) };
}

export async function taskRecords(
  shards: Shards,
  tenant: string,
  ids: readonly string[],
): Promise<(TaskRecord | undefined)[]> {
  const records = await recordsIn(shards, tenant, ids);
  return Promise.all(
    ids.map(async (id, i) => {
      const bytes = records[i] ?? null;
      return bytes === null ? undefined : taskRecord(shards, tenant, addressed(shards, tenant, id), bytes);
    }),
  );
}

async function taskRecord(
  shards: Shards,
  tenant: string,
  { id, shard, prefix }: Addressed,
  bytes: Buffer,
): Promise<TaskRecord> {
  const {
    lane: _lane,
    packed: _packed,
    args: _args,
    tail,
    state: code,
    ...record
  } = readRecord(shards.headers, tenant, id, bytes);
  const notes = mayHaveHistory(stateOf(code), record.attempt)
    ? await shards.read(shard, (redis) => redis.lrangeBuffer(`${prefix}h:${id}`, 0, -1))
    : [];
  const state = stateOf(code);
  const end = hasEnded(code) ? await ending(shards, shard, `${prefix}e:${id}`, tail) : undefined;
  return {
    ...record,
    state,
    dueAt: state === 'DELAYED' ? record.dueAt : 0,
    worker: end?.worker ?? (state === 'RUNNING' ? tail.toString() : ''),
    error: end?.error ?? null,
    history: notes.map(readNote),
  };
}

/** Worker and error of an end, without its result: of the one in the record, or of a large one's first bytes. */
async function ending(
  shards: Shards,
  shard: number,
  key: string,
  inside: Buffer,
): Promise<{ worker: string; error: ErrorInfo | null } | undefined> {
  const prefix =
    inside.length > 0
      ? inside
      : await shards.read(shard, (redis) => redis.getrangeBuffer(key, 0, END_PREFIX_BYTES - 1));
  if (prefix.length === 0) return undefined;
  const { worker, from, to } = errorSpan(prefix);
  const bytes =
    to <= prefix.length
      ? prefix.subarray(from, to)
      : await shards.read(shard, (redis) => redis.getrangeBuffer(key, from, to - 1));
  return { worker, error: readError(bytes) };
}

// attempt u32, at u48, worker NUL reason NUL message
const NOTE_PREFIX = 10;

function readNote(bytes: Buffer): AttemptNote {
  const [worker = '', reason = '', ...message] = bytes.toString('utf8', NOTE_PREFIX).split('\0');
  return { attempt: bytes.readUInt32LE(0), at: bytes.readUIntLE(4, 6), worker, reason, message: message.join('\0') };
}

export async function taskStates(
  shards: Shards,
  tenant: string,
  ids: readonly string[],
): Promise<(TaskState | undefined)[]> {
  const heads = await eachIn(shards, ids, (redis, shard, these) => {
    const prefix = `${shards.prefix(shard, tenant)}t:`;
    return Promise.all(these.map((id) => redis.getrangeBuffer(prefix + id, 0, 0)));
  });
  return heads.map((head) => (head.length === 0 ? undefined : stateOf(head[0]!)));
}

export async function taskProgress(
  shards: Shards,
  tenant: string,
  ids: readonly string[],
): Promise<(TaskProgress | undefined)[]> {
  const records = await recordsIn(shards, tenant, ids);
  return Promise.all(
    ids.map(async (id, i) => {
      const bytes = records[i] ?? null;
      if (bytes === null) return undefined;
      if (!hasEnded(bytes[0]!)) return { is: 'open', state: stateOf(bytes[0]!) };
      const record = readRecord(shards.headers, tenant, id, bytes);
      if (record.tail.length > 0) return { is: 'ended', end: endedTask(id, record, record.tail) };
      const { shard, prefix } = addressed(shards, tenant, id);
      const end = await shards.carry(shard, (redis) => redis.getBuffer(`${prefix}e:${id}`));
      return end === null ? undefined : { is: 'ended', end: endedTask(id, record, end) };
    }),
  );
}

function endedTask(id: string, { state, kind, endedAt, attempt, spec }: StoredRecord, end: Buffer): EndedTask {
  const { error, result } = readEnd(end);
  const { result_as: resultAs, runtime } = spec;
  const told = { id, state: endOf(state), kind, error, result, resultAs, runtime, endedAt };
  return { ...told, hasHistory: hasHistory(told.state, kind, attempt) };
}

export async function taskArgs(shards: Shards, tenant: string, id: string): Promise<Buffer | undefined> {
  const { shard, prefix } = addressed(shards, tenant, id);
  const record = await shards.read(shard, (redis) => redis.getBuffer(`${prefix}t:${id}`));
  if (record === null) return undefined;
  const { args } = readRecord(shards.headers, tenant, id, record);
  return args ?? (await shards.carry(shard, (redis) => redis.getBuffer(`${prefix}a:${id}`))) ?? undefined;
}

export async function pinTask(shards: Shards, tenant: string, id: string, pinned: boolean): Promise<boolean> {
  return (await shards.act('pin', shards.shardOf(id), tenant, [id, pinned ? 1 : 0], true)) === 1;
}
