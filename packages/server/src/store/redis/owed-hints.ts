// Announcements that wait for replicas: told once those have what they tell of, in the order in which they arose. What too few
// have confirmed stays owed, and is told with the next confirmed write of its shard, for that one comes after it.
import type { Redis } from 'ioredis';
import { tagOf } from './tags.ts';

/** Messages kept a shard: hints may be lost, memory may not. */
const MOST = 1000;

interface Hint {
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
  owe(shard: number, told: readonly Buffer[]): void {
    if (told.length === 0) return;
    const owed = this.#owed.get(shard) ?? [];
    for (let i = 0; i < told.length; i += 2) owed.push({ channel: told[i]!.toString(), message: told[i + 1]! });
    this.#owed.set(shard, owed.slice(-MOST));
  }

  owes(shard: number): boolean {
    return (this.#owed.get(shard)?.length ?? 0) > 0;
  }

  /** Tells what is owed, or those of it that `may` be told. */
  async pay(shard: number, redis: Redis, may: (channel: string) => boolean = () => true): Promise<void> {
    const owed = this.#owed.get(shard);
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
