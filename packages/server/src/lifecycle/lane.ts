// A lane: the queue of all tasks with the same demands on a worker. Claims name the lanes they can serve,
// so a task that nobody can run never stands before one that somebody can.
import type { Runtime } from '@mpcsfaas/contract';
import type { TaskSpec } from './spec.ts';

/** What a lane asks of a worker. */
export interface LaneDemand {
  runtime: Runtime;
  /** Python minor version, '' = any. */
  python: string;
  labels: string[];
  /** At-most-once tasks need a free slot, never prefetch. */
  atMostOnce: boolean;
  /** The function came as a pickle: not every Python reads those. */
  pickled: boolean;
}

/** The lane of a spec: `runtime|python version|labels, sorted|once or ''`, and `|pickle` for a function that came so. */
export function laneOf(spec: Pick<TaskSpec, 'runtime' | 'python' | 'labels' | 'at_most_once' | 'form'>): string {
  const labels = spec.labels.length > 1 ? [...spec.labels].sort() : spec.labels;
  return `${spec.runtime}|${spec.python}|${labels.map(encodeURIComponent).join(',')}|${spec.at_most_once ? 'once' : ''}${spec.form === 'pickle' ? '|pickle' : ''}`;
}

/** The reverse of laneOf. */
export function parseLane(lane: string): LaneDemand {
  const [runtime = '', python = '', labels = '', once = '', form = ''] = lane.split('|');
  return {
    runtime: runtime as Runtime,
    python,
    labels: labels === '' ? [] : labels.split(',').map(decodeURIComponent),
    atMostOnce: once === 'once',
    pickled: form === 'pickle',
  };
}
