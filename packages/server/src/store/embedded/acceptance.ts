// Is what makes the file grow taken? A small change may still fit a disk on which a task does not, so the last that was
// refused is remembered until one of its kind is taken. Where nobody tries, a probe does.
import { StoreUnavailable } from '../store.ts';
import type { Turns } from './turn.ts';

/** As large as many tasks. */
const PROBE_BYTES = 1024 * 1024;
const PROBE = 'growth_probe';

export class Acceptance {
  readonly #turns: Turns;
  #refused = '';

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** Takes note of how an act went that makes the file grow. */
  async note<T>(act: Promise<T>): Promise<T> {
    try {
      const answer = await act;
      this.#refused = '';
      return answer;
    } catch (fault) {
      if (fault instanceof StoreUnavailable) this.#refused = fault.message;
      throw fault;
    }
  }

  /** '' or why nothing new is taken. */
  async refusal(): Promise<string> {
    if (this.#refused === '' && this.#turns.fault === undefined) return '';
    try {
      await this.note(
        this.#turns.act(
          ({ db }) => {
            db.run('INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)', PROBE, ' '.repeat(PROBE_BYTES));
          },
          { grows: true },
        ),
      );
      await this.#turns.act(({ db }) => db.run('DELETE FROM fact WHERE name = ?', PROBE));
    } catch (fault) {
      return fault instanceof Error ? fault.message : String(fault);
    }
    return '';
  }
}
