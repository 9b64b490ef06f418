// All acts that arrive in one turn of the event loop, in one transaction.
//
//  T1  An act's promise resolves after the COMMIT that holds it, and hints go out between the two (S1, S8). Only the hint of
//      what is submitted goes out just before the transaction: what a claimer then asks for at once is its last act.
//  T2  An act that throws is undone alone; its neighbours commit. Savepoints cost a copy of every page that is changed
//      and an act hardly ever throws, so the first try does without them: where one throws, all is undone and done
//      again, each act in a savepoint. An act may run twice, therefore. So it is where a task that was submitted turns out
//      to be here already (arrivals.ts).
//  T3  A fault of the disk undoes the whole transaction: every act of it rejects with StoreUnavailable, and the next
//      turn tries again, so that the store goes on by itself.
//  T4  Where the disk is full, what makes the store grow is rejected, and the rest is done without it, in the room that is
//      kept for that (reserve.ts).
import type { Clock } from '../../clock.ts';
import type { Hint, TaskEnd } from '../store.ts';
import { StoreUnavailable } from '../store.ts';
import { HeaderReader } from '../../lifecycle/spec.ts';
import { Arrivals, CameBefore } from './arrivals.ts';
import { Sums, type Counters } from './counters.ts';
import { full, isFull, outsideFault } from './database.ts';
import type { Database } from './database.ts';
import { DoomedCode } from './doomed-code.ts';
import { packEvents } from './events.ts';
import { Fresh } from './fresh.ts';
import type { LateEnds } from './late-ends.ts';
import type { PayloadFiles } from './payload-files.ts';
import type { Reserve } from './reserve.ts';
import type { Running } from './running.ts';

/** What an act may touch. Everything but `db`, `fresh` and `arrivals` takes effect only when the act has succeeded. */
export interface Act {
  readonly db: Database;
  readonly running: Running;
  readonly headers: HeaderReader;
  readonly doomed: DoomedCode;
  readonly fresh: Fresh;
  readonly arrivals: Arrivals;
  readonly late: LateEnds;
  readonly files: PayloadFiles;
  /** The store's time, Unix ms. */
  readonly now: number;
  /** The committed value and that of earlier acts in this transaction; not this act's own `count`. */
  counter(tenant: string, name: string): number;
  count(tenant: string, name: string, delta: number): void;
  /** The next number in the queue's order. */
  sequence(): number;
  /** Runs after COMMIT: changes of memory that must not survive a rollback. */
  committed(effect: () => void): void;
  /** What is known in memory of running tasks of this id is not to be believed in this transaction any more. */
  doubt(id: string): void;
  doubts(id: string): boolean;
  announceWork(lane: string): void;
  /** Into the log of events, and to whoever listens. */
  announceEnd(tenant: string, end: TaskEnd): void;
  announceCanceled(id: string): void;
}

interface Waiting {
  /** It makes the store grow: new tasks, new code. */
  readonly grows: boolean;
  run(): void;
  resolve(): void;
  reject(reason: unknown): void;
}

interface OwnedEnd {
  tenant: string;
  end: TaskEnd;
}

type Phase = { is: 'idle' } | { is: 'gathering'; flushed: Promise<void> } | { is: 'closed'; flushed: Promise<void> };

export class Turns {
  readonly #db: Database;
  readonly #reserve: Reserve;
  readonly #counters: Counters;
  readonly #running: Running;
  readonly #late: LateEnds;
  readonly #files: PayloadFiles;
  readonly #headers = new HeaderReader();
  readonly #doomed = new DoomedCode();
  readonly #fresh = new Fresh();
  readonly #arrivals: Arrivals;
  readonly #clock: Clock;
  readonly #publish: (hint: Hint) => void;
  #phase: Phase = { is: 'idle' };
  #gathered: Waiting[] = [];
  /** Lanes in which the gathered acts leave work. */
  readonly #submitted = new Set<string>();
  #fault: StoreUnavailable | undefined;
  /** Memory may say more than the file: a transaction was undone, and the counters are not read anew yet. */
  #ahead = false;

  constructor(
    db: Database,
    reserve: Reserve,
    counters: Counters,
    running: Running,
    late: LateEnds,
    files: PayloadFiles,
    clock: Clock,
    publish: (hint: Hint) => void,
  ) {
    this.#db = db;
    this.#arrivals = new Arrivals(db);
    this.#reserve = reserve;
    this.#counters = counters;
    this.#running = running;
    this.#late = late;
    this.#files = files;
    this.#clock = clock;
    this.#publish = publish;
  }

  /** The last disk fault, until a transaction succeeds again. */
  get fault(): StoreUnavailable | undefined {
    return this.#fault;
  }

  /**
   * Runs a change with the others of this turn. Rejects with StoreUnavailable, or with what `change` threw. In `lanes` it
   * leaves work (T1). `grows`: it may be refused where the disk is full (T4). `minds`: it minds itself that what was submitted
   * in this turn may not be in the table yet.
   */
  act<T>(change: (act: Act) => T, { lanes = [], grows = false, minds = false }: ActOptions = {}): Promise<T> {
    if (this.#phase.is === 'closed') return Promise.reject(closed());
    for (const lane of lanes) this.#submitted.add(lane);
    return new Promise<T>((resolve, reject) => {
      let answer: T;
      this.#gathered.push({
        grows,
        run: () => {
          if (!minds) this.#arrivals.flush();
          answer = this.#guarded(change);
        },
        resolve: () => resolve(answer),
        reject,
      });
      if (this.#phase.is === 'idle') this.#phase = { is: 'gathering', flushed: this.#nextTurn() };
    });
  }

  /** Reads what is committed. */
  async read<T>(look: (db: Database) => T): Promise<T> {
    if (this.#phase.is === 'closed') throw closed();
    try {
      return look(this.#db);
    } catch (fault) {
      throw outsideFault(fault) ?? fault;
    }
  }

  /** Lets the gathered acts finish, then refuses new ones. Idempotent. */
  async close(): Promise<void> {
    const phase = this.#phase;
    const flushed = phase.is === 'idle' ? Promise.resolve() : phase.flushed;
    this.#phase = { is: 'closed', flushed };
    await flushed;
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => this.#announceSubmitted());
      // After the first one's microtasks, in which a claimer asks.
      setImmediate(() => {
        if (this.#phase.is === 'gathering') this.#phase = { is: 'idle' };
        this.#flush(this.#gathered.splice(0));
        resolve();
      });
    });
  }

  #flush(acts: readonly Waiting[], isAgain = false): void {
    if (acts.length === 0) return;
    if (acts.some(({ grows }) => grows) && !this.#hasReserve()) return this.#flushWithoutGrowth(acts, full());
    let done = acts;
    try {
      this.#transact(() => {
        for (const act of acts) act.run();
      });
    } catch (fault) {
      this.#rollBack();
      if (this.#goesOnThoughFull(acts, fault, isAgain)) return;
      const isKnownTask = fault instanceof CameBefore;
      if ((acts.length === 1 && !isKnownTask) || outsideFault(fault) !== undefined) {
        this.#rejectAll(acts, fault);
        return;
      }
      try {
        done = this.#transactApart(acts);
      } catch (again) {
        this.#rollBack();
        if (!this.#goesOnThoughFull(acts, again, isAgain)) this.#rejectAll(acts, again);
        return;
      }
    }
    this.#fault = undefined;
    for (const effect of this.#effects) effect();
    this.#announce();
    for (const act of done) act.resolve();
  }

  /** Is the room for ends held? Where not, files that nobody needs make way for the next try, a second later. */
  #hasReserve(): boolean {
    if (this.#reserve.take()) return true;
    this.#files.giveRoom();
    return false;
  }

  /** Where the disk is full, T4: has what could be done been done? */
  #goesOnThoughFull(acts: readonly Waiting[], fault: unknown, isAgain: boolean): boolean {
    if (!isFull(fault)) return false;
    // Files that nobody needs stand in nobody's way; those that the first try has left, neither.
    if (this.#files.giveRoom() && !isAgain) {
      this.#flush(acts, true);
      return true;
    }
    return this.#makeRoom(acts, fault);
  }

  /** T4. False where nothing more can be done. */
  #makeRoom(acts: readonly Waiting[], fault: unknown): boolean {
    if (!acts.some(({ grows }) => grows) && !this.#reserve.give()) return false;
    this.#flushWithoutGrowth(acts, fault);
    return true;
  }

  #flushWithoutGrowth(acts: readonly Waiting[], fault: unknown): void {
    const isGrowing = ({ grows }: Waiting): boolean => grows;
    this.#rejectAll(acts.filter(isGrowing), fault);
    this.#flush(acts.filter((act) => !isGrowing(act)));
  }

  #transact(work: () => void): void {
    this.#effects = [];
    this.#announcements = { lanes: new Set(), ends: [], canceled: [] };
    this.#doubted.clear();
    if (this.#ahead) {
      this.#counters.reload();
      this.#ahead = false;
    }
    this.#db.run('BEGIN IMMEDIATE');
    work();
    this.#arrivals.flush();
    this.#logEnds();
    this.#counters.write();
    this.#files.sync();
    this.#db.run('COMMIT');
    this.#files.keep();
  }

  /** Each in a savepoint, every row written at once (T2); answers those that succeeded. */
  #transactApart(acts: readonly Waiting[]): readonly Waiting[] {
    let done: readonly Waiting[] = [];
    this.#arrivals.isAtOnce = true;
    try {
      this.#transact(() => (done = this.#runApart(acts)));
    } finally {
      this.#arrivals.isAtOnce = false;
    }
    return done;
  }

  #runApart(acts: readonly Waiting[]): Waiting[] {
    const done: Waiting[] = [];
    for (const act of acts) {
      this.#db.run('SAVEPOINT act');
      const mark = this.#files.mark;
      try {
        act.run();
        done.push(act);
      } catch (fault) {
        if (outsideFault(fault) !== undefined) throw fault;
        this.#db.run('ROLLBACK TO act');
        this.#files.undo(mark);
        this.#fresh.clear();
        act.reject(fault);
      }
      this.#db.run('RELEASE act');
    }
    return done;
  }

  /** One row holds all ends of a tenant in this transaction; it is numbered like the last of them. */
  #logEnds(): void {
    const byTenant = Map.groupBy(this.#announcements.ends, ({ tenant }) => tenant);
    for (const [tenant, all] of byTenant) {
      const ends = all.map(({ end }) => end);
      this.#counters.add('', 'event', ends.length);
      const last = this.#counters.get('', 'event');
      const at = ends.at(-1)!.endedAt;
      this.#db.run(
        'INSERT INTO event (n, tenant, at, count, ends) VALUES (?, ?, ?, ?, ?)',
        ...[last, tenant, at, ends.length, packEvents(ends)],
      );
    }
  }

  #rejectAll(acts: readonly Waiting[], fault: unknown): void {
    const outside = fault instanceof StoreUnavailable ? fault : outsideFault(fault);
    if (outside !== undefined) this.#fault = outside;
    for (const act of acts) act.reject(outside ?? fault);
  }

  #rollBack(): void {
    this.#ahead = true;
    this.#fresh.clear();
    this.#arrivals.clear();
    try {
      if (this.#db.inTransaction) this.#db.run('ROLLBACK');
      this.#counters.reload();
      this.#ahead = false;
    } catch {
      // The file cannot even be read: the next transaction tries again, and says what is wrong.
    }
    this.#files.undo();
  }

  // ── one act ──

  #effects: (() => void)[] = [];
  #announcements = { lanes: new Set<string>(), ends: [] as OwnedEnd[], canceled: [] as string[] };
  readonly #doubted = new Set<string>();

  /** Runs `change` on a scope of its own, and takes over what it counted and announced once it has succeeded (T2). */
  #guarded<T>(change: (act: Act) => T): T {
    const counts = new Sums();
    const effects: (() => void)[] = [];
    const lanes = new Set<string>();
    const ends: OwnedEnd[] = [];
    const canceled: string[] = [];
    let drawn = 0;
    const answer = change({
      db: this.#db,
      running: this.#running,
      headers: this.#headers,
      doomed: this.#doomed,
      fresh: this.#fresh,
      arrivals: this.#arrivals,
      late: this.#late,
      files: this.#files,
      now: Math.trunc(this.#clock.wall()),
      counter: (tenant, name) => this.#counters.get(tenant, name),
      count: (tenant, name, delta) => counts.add(tenant, name, delta),
      sequence: () => this.#counters.get('', 'sequence') + ++drawn,
      committed: (effect) => effects.push(effect),
      announceWork: (lane) => lanes.add(lane),
      doubt: (id) => this.#doubted.add(id),
      doubts: (id) => this.#doubted.has(id),
      announceEnd: (tenant, end) => ends.push({ tenant, end }),
      announceCanceled: (id) => canceled.push(id),
    });
    if (drawn > 0) this.#counters.add('', 'sequence', drawn);
    counts.addTo(this.#counters);
    for (const effect of effects) this.#effects.push(effect);
    for (const lane of lanes) this.#announcements.lanes.add(lane);
    for (const end of ends) this.#announcements.ends.push(end);
    this.#announcements.canceled.push(...canceled);
    return answer;
  }

  #announceSubmitted(): void {
    if (this.#submitted.size === 0) return;
    const lanes = [...this.#submitted];
    this.#submitted.clear();
    this.#publish({ is: 'work', lanes });
  }

  #announce(): void {
    const { lanes, ends, canceled } = this.#announcements;
    if (canceled.length > 0) this.#publish({ is: 'canceled', ids: canceled });
    if (ends.length > 0) this.#publish({ is: 'ends', ends: ends.map(({ end }) => end) });
    if (lanes.size > 0) this.#publish({ is: 'work', lanes: [...lanes] });
  }
}

interface ActOptions {
  lanes?: Iterable<string>;
  grows?: boolean;
  minds?: boolean;
}

function closed(): StoreUnavailable {
  return new StoreUnavailable('The store is closed.');
}
