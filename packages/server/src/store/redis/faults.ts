// What is done about each error of Redis and of the connection to it: the one table of all retries.
// Every act is idempotent by token or id, so that an act may be repeated whenever its answer was lost.

/**
 * `again`: wait a moment; `moving`: until it is there (the server to which a key is going is not asked); `look`: where is the shard now?; `reconnect`: on a new connection, wherever the server is; `load`:
 * after the library; `refuse`: no use repeating.
 */
export type Remedy = 'again' | 'moving' | 'look' | 'reconnect' | 'load' | 'refuse';

interface Row {
  /** What the error's message begins with. */
  begins: string;
  remedy: Remedy;
  sentence: string;
}

const AWAY = 'Redis cannot be reached.';

const TABLE: readonly Row[] = [
  { begins: 'ERR Function not found', remedy: 'load', sentence: 'Redis does not keep the functions it is given.' },
  { begins: 'LOADING', remedy: 'again', sentence: 'Redis is loading its data.' },
  { begins: 'BUSY', remedy: 'again', sentence: 'Redis is busy with a script that runs too long.' },
  { begins: 'TRYAGAIN', remedy: 'moving', sentence: 'The Redis Cluster is moving this shard.' },
  { begins: 'ASK', remedy: 'moving', sentence: 'The Redis Cluster is moving this shard.' },
  { begins: 'MOVED', remedy: 'look', sentence: 'The Redis Cluster has moved this shard.' },
  { begins: 'CLUSTERDOWN', remedy: 'look', sentence: 'The Redis Cluster is down.' },
  { begins: 'MASTERDOWN', remedy: 'look', sentence: 'This Redis is a replica whose master is down.' },
  { begins: 'READONLY', remedy: 'reconnect', sentence: 'This Redis is a read-only replica.' },
  { begins: 'UNBLOCKED', remedy: 'reconnect', sentence: 'This Redis has become a replica.' },
  // After the act: it is done, and repeated at the new master, which may know nothing of it.
  { begins: 'ERR WAIT cannot be used with replica', remedy: 'reconnect', sentence: 'This Redis has become a replica.' },
  { begins: 'Command timed out', remedy: 'reconnect', sentence: 'Redis does not answer.' },
  { begins: 'Connection is closed', remedy: 'again', sentence: AWAY },
  { begins: "Stream isn't writeable", remedy: 'again', sentence: AWAY },
  { begins: 'Reached the max retries per request', remedy: 'again', sentence: AWAY },
  { begins: 'connect ', remedy: 'again', sentence: AWAY },
  { begins: 'read E', remedy: 'again', sentence: AWAY },
  { begins: 'write E', remedy: 'again', sentence: AWAY },
  {
    begins: 'OOM',
    remedy: 'refuse',
    sentence: 'Redis has reached its maxmemory; raise it, or wait until results have expired.',
  },
  {
    begins: 'MISCONF',
    remedy: 'refuse',
    sentence: 'Redis refuses to write because it cannot save to its disk; see its log.',
  },
  { begins: 'NOREPLICAS', remedy: 'refuse', sentence: 'Redis has fewer replicas than its min-replicas-to-write.' },
  { begins: 'NOAUTH', remedy: 'refuse', sentence: 'Redis asks for a password; put it into the store’s URL.' },
  { begins: 'WRONGPASS', remedy: 'refuse', sentence: 'Redis refuses the user name or password of the store’s URL.' },
  {
    begins: 'NOPERM',
    remedy: 'refuse',
    sentence: 'The Redis user may not run the commands that are needed; give it +@all on keys {s*.',
  },
];

/** What to do about an error, or undefined where it is a bug of ours. */
export function remedyFor(fault: unknown): Row | undefined {
  if (!(fault instanceof Error)) return undefined;
  return TABLE.find((row) => fault.message.startsWith(row.begins));
}

/** The server refuses who we say we are, or what that user may do. */
export function isAboutCredentials(fault: unknown): boolean {
  return fault instanceof Error && /^(NOAUTH|WRONGPASS|NOPERM)/.test(fault.message);
}
