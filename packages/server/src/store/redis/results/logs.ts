// What calls printed: read, folded here, written back if nobody else did meanwhile.
import { newToken } from '../../../lifecycle/ids.ts';
import type { LogChunk, TaskLogs } from '../../../lifecycle/outcome.ts';
import type { LogLimits } from '../../store.ts';
import { StoreUnavailable } from '../../store.ts';
import { LOG_PREFIX_BYTES, addChunks, emptyLogs, packLogs, unpackLogs } from '../../stream-log.ts';
import { RIDES_IN_SCRIPT } from '../shards.ts';
import type { Shards } from '../shards.ts';

export interface LogEntry {
  id: string;
  attempt: number;
  chunks: readonly LogChunk[];
}

/** One dispatcher writes a task's output; a second one only around a failover. */
const TRIES = 5;

export async function appendLogs(
  shards: Shards,
  tenant: string,
  entries: readonly LogEntry[],
  limits: LogLimits,
): Promise<void> {
  for (const entry of entries) await append(shards, tenant, entry, limits);
}

async function append(
  shards: Shards,
  tenant: string,
  { id, attempt, chunks }: LogEntry,
  limits: LogLimits,
): Promise<void> {
  const shard = shards.shardOf(id);
  for (let i = 0; i < TRIES; i += 1) {
    const kept = await readLogs(shards, tenant, id);
    const known = kept === null ? undefined : unpackLogs(kept);
    const before = known?.attempt === attempt ? known.logs : emptyLogs();
    const bytes = packLogs(attempt, addChunks(before, chunks, limits));
    const rides = bytes.length <= RIDES_IN_SCRIPT;
    const name = `${id}:${newToken()}`;
    if (!rides) await shards.leave(shard, tenant, name, bytes, false);
    const seen = kept?.subarray(0, LOG_PREFIX_BYTES) ?? '';
    const done = await shards.act('logs', shard, tenant, [id, attempt, seen, rides ? bytes : '', name], false);
    if (done !== 0) return;
  }
  throw new StoreUnavailable('The output of a task is being written by two dispatchers at once.');
}

function readLogs(shards: Shards, tenant: string, id: string): Promise<Buffer | null> {
  const shard = shards.shardOf(id);
  const key = `${shards.prefix(shard, tenant)}l:${id}`;
  return shards.read(shard, (redis) => redis.getBuffer(key));
}

export async function taskLogs(
  shards: Shards,
  tenant: string,
  id: string,
): Promise<{ attempt: number; logs: TaskLogs } | undefined> {
  const bytes = await readLogs(shards, tenant, id);
  return bytes === null ? undefined : unpackLogs(bytes);
}
