// One attempt's end, as executors report it and the settler takes it.
import type { Fence } from '../lifecycle/fence.ts';
import type { Outcome, TaskLogs } from '../lifecycle/outcome.ts';
import type { TaskSpec } from '../lifecycle/spec.ts';

export interface Ending {
  fence: Fence;
  spec: TaskSpec;
  /** How often the user's own policy had sent the task round again before this attempt. */
  retries: number;
  outcome: Outcome;
  worker: string;
  /** Unix ms at which the user's code began; 0 = not started. */
  startedAt: number;
  logs: TaskLogs | null;
}
