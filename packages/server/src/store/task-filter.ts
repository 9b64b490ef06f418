// Which tasks a listing shows, and where in the order of ids (the order of time) it may begin and end.
import type { TaskFilter } from './store.ts';

/** The clocks of services differ from the store's by less than this, ms: ids carry the former, filters mean the latter. */
const CLOCK_SLACK_MS = 3_600_000;
/** After every id. */
const AFTER_ALL = 'g';

/** What a filter looks at besides the group, which has an index of its own. */
export interface Candidate {
  state: number;
  submittedAt: number;
  functionId: string;
  tags: readonly string[];
}

/** `states` = filter.states as numbers. */
export function matches(filter: TaskFilter, states: ReadonlySet<number> | undefined, task: Candidate): boolean {
  return (
    (states === undefined || states.has(task.state)) &&
    (filter.functionId === undefined || task.functionId === filter.functionId) &&
    (filter.tag === undefined || task.tags.includes(filter.tag)) &&
    (filter.since === undefined || task.submittedAt >= filter.since) &&
    (filter.until === undefined || task.submittedAt < filter.until)
  );
}

/** Ids below this one may match: the cursor, or the first page's start. */
export function jumpTo(filter: TaskFilter, cursor: string): string {
  if (cursor !== '') return cursor;
  return filter.until === undefined ? AFTER_ALL : idAt(filter.until + CLOCK_SLACK_MS);
}

/** Ids below this one cannot match. */
export function stopAt(filter: TaskFilter): string {
  return filter.since === undefined ? '' : idAt(filter.since - CLOCK_SLACK_MS);
}

function idAt(ms: number): string {
  const hex = Math.max(0, Math.trunc(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
