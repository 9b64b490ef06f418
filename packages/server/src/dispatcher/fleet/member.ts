// One registered worker as the dispatcher knows it: what it said, what it was sent, and since when it is silent. Pure.
import type { RuntimeSnapshot } from '../../lifecycle/runtime.ts';
import { HEARTBEAT_MS, UNDELIVERED_AFTER_MS, type DispatcherItem, type WorkerItem } from '../../protocol/index.ts';
import type { WorkerSnapshot } from '../../store/index.ts';

const OVERDUE_MS = 1.5 * HEARTBEAT_MS;

type Registration = Extract<WorkerItem, { k: 'register' }>;
type Credits = Extract<WorkerItem, { k: 'credits' }>;

/**
 * A worker grants totals as of the last delivery it had received; what was sent since is counted off here, so that
 * a grant that crosses a delivery on the wire is never spent twice.
 */
export class Member {
  readonly id: string;
  readonly incarnation: string;
  /** Drawn at registration; every later message carries it. */
  readonly session: string;
  readonly mode: 'pull' | 'push';
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly slots: number;
  readonly labels: readonly string[];
  /** It said that it speaks every second, whatever is parked here. */
  readonly beats: boolean;
  /** Unix ms. */
  readonly registeredAt: number;
  runtimes: readonly RuntimeSnapshot[];
  draining = false;
  running = 0;
  waiting = 0;
  /** Monotonic ms of the last message of any kind. */
  heardAt: number;
  /** Unix ms of the same. */
  seenAt: number;
  /** Our count of deliveries to it. */
  deliveries = 0;
  /** The last of them that it has acknowledged. */
  acknowledged = 0;
  #granted = { credits: 0, free: 0 };
  #grantedBy = 0;
  /** Deliveries that the last grant had not seen, oldest first. `sentAt`: monotonic ms. */
  readonly #since: { number: number; tasks: number; sentAt: number }[] = [];
  #sinceCount = 0;

  constructor(id: string, incarnation: string, session: string, said: Registration, mono: number, wall: number) {
    this.id = id;
    this.incarnation = incarnation;
    this.session = session;
    this.mode = said.mode;
    this.host = said.host;
    this.pid = said.pid;
    this.version = said.version;
    this.slots = said.slots;
    this.labels = said.labels;
    this.beats = said.beats === true;
    this.runtimes = said.runtimes;
    this.registeredAt = wall;
    this.heardAt = mono;
    this.seenAt = wall;
    for (const { at, done } of said.held) {
      if (done === true) continue;
      if (at > 0) this.running += 1;
      else this.waiting += 1;
    }
  }

  welcome(dispatcher: string): DispatcherItem {
    return { k: 'welcome', session: this.session, dispatcher };
  }

  heard(mono: number, wall: number): void {
    this.heardAt = mono;
    this.seenAt = wall;
  }

  /** Does this change what can run here? */
  runsOtherwise(now: readonly RuntimeSnapshot[]): boolean {
    const before = this.runtimes;
    return now.some(({ version, broken, pickles, pickles_soon }, at) => {
      const one = before[at];
      return (
        version !== one?.version ||
        broken !== one.broken ||
        pickles !== one.pickles ||
        pickles_soon !== one.pickles_soon
      );
    });
  }

  acknowledges(got: number): void {
    this.acknowledged = Math.max(this.acknowledged, got);
  }

  /**
   * `seq`: of the message. A pull worker's lanes overtake each other, and a report may be a repeat: an older grant says
   * nothing any more. A delivery that it has not got for so long is lost, whatever became of its tasks: what it took is
   * there again.
   */
  grant(said: Credits, seq: number, mono: number): void {
    this.acknowledges(said.got);
    if (seq < this.#grantedBy) return;
    this.#grantedBy = seq;
    this.#granted = { credits: said.credits, free: said.free };
    const isSeen = ({ number, sentAt }: { number: number; sentAt: number }): boolean =>
      number <= said.got || mono - sentAt > UNDELIVERED_AFTER_MS;
    while (this.#since.length > 0 && isSeen(this.#since[0]!)) this.#sinceCount -= this.#since.shift()!.tasks;
  }

  /** Numbers the next delivery and counts its tasks off the grant. */
  deliver(tasks: number, mono: number): number {
    this.deliveries += 1;
    this.#since.push({ number: this.deliveries, tasks, sentAt: mono });
    this.#sinceCount += tasks;
    return this.deliveries;
  }

  /** A task of delivery `number` has not arrived: what it took of the grant is there again. */
  undelivered(number: number): void {
    const entry = this.#since.find((one) => one.number === number);
    if (entry === undefined || entry.tasks === 0) return;
    entry.tasks -= 1;
    this.#sinceCount -= 1;
  }

  /** Tasks that were chosen for it and are not numbered yet. */
  reserved = 0;

  /** What /v1/workers shows of it: `lost` as soon as a heartbeat is overdue, before anything is taken from it. */
  snapshot(dispatcher: string, mono: number): WorkerSnapshot {
    const { id, mode, host, pid, version, slots, running, waiting, credits, registeredAt, seenAt } = this;
    return {
      id,
      mode,
      host,
      pid,
      version,
      dispatcher,
      slots,
      busy: running,
      waiting,
      credits,
      runtimes: [...this.runtimes],
      labels: [...this.labels],
      state: mono - this.heardAt > OVERDUE_MS ? 'lost' : this.draining ? 'draining' : 'ready',
      registeredAt,
      seenAt,
    };
  }

  get credits(): number {
    return this.draining ? 0 : Math.max(0, this.#granted.credits - this.#sinceCount - this.reserved);
  }

  get free(): number {
    return this.draining ? 0 : Math.max(0, this.#granted.free - this.#sinceCount - this.reserved);
  }
}
