// Which server has which shard: of one server, of a master that sentinels know, of a Cluster.
import type { Connection, Phase } from './connection.ts';

export interface Layout {
  /** Resolves after the first attempt, with '' or why this can never be the store. */
  open(): Promise<string>;
  /** The connection to the server that has it; undefined where nobody knows one. */
  of(shard: number): Connection | undefined;
  all(): Connection[];
  /** What is known where `of` knows nothing: since when, and why. */
  nowhere(): Extract<Phase, { is: 'away' }>;
  /** Something may have moved; `said` = what a server answered to an act on the shard. Returns at once. */
  look(shard?: number, said?: string): void;
  /** The server has ended subscriptions that were made there. Returns at once. */
  deafened(connection: Connection): void;
  /** The server that has the shard is being replaced: what replicas confirm to it may be forgotten all the same. */
  isReplaced(shard: number): boolean;
  /** '' or why a server that moves would not be followed. */
  trouble(): string;
  close(): void;
}
