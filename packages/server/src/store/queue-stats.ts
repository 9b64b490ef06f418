// The counters of a queue, from the flat names under which both stores keep them.
import type { LaneDepth, QueueStats } from './store.ts';

/** Names: `submitted`, `bytes`, `ended:<end>`, `requeued:<cause>`, `state:<STATE>`; others are left aside. */
export function statsFrom(counters: Iterable<readonly [name: string, value: number]>, lanes: LaneDepth[]): QueueStats {
  const stats: QueueStats = {
    submitted: 0,
    ended: {},
    requeued: {},
    states: { QUEUED: 0, DELAYED: 0, BLOCKED: 0, RUNNING: 0 },
    queuedBytes: 0,
    lanes,
  };
  for (const [name, value] of counters) {
    const [group = '', member = ''] = name.split(':', 2);
    if (group === 'submitted') stats.submitted += value;
    else if (group === 'bytes') stats.queuedBytes += value;
    else if (group === 'ended') stats.ended[member] = (stats.ended[member] ?? 0) + value;
    else if (group === 'requeued') stats.requeued[member] = (stats.requeued[member] ?? 0) + value;
    else if (group === 'state' && member in stats.states) stats.states[member as keyof QueueStats['states']] += value;
  }
  return stats;
}
