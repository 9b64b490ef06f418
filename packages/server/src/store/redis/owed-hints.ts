// Announcements that wait for replicas: told once those have what they tell of, in the order in which they arose. What too few
// have confirmed stays owed, and is told with the next confirmed write of its shard on the same server, for that one comes after
// it. Of what another server has forgotten nothing is told: whoever waits reads again.
import type { Redis } from 'ioredis';
import { tagOf } from './tags.ts';

/** Messages kept a shard: hints may be lost, memory may not. */
const MOST = 1000;

/** Which server a link leads to now. */
export function serverOf({ options: { host, port } }: Redis): string {
  return `${host}:${port}`;
}

interface Hint {
  /** On which it arose. */
  server: string;
  channel: string;
  message: Buffer;
}

export class OwedHints {
  readonly #isCluster: boolean;
  readonly #owed = new Map<number, Hint[]>();

  constructor(isCluster: boolean) {
    this.#isCluster = isCluster;
  }

  /** `told` = channel, message, channel, message … */
  owe(shard: number, server: string, told: readonly Buffer[]): void {
    if (told.length === 0) return;
    const owed = this.#owed.get(shard) ?? [];
    for (let i = 0; i < told.length; i += 2) owed.push({ server, channel: told[i]!.toString(), message: told[i + 1]! });
    this.#owed.set(shard, owed.slice(-MOST));
  }

  owes(shard: number): boolean {
    return (this.#owed.get(shard)?.length ?? 0) > 0;
  }

  /** Tells what is owed of this server, or those of it that `may` be told. */
  async pay(shard: number, redis: Redis, may: (channel: string) => boolean = () => true): Promise<void> {
    const here = serverOf(redis);
    const owed = this.#owed.get(shard)?.filter(({ server }) => server === here);
    if (owed === undefined) return;
    const { due = [], kept = [] } = Object.groupBy(owed, ({ channel }) => (may(channel) ? 'due' : 'kept'));
    this.#owed.set(shard, kept);
    await Promise.all(
      due.map(({ channel, message }) =>
        this.#isCluster ? redis.spublish(`${tagOf(shard)}:${channel}`, message) : redis.publish(channel, message),
      ),
    );
  }
}
