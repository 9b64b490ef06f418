// The ends of tasks as a stream: replayed from the store's log, then as they happen. All who stand at the same cursor
// share one read. A reader that is slow is not written ahead of: the log is its buffer, and bounded.
import type { Clock } from '../clock.ts';
import type { Store, TaskEnd } from '../store/index.ts';
import { Watchdog, troublesOf } from '../watchdog.ts';
import { TurnBatches } from './turn.ts';
import { REREAD_MS } from './wait.ts';
import type { EndWaits } from './wait.ts';

/** `cursor` is where a follower goes on from after this item. */
export type FeedItem = { cursor: string } & ({ is: 'end'; end: TaskEnd } | { is: 'reset' } | { is: 'quiet' });

export interface FeedFilter {
  group?: string;
  functionId?: string;
  ids?: ReadonlySet<string>;
}

type Page = Awaited<ReturnType<Store['events']>>;

const PAGE = 512;
/** A store call ends sooner, well or not. */
const STUCK_MS = 15_000;
/** After so long without an item a `quiet` is said, ms. */
const QUIET_MS = 15_000;

export class Feed {
  readonly #waits: EndWaits;
  readonly #clock: Clock;
  readonly #reads: TurnBatches<null, Page>;
  /** One for each follower, which reads or rests. */
  readonly #dogs = new Set<Watchdog>();

  constructor(store: Store, waits: EndWaits, clock: Clock) {
    this.#waits = waits;
    this.#clock = clock;
    this.#reads = new TurnBatches(async (key, readers) => {
      const split = key.indexOf(' ');
      const page = await store.events(key.slice(0, split), key.slice(split + 1), PAGE);
      return readers.map(() => page);
    });
  }

  /** Items after `after` ('' = from now), until `signal` fires. The first item is a `quiet`, said once the place is fixed. */
  async *follow(tenant: string, after: string, filter: FeedFilter, signal: AbortSignal): AsyncGenerator<FeedItem> {
    const watch = this.#waits.watchAll();
    const dog = new Watchdog('an event stream', STUCK_MS);
    this.#dogs.add(dog);
    try {
      let cursor = after === '' ? (await this.#read(tenant, '', dog)).cursor : after;
      yield { is: 'quiet', cursor };
      let saidAt = this.#clock.mono();
      while (!signal.aborted) {
        const page = await this.#read(tenant, cursor, dog);
        if (page.reset) yield { is: 'reset', cursor: page.cursor };
        for (const item of page.items) {
          if (!passes(item, filter)) continue;
          yield { is: 'end', end: item, cursor: item.cursor };
          saidAt = this.#clock.mono();
        }
        cursor = page.cursor;
        const quiet = saidAt + QUIET_MS - this.#clock.mono();
        if (quiet <= 0) {
          yield { is: 'quiet', cursor };
          saidAt = this.#clock.mono();
        } else if (page.items.length < PAGE) await watch.sleep(Math.min(quiet, REREAD_MS), signal);
      }
    } finally {
      this.#dogs.delete(dog);
      watch.close();
    }
  }

  /** '' or a sentence on a follower that waits for the store for too long. */
  get trouble(): string {
    return troublesOf(this.#dogs, this.#clock.mono())[0] ?? '';
  }

  async #read(tenant: string, cursor: string, dog: Watchdog): Promise<Page> {
    dog.begun(this.#clock.mono());
    const page = await this.#reads.add(`${tenant} ${cursor}`, null);
    dog.rests();
    return page;
  }
}

function passes(end: TaskEnd, { group, functionId, ids }: FeedFilter): boolean {
  return (
    (group === undefined || end.group === group) &&
    (functionId === undefined || end.functionId === functionId) &&
    (ids === undefined || ids.has(end.id))
  );
}
