// The ends of tasks as a stream: replayed from the store's log, then as they happen, from what is announced where that is known
// to be without a gap. All who stand at the same cursor share one read. A reader that is slow is not written ahead of: the log is
// its buffer, and bounded.
import type { Clock } from '../clock.ts';
import type { EndedTask, EventPage, Store, TaskEnd } from '../store/index.ts';
import { Watchdog, troublesOf } from '../watchdog.ts';
import { TurnBatches } from './turn.ts';
import { REREAD_MS } from './wait.ts';
import type { EndWaits } from './wait.ts';

/** `cursor` is where a follower goes on from after this item; `result` is there where it was asked for and rides along. */
export type FeedItem = { cursor: string } & (
  { is: 'end'; end: TaskEnd; result?: EndedTask } | { is: 'reset' } | { is: 'quiet' }
);

export interface Following {
  tenant: string;
  /** A cursor; '' = from now. */
  after: string;
  filter: FeedFilter;
  /** Small results ride along. */
  results: boolean;
  signal: AbortSignal;
}

export interface FeedFilter {
  group?: string;
  functionId?: string;
  ids?: ReadonlySet<string>;
}

interface Read {
  page: EventPage;
  /** It was announced here. */
  isHeard: boolean;
}

const PAGE = 512;
/** In the key of a read: of the log itself. */
const DUE = 'due';
/** A store call ends sooner, well or not, and so does a sleep. */
const STUCK_MS = 15_000;
/** After so long without an item a `quiet` is said, ms. */
const QUIET_MS = 15_000;

export class Feed {
  readonly #waits: EndWaits;
  readonly #clock: Clock;
  readonly #reads: TurnBatches<null, Read>;
  /** One for each follower: it turns by a read, and rests while its reader has what was read. */
  readonly #dogs = new Set<Watchdog>();

  constructor(store: Store, waits: EndWaits, clock: Clock) {
    this.#waits = waits;
    this.#clock = clock;
    this.#reads = new TurnBatches(async (key, readers) => {
      const [tenant = '', cursor = '', isDue = ''] = key.split(' ');
      const told = isDue === DUE ? undefined : store.announced(tenant, cursor, PAGE);
      const read = { page: told ?? (await store.events(tenant, cursor, PAGE)), isHeard: told !== undefined };
      return readers.map(() => read);
    });
  }

  /** Items, those of one read together, until `signal` fires. The first is a `quiet`, said once the place is fixed. */
  async *follow({ tenant, after, filter, results, signal }: Following): AsyncGenerator<FeedItem[]> {
    const watch = this.#waits.watchAll(results);
    const dog = new Watchdog('an event stream', STUCK_MS);
    this.#dogs.add(dog);
    try {
      let cursor = after === '' ? (await this.#read(tenant, '', dog, true)).page.cursor : after;
      yield [{ is: 'quiet', cursor }];
      let saidAt = this.#clock.mono();
      let readAt = saidAt;
      let hasHeard = true;
      while (!signal.aborted) {
        // W3, whatever is heard meanwhile: of what was lost on the way nothing may come after it.
        const isDue = readAt + REREAD_MS <= this.#clock.mono();
        const { page, isHeard } = await this.#read(tenant, cursor, dog, isDue);
        if (!isHeard) readAt = this.#clock.mono();
        if (!hasHeard && !isHeard && page.items.length > 0) this.#waits.unheard();
        const items: FeedItem[] = page.reset ? [{ is: 'reset', cursor: page.cursor }] : [];
        for (const item of page.items) if (passes(item, filter)) items.push(this.#shown(item, results));
        cursor = page.cursor;
        if (items.length === 0 && saidAt + QUIET_MS <= this.#clock.mono()) items.push({ is: 'quiet', cursor });
        if (items.length > 0) {
          yield items;
          saidAt = this.#clock.mono();
        }
        const quiet = saidAt + QUIET_MS - this.#clock.mono();
        if (page.items.length < PAGE) {
          dog.begun(this.#clock.mono());
          hasHeard = await watch.sleep(Math.min(quiet, REREAD_MS), signal);
        }
      }
    } finally {
      this.#dogs.delete(dog);
      watch.close();
    }
  }

  /** '' or a sentence on a follower that has not read for too long. */
  get trouble(): string {
    return troublesOf(this.#dogs, this.#clock.mono())[0] ?? '';
  }

  #shown(end: TaskEnd & { cursor: string }, results: boolean): FeedItem {
    const { cursor } = end;
    const result = results ? this.#waits.lately(end.id) : undefined;
    // Of a failure after other attempts the whole story is read: it does not ride along.
    return result === undefined || result.hasHistory ? { is: 'end', end, cursor } : { is: 'end', end, result, cursor };
  }

  async #read(tenant: string, cursor: string, dog: Watchdog, isDue: boolean): Promise<Read> {
    dog.begun(this.#clock.mono());
    const read = await this.#reads.add(`${tenant} ${cursor} ${isDue ? DUE : ''}`, null);
    dog.rests();
    return read;
  }
}

function passes(end: TaskEnd, { group, functionId, ids }: FeedFilter): boolean {
  return (
    (group === undefined || end.group === group) &&
    (functionId === undefined || end.functionId === functionId) &&
    (ids === undefined || ids.has(end.id))
  );
}
