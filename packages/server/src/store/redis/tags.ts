// The hash tags of shards: what decides in a Cluster where keys and channels are.

export function tagOf(shard: number): string {
  return `{s${shard}}`;
}

/** Facts of the installation, in the first shard. */
export const FACTS_KEY = `${tagOf(0)}:facts`;
