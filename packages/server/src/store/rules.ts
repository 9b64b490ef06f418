// What an act makes of a task, decided before anything is written: fences, and what is counted. Pure. The embedded store and
// the simulation's keep to it by calling it; the scripts of redis/ say the same in Lua, and the suite compares them.
import type { Fence } from '../lifecycle/fence.ts';
import type { TaskHeader } from '../lifecycle/spec.ts';
import { STATE_CODE, hasEnded } from './state-code.ts';
import { MAX_ABANDONMENTS } from './timing.ts';

/** What the rules look at in a task, under the names of its record. */
export interface Standing {
  /** STATE_CODE. */
  state: number;
  attempt: number;
  token: string;
  losses: number;
  abandonments: number;
  retries: number;
  /** 1 = at most once. */
  once: number;
  max_attempts: number;
}

/** What a task counts from now on, and whether it waits again or has ended. */
export interface Fate {
  is: 'waits' | 'over';
  losses: number;
  abandonments: number;
  retries: number;
}

export interface Rules {
  /** S3: is it RUNNING under this very fence? */
  isCurrent: (task: Standing, fence: Fence) => boolean;
  /** S4: what a settlement is told whose fence is not current. */
  tooLate: (task: Standing | undefined, fence: Fence) => 'duplicate' | 'stale';
  /** S2: the fence of a new attempt. */
  claimed: (task: Standing, token: string) => Pick<Standing, 'attempt' | 'token'>;
  /** Handed back by its holder: S5. */
  released: (task: Standing) => Fate;
  /** Its runner or worker died while it was started or may have been. */
  lost: (task: Standing) => Fate;
  /** The user's own policy sends it round again. */
  retried: (task: Standing) => Fate;
  /** Its holder is gone without a word. */
  abandoned: (task: Standing) => Fate;
  /** Not started by its expires_at: what an attempt has started once does not expire. `startedAt`: of the latest one. */
  mayExpire: (task: Pick<Standing, 'losses' | 'retries'>, startedAt: number) => boolean;
  /** The token of a task that no attempt has ended: cancel, expiry, the last abandonment. */
  tokenOfPlatformEnd: (task: Standing) => string;
}

export const RULES: Rules = {
  isCurrent: (task, fence) =>
    task.state === STATE_CODE.RUNNING && task.attempt === fence.attempt && task.token === fence.token,
  tooLate: (task, fence) =>
    task !== undefined && hasEnded(task.state) && task.token === fence.token && task.attempt === fence.attempt
      ? 'duplicate'
      : 'stale',
  claimed: (task, token) => ({ attempt: task.attempt + 1, token }),
  released: (task) => fate('waits', task),
  lost: (task) => {
    const losses = task.losses + 1;
    return fate(task.once === 1 || losses >= task.max_attempts ? 'over' : 'waits', { ...task, losses });
  },
  retried: (task) => fate('waits', { ...task, retries: task.retries + 1 }),
  abandoned: (task) => {
    const abandonments = task.abandonments + 1;
    return fate(task.once === 1 || abandonments >= MAX_ABANDONMENTS ? 'over' : 'waits', { ...task, abandonments });
  },
  mayExpire: ({ losses, retries }, startedAt) => losses === 0 && retries === 0 && startedAt === 0,
  tokenOfPlatformEnd: () => '',
};

/** How long after it was handed out a task that may expire may still be started, ms; undefined = for ever. */
export function startWithinMs({ expires_at }: Pick<TaskHeader, 'expires_at'>, handedOutAt: number): number | undefined {
  return expires_at === 0 ? undefined : expires_at - handedOutAt;
}

function fate(is: Fate['is'], { losses, abandonments, retries }: Standing): Fate {
  return { is, losses, abandonments, retries };
}
