// How much waits, how long, and what has been counted.
import { scoreOf } from '../../lifecycle/order.ts';
import type { LaneDepth, QueueStats } from '../store.ts';
import { statsFrom } from '../queue-stats.ts';
import type { Counters } from './counters.ts';
import type { Database } from './database.ts';

export function laneDepths(db: Database, counters: Counters, tenant: string): LaneDepth[] {
  return counters
    .under(tenant, 'waiting:')
    .map(([lane, waiting]) => ({ lane, waiting, oldestAt: oldestIn(db, tenant, lane) }));
}

/** The first of each priority waits longest of its priority; so one look a priority in use finds the oldest of all. */
function oldestIn(db: Database, tenant: string, lane: string): number {
  let oldest = Infinity;
  let from = 0;
  for (;;) {
    const row = db.get<{ priority: number; submitted_at: number }>(
      'SELECT priority, submitted_at FROM task WHERE tenant = ? AND lane = ? AND state = 0 AND score >= ? ORDER BY score LIMIT 1',
      tenant,
      lane,
      from,
    );
    if (row === undefined) return oldest === Infinity ? 0 : oldest;
    oldest = Math.min(oldest, row.submitted_at);
    from = scoreOf(row.priority - 1, 0);
  }
}

export function queueStats(db: Database, counters: Counters, tenant: string): QueueStats {
  return statsFrom(counters.under(tenant, ''), laneDepths(db, counters, tenant));
}
