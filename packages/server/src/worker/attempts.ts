// What this worker holds: every attempt from the moment it is announced until its result is settled or it is dropped.
import type { Outcome, TaskLogs } from '../lifecycle/outcome.ts';
import type { TaskSpec } from '../lifecycle/spec.ts';
import type { HeldToken } from '../protocol/index.ts';

export interface Ended {
  outcome: Outcome;
  logs: TaskLogs | null;
}

type Phase =
  /** Its arguments are still coming in parts. */
  | { is: 'arriving' }
  /** In the runner pool; startedAt 0 = waiting. */
  | { is: 'running'; startedAt: number }
  /** Over; the result is kept until a dispatcher says that it is settled. */
  | { is: 'ended'; startedAt: number };

export interface Attempt {
  token: string;
  id: string;
  attempt: number;
  spec: TaskSpec;
  /** Monotonic ms after which it is not begun any more; undefined = never. */
  startBy: number | undefined;
  /** URL of the dispatcher that sent it. */
  owner: string;
  /** Other dispatchers that it has been named to: each may have adopted it, and gives it up when it is named no more. */
  alsoNamedTo?: Set<string>;
  phase: Phase;
}

export class Attempts {
  readonly #byToken = new Map<string, Attempt>();

  get(token: string): Attempt | undefined {
    return this.#byToken.get(token);
  }

  add(attempt: Attempt): void {
    this.#byToken.set(attempt.token, attempt);
  }

  forget(token: string): void {
    this.#byToken.delete(token);
  }

  get size(): number {
    return this.#byToken.size;
  }

  all(): Iterable<Attempt> {
    return this.#byToken.values();
  }

  /** What a heartbeat names: the attempts for which `names` says yes. */
  held(names: (attempt: Attempt) => boolean): HeldToken[] {
    const held: HeldToken[] = [];
    for (const one of this.#byToken.values()) {
      if (!names(one)) continue;
      const token: HeldToken = { t: one.token, id: one.id, a: one.attempt, at: startedAt(one) };
      if (one.phase.is === 'ended') token.done = true;
      held.push(token);
    }
    return held;
  }
}

export function startedAt(attempt: Attempt): number {
  return attempt.phase.is === 'arriving' ? 0 : attempt.phase.startedAt;
}
