// Order in the queue: higher priority first, then first in, first out.

/** Room for 2^43 tasks a shard; (200 · 2^43) + 2^43 stays exact in a double. */
const BAND = 2 ** 43;

/** The score of a task: lower goes first. `priority` −100 … 100, `sequence` the shard's counter. */
export function scoreOf(priority: number, sequence: number): number {
  return (100 - priority) * BAND + sequence;
}
