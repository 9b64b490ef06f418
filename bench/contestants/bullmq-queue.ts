// The queue that the benchmark's BullMQ processes share.
export const QUEUE = 'bench';

/** Options of each of its queues, workers and listeners: the Redis that the bench has started. */
export function connected(): { connection: { url: string; maxRetriesPerRequest: null } } {
  return { connection: { url: process.env['BENCH_REDIS'] ?? '', maxRetriesPerRequest: null } };
}
