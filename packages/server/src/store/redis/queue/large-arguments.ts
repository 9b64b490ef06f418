// Arguments that do not ride along in a claim's answer: they are read outside of any script, on the link for large bytes.
import type { ClaimedTask } from '../../store.ts';
import type { Shards } from '../shards.ts';
import { renew } from './hold.ts';

export const NOTHING = Buffer.alloc(0);

/**
 * Reads the arguments of those that came without; answers those whose arguments could not be read, and why. Leases are renewed meanwhile, of
 * what was claimed `before` as well: that may take longer than they last.
 */
export async function readLarge(
  shards: Shards,
  shard: number,
  leaseMs: number,
  tenant: string,
  tasks: readonly ClaimedTask[],
  absent: readonly ClaimedTask[],
  before: readonly ClaimedTask[],
): Promise<Map<ClaimedTask, Error>> {
  const unread = new Map<ClaimedTask, Error>();
  if (absent.length === 0) return unread;
  const renewals = [...before, ...tasks].map(({ fence }) => ({ fence, worker: '', startedAt: 0 }));
  const keeping = setInterval(
    () => void renew(shards, leaseMs, tenant, renewals).catch(() => undefined),
    leaseMs / RENEWALS_A_LEASE,
  );
  const prefix = shards.prefix(shard, tenant);
  const reads = absent.map(async (task) => {
    const read = shards.carry(shard, (redis) => redis.getBuffer(`${prefix}a:${task.fence.id}`));
    await read.then(
      (args) => (task.args = args ?? NOTHING),
      (fault: unknown) => unread.set(task, fault as Error),
    );
  });
  await Promise.all(reads).finally(() => clearInterval(keeping));
  return unread;
}

const RENEWALS_A_LEASE = 4;
