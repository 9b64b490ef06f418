// Pickled functions that nobody will ever run: where no worker of the whole fleet that fits can read pickles, their tasks
// end with the sentence that says what to install. Where one can, they are left to it.
import { whyNeverRead, type Able } from '../lifecycle/demand.ts';
import { parseLane } from '../lifecycle/lane.ts';
import { StoreUnavailable, type ClaimedTask, type Store, type WorkerSnapshot } from '../store/index.ts';
import type { Ending } from '../tasks/ending.ts';
import { endingOf } from './fleet/endings.ts';

export interface UnreadableOptions {
  store: Store;
  tenant: string;
  claimer: string;
  /** Of this dispatcher. */
  workers: () => WorkerSnapshot[];
  mayClaim: () => boolean;
  end: (endings: Ending[]) => void;
  onTrouble: (sentence: string) => void;
}

/** Tasks a look: the next one takes more. */
const AT_ONCE = 256;

export class Unreadable {
  readonly #options: UnreadableOptions;
  #looking = false;

  constructor(options: UnreadableOptions) {
    this.#options = options;
  }

  /** Looks for such tasks and ends them. Costs nothing while every worker here reads pickles. Never rejects. */
  async look(): Promise<void> {
    if (this.#looking || !this.#options.mayClaim()) return;
    const here = ready(this.#options.workers());
    if (!here.some(({ runtimes }) => runtimes.some(({ pickles = '' }) => pickles !== ''))) return;
    this.#looking = true;
    try {
      await this.#endThose(here);
    } catch (error) {
      // The next look tries again; the claim loop tells of a store that is away.
      if (!(error instanceof StoreUnavailable)) {
        this.#options.onTrouble(`Looking for pickles that nobody reads met a fault: ${String(error)}`);
      }
    } finally {
      this.#looking = false;
    }
  }

  async #endThose(here: readonly Able[]): Promise<void> {
    const { store, tenant, claimer, end } = this.#options;
    const lanes = (await store.lanes(tenant)).map(({ lane }) => lane);
    const stuckHere = lanes.filter((lane) => whyNeverRead(here, parseLane(lane)) !== '');
    if (stuckHere.length === 0) return;
    const everywhere = ready((await store.fleet()).flatMap(({ workers }) => workers));
    for (const lane of stuckHere) {
      const why = whyNeverRead([...here, ...everywhere], parseLane(lane));
      if (why === '') continue;
      const { tasks } = await store.claim(tenant, claimer, [{ lane, max: AT_ONCE }], AT_ONCE);
      end(tasks.map((task) => failed(task, why)));
    }
  }
}

function ready(workers: readonly WorkerSnapshot[]): WorkerSnapshot[] {
  return workers.filter(({ state }) => state === 'ready');
}

function failed(task: ClaimedTask, message: string): Ending {
  const error = { type: 'ModuleNotFoundError', message, traceback: '' };
  return endingOf(task, { is: 'failed', kind: 'load_failed', error });
}
