// renew and release: what the current holder of an attempt may do besides ending it.
import type { Fence } from '../../../lifecycle/fence.ts';
import type { Release, Renewal } from '../../store.ts';
import { noted } from '../../history.ts';
import { cutWorker } from '../end-bytes.ts';
import { scattered } from '../shards.ts';
import type { Argument, Reply, Shards } from '../shards.ts';

/** A task's id and its fence. */
function fenceArguments(fence: Fence): Argument[] {
  const bytes = Buffer.alloc(FENCE);
  writeFence(bytes, 0, fence);
  return [fence.id, bytes];
}

/** As the record has it: attempt u32, token. An attempt that no record can hold is none's. Answers where it ends. */
export function writeFence(bytes: Buffer, at: number, { attempt, token }: Fence): number {
  const isKnown = Number.isInteger(attempt) && attempt > 0 && attempt <= MOST;
  bytes.writeUInt32LE(isKnown ? attempt : 0, at);
  bytes.write(token, at + ATTEMPT, FENCE - ATTEMPT, 'hex');
  return at + FENCE;
}

const ATTEMPT = 4;
const FENCE = ATTEMPT + 8;
const MOST = 0xffffffff;

/** A note as the history holds it, without attempt and time, which the script adds. */
export function noteArgument(worker: string, reason: string, message: string): string {
  return `${worker}\0${reason}\0${noted(message)}`;
}

/** What a worker says of its clock, as the 48 bits that a record has for it. */
export function asTime(ms: number): number {
  return ms > 0 ? Math.min(Math.trunc(ms), 2 ** 48 - 1) : 0;
}

const FENCE_BYTES = 64;

export function renew(
  shards: Shards,
  leaseMs: number,
  tenant: string,
  renewals: readonly Renewal[],
): Promise<boolean[]> {
  return scattered(
    shards,
    renewals,
    ({ fence }) => fence.id,
    ({ worker }) => FENCE_BYTES + worker.length,
    async (shard, piece) => {
      const args = piece.flatMap(({ fence, worker, startedAt }) => [
        ...fenceArguments(fence),
        cutWorker(worker),
        asTime(startedAt),
      ]);
      return flags(await shards.act('renew', shard, tenant, [leaseMs, ...args], false));
    },
  );
}

export function release(shards: Shards, tenant: string, releases: readonly Release[]): Promise<boolean[]> {
  return scattered(
    shards,
    releases,
    ({ fence }) => fence.id,
    ({ worker, message }) => FENCE_BYTES + worker.length + message.length,
    async (shard, piece) => {
      const args = piece.flatMap(({ fence, worker, reason, message, startedAt = 0 }) => [
        ...fenceArguments(fence),
        noteArgument(worker, reason, message),
        asTime(startedAt),
      ]);
      return flags(await shards.act('release', shard, tenant, args, false));
    },
  );
}

function flags(reply: Reply): boolean[] {
  return (reply as number[]).map((flag) => flag === 1);
}
