// What this worker holds: every attempt from the moment it is announced until its result is settled or it is dropped.
import { BoundedMap } from '../bounded-map.ts';
import { InFlight } from '../in-flight.ts';
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

/** Tokens that are known still when they are forgotten. */
const REMEMBERED = 4096;

export class Attempts {
  readonly #byToken = new InFlight<string, Attempt>();
  readonly #forgotten = new BoundedMap<string, true>(REMEMBERED);

  get(token: string): Attempt | undefined {
    return this.#byToken.get(token);
  }

  add(attempt: Attempt): void {
    this.#byToken.set(attempt.token, attempt);
  }

  forget(token: string): void {
    if (this.#byToken.delete(token)) this.#forgotten.set(token, true);
  }

  /** Is it here, or was it lately? Of what is settled `drop` may be said as well, where a heartbeat of ours crossed that. */
  hasCome(token: string): boolean {
    return this.#byToken.has(token) || this.#forgotten.get(token) === true;
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
