// Attempts whose arguments still come in parts. A dispatcher sends the parts of one after those of the other, in the order in
// which it announced them: so one for which nothing has come while a later one's came has lost a part on the way.
import type { Attempt } from './attempts.ts';

export class Arriving {
  /** When something came last for them or for one that was announced before, monotonic ms; in the order of announcement. */
  readonly #movedAt = new Map<Attempt, number>();

  add(attempt: Attempt, mono: number): void {
    this.#movedAt.set(attempt, mono);
  }

  delete(attempt: Attempt): void {
    this.#movedAt.delete(attempt);
  }

  get size(): number {
    return this.#movedAt.size;
  }

  all(): Iterable<Attempt> {
    return this.#movedAt.keys();
  }

  /** A part came from there, of this attempt's arguments or (undefined) of something else that goes the same way. */
  moved(url: string, token: string | undefined, mono: number): void {
    let isBehind = token === undefined;
    for (const attempt of this.#movedAt.keys()) {
      if (attempt.owner !== url) continue;
      isBehind ||= attempt.token === token;
      if (isBehind) this.#movedAt.set(attempt, mono);
    }
  }

  /** Since when the one from there that has waited longest has waited, monotonic ms; undefined = there is none. */
  waitingSince(url: string): number | undefined {
    let since: number | undefined;
    for (const [{ owner }, movedAt] of this.#movedAt) {
      if (owner === url && (since === undefined || movedAt < since)) since = movedAt;
    }
    return since;
  }
}
