// renew and release: what the current holder of an attempt may do besides ending it.
import type { Fence } from '../../../lifecycle/fence.ts';
import type { Release, Renewal } from '../../store.ts';
import { scattered } from '../shards.ts';
import type { Argument, Reply, Shards } from '../shards.ts';

/** A fence as the scripts compare it. */
export function fenceArguments({ id, attempt, token }: Fence): Argument[] {
  return [id, attempt, Buffer.from(token, 'hex')];
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
        worker,
        Math.trunc(startedAt),
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
      const args = piece.flatMap(({ fence, worker, reason, message }) => [
        ...fenceArguments(fence),
        worker,
        reason,
        message,
      ]);
      return flags(await shards.act('release', shard, tenant, args, false));
    },
  );
}

function flags(reply: Reply): boolean[] {
  return (reply as number[]).map((flag) => flag === 1);
}
