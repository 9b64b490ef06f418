// Pickled functions that nobody will ever run: where no worker of the whole fleet that fits can read pickles, their tasks
// end with the sentence that says what to install. Where one can, they are left to it.
//
//  U1  Every worker counts that was seen in the last ten seconds, by whichever dispatcher and in whatever state.
//  U2  Nothing is ended before the fleet has been watched for as long without a gap.
//  U3  While this dispatcher's own report is not to be found, those of others may be missing: that is a gap.
import type { Clock } from '../clock.ts';
import { whyNeverRead } from '../lifecycle/demand.ts';
import { parseLane } from '../lifecycle/lane.ts';
import { StoreUnavailable, type ClaimedTask, type Store, type WorkerSnapshot } from '../store/index.ts';
import type { Ending } from '../tasks/ending.ts';
import { Watchdog } from '../watchdog.ts';
import { endingOf } from './fleet/endings.ts';
import { SeenWorkers } from './seen-workers.ts';

export interface UnreadableOptions {
  store: Store;
  tenant: string;
  dispatcherId: string;
  claimer: string;
  clock: Clock;
  /** Of this dispatcher. */
  workers: () => WorkerSnapshot[];
  /** From this shard, or without one: from any. */
  mayClaim: (shard?: number) => boolean;
  end: (endings: Ending[]) => void;
  onTrouble: (sentence: string) => void;
}

/** Tasks a look: the next one takes more. */
const AT_ONCE = 256;
const STUCK_MS = 5_000;

export class Unreadable {
  readonly watchdog = new Watchdog('the look for pickles that nobody reads', STUCK_MS);
  readonly #options: UnreadableOptions;
  readonly #seen = new SeenWorkers();
  #looking = false;
  /** The fault that was told last, until a look goes well. */
  #told = '';

  constructor(options: UnreadableOptions) {
    this.#options = options;
  }

  /** Looks for such tasks and ends them. Costs nothing while every worker here reads pickles. Never rejects. */
  async look(): Promise<void> {
    if (this.#looking) return;
    const { workers, mayClaim, clock } = this.#options;
    const here = workers();
    const isLacking = here.some(({ runtimes }) => runtimes.some(({ pickles = '' }) => pickles !== ''));
    // The leases tell of a dispatcher that may not claim.
    if (!isLacking || !mayClaim()) return this.watchdog.rests();
    this.#looking = true;
    this.watchdog.begun(clock.mono());
    try {
      await this.#watch(here);
      await this.#endThose(here);
      this.watchdog.turned(clock.mono());
      this.#told = '';
    } catch (error) {
      this.#seen.lostSight();
      this.#failed(error);
    } finally {
      this.#looking = false;
    }
  }

  async #watch(here: readonly WorkerSnapshot[]): Promise<void> {
    const { store, dispatcherId, clock } = this.#options;
    const reports = await store.fleet();
    if (!reports.some(({ id }) => id === dispatcherId)) return this.#seen.lostSight();
    this.#seen.saw([...here, ...reports.flatMap(({ workers }) => workers)], clock.mono());
  }

  async #endThose(here: readonly WorkerSnapshot[]): Promise<void> {
    const { store, tenant, claimer, clock, end, mayClaim } = this.#options;
    const everyone = this.#seen.all(clock.mono());
    if (everyone === undefined) return;
    for (const { lane } of await store.lanes(tenant)) {
      const demand = parseLane(lane);
      // The sentence is that of a worker which is here.
      const why = whyNeverRead(here, demand);
      if (why === '' || whyNeverRead(everyone, demand) === '') continue;
      const { tasks } = await store.claim(tenant, claimer, [{ lane, max: AT_ONCE }], AT_ONCE, mayClaim);
      // What an earlier claim is owed may be of another lane: that is not ours to end.
      end(tasks.map((task) => (task.lane === lane ? failed(task, why) : endingOf(task, BACK))));
    }
  }

  /** The next look tries again; the claim loop tells of a store that is away. */
  #failed(error: unknown): void {
    if (error instanceof StoreUnavailable) return;
    const trouble = `Looking for pickles that nobody reads met a fault and is tried again: ${String(error)}`;
    if (trouble !== this.#told) this.#options.onTrouble(trouble);
    this.#told = trouble;
  }
}

const BACK = { is: 'released', reason: 'unclaimed_answer' } as const;

function failed(task: ClaimedTask, message: string): Ending {
  const error = { type: 'ModuleNotFoundError', message, traceback: '' };
  return endingOf(task, { is: 'failed', kind: 'load_failed', error });
}
