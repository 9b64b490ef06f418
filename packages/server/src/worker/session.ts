// One dispatcher as this worker knows it: registered or not, what was received from it, what it may spend.
// The lines (push-line, pull-line) move messages; this decides what they say and what an answer means.
import type { Clock } from '../clock.ts';
import type { RuntimeSnapshot } from '../lifecycle/runtime.ts';
import {
  Assembly,
  BadMessage,
  MAX_PAYLOAD_BYTES,
  PART_WINDOW_BYTES,
  PayloadReader,
  type DispatcherItem,
  type Envelope,
  type HeldToken,
  type Received,
  type WorkerItem,
} from '../protocol/index.ts';
import type { Ended } from './attempts.ts';
import type { Share } from './grants.ts';
import { Outgoing } from './outgoing.ts';

/** What never changes while this process lives. */
export interface Identity {
  worker: string;
  incarnation: string;
  mode: 'pull' | 'push';
  host: string;
  pid: number;
  version: string;
  slots: number;
  labels: string[];
}

/** What a session asks of its worker, and tells it. */
export interface SessionHost {
  readonly identity: Identity;
  readonly clock: Clock;
  readonly draining: boolean;
  /** This worker has a worker key. */
  readonly keyed: boolean;
  runtimes(): RuntimeSnapshot[];
  load(): { free: number; running: number; waiting: number };
  /** Since when nothing has come of arguments that come in parts from there, monotonic ms; undefined = all are whole. */
  awaitsSince(url: string): number | undefined;
  /** A connection was given up: what was to come on it, parts and code, does not come any more. */
  connectionGone(url: string): void;
  /** A heartbeat is about to be said: the time to look for what is overdue from there. */
  beating(url: string): void;
  held(url: string): HeldToken[];
  /** What an attempt came to that has ended and is held: read from where it is kept. */
  resultOf(token: string): Ended;
  share(url: string): Share;
  /** Where another session of this worker serves this dispatcher, or did a moment ago: its address. */
  servedAt(dispatcher: string, except: string): string | undefined;
  /** A work item: tasks, parts, code, settled, resend, drop, recall. */
  received(session: Session, item: DispatcherItem, reader: PayloadReader): void;
  note(level: 'info' | 'warn', message: string): void;
}

/** Parts come one after the other. Where none of any payload has come for so long, one was lost on the way, ms. */
const PARTS_SILENT_MS = 10_000;
/** A standing trouble is told once and then as a reminder, not at every try. */
const REMIND_MS = 30_000;

/** After so many bytes of parts the dispatcher is told: well before its window is used up, so that they never stop. */
const PART_WORD_BYTES = PART_WINDOW_BYTES / 4;
/** A session whose dispatcher is served by another one holds still until that was down for so long, ms: it was given up. */
const ASIDE_MS = 10_000;

type State =
  | { is: 'down'; since: number }
  | { is: 'registering'; since: number }
  | { is: 'up'; session: string; dispatcher: string }
  /** Two addresses of one dispatcher: were both to register, each would end the other's session. */
  | { is: 'aside'; dispatcher: string };

export class Session {
  readonly url: string;
  readonly outgoing: Outgoing;
  /** Payloads that come in parts: what was begun on a connection ends with it. */
  readonly arrivals: Assembly;
  /** Monotonic ms of the last message from there. */
  heardAt: number;
  /** Number of the last delivery received. */
  got = 0;
  /** Bytes of parts received in this session; and how many of them the dispatcher was told of. */
  partBytes = 0;
  #partBytesTold = 0;
  /** What the dispatcher knows of what can run here. */
  #runsTold = '';
  /** Tasks from there lately; halved every heartbeat. */
  recent = 0;
  readonly #host: SessionHost;
  #state: State;
  #seq = 0;
  #missedDelivery = false;
  /** The dispatcher that was last up here, and when it was so, monotonic ms. */
  #served = { dispatcher: '', until: Number.NEGATIVE_INFINITY };
  #warned = { what: '', at: Number.NEGATIVE_INFINITY };
  /** What the dispatcher believes it may spend: the last grant, less what came since. */
  #believed: Share = { credits: 0, free: 0 };

  constructor(url: string, host: SessionHost) {
    this.url = url;
    this.#host = host;
    this.outgoing = new Outgoing((token) => host.resultOf(token));
    this.arrivals = new Assembly(MAX_PAYLOAD_BYTES);
    this.heardAt = host.clock.mono();
    this.#state = { is: 'down', since: this.heardAt };
  }

  get isUp(): boolean {
    return this.#state.is === 'up';
  }

  /** Nothing is to be said here at present: another address of the same dispatcher is served. */
  get standsAside(): boolean {
    return this.#state.is === 'aside' && this.#host.servedAt(this.#state.dispatcher, this.url) !== undefined;
  }

  /** Is this dispatcher served here, or was it a moment ago? */
  serves(dispatcher: string): boolean {
    if (this.#state.is === 'up') return this.#state.dispatcher === dispatcher;
    return this.#served.dispatcher === dispatcher && this.#host.clock.mono() - this.#served.until < ASIDE_MS;
  }

  /** A part was lost on the way (with an answer that nobody waited for any more): only a new connection brings it. */
  get isStuck(): boolean {
    const since = this.isUp ? this.#host.awaitsSince(this.url) : undefined;
    return since !== undefined && this.#host.clock.mono() - since > PARTS_SILENT_MS;
  }

  get believed(): Share {
    return this.#believed;
  }

  /** How long this dispatcher has been away, in ms; 0 while it is there. */
  downForMs(): number {
    return this.#state.is === 'down' ? this.#host.clock.mono() - this.#state.since : 0;
  }

  /** The dispatcher took tasks back that never came: a delivery was lost on the way. Told once. */
  takeMissedDelivery(): boolean {
    const missed = this.#missedDelivery;
    this.#missedDelivery = false;
    return missed;
  }

  missedDelivery(): void {
    this.#missedDelivery = true;
  }

  /** We said goodbye. */
  left(): void {
    this.#leaveUp();
    this.#state = { is: 'down', since: this.#host.clock.mono() };
    this.#reset();
  }

  /** The connection is given up: what was said on it counts for nothing. */
  down(why: string): void {
    if (this.#state.is === 'up')
      this.#host.note('warn', `The dispatcher at ${this.url} ${why}; trying to reach it again.`);
    else if (this.#state.is === 'registering' && this.heardAt <= this.#state.since) this.#warn(this.#unanswered());
    this.#leaveUp();
    if (this.#state.is !== 'down' && this.#state.is !== 'aside')
      this.#state = { is: 'down', since: this.#host.clock.mono() };
    this.#reset();
    this.#host.connectionGone(this.url);
  }

  /** The first message of a connection. */
  registration(): WorkerItem[] {
    if (this.#state.is !== 'down') this.#reset();
    this.#leaveUp();
    this.#state = { is: 'registering', since: this.#host.clock.mono() };
    const { mode, host, pid, version, slots, labels } = this.#host.identity;
    const runtimes = this.#host.runtimes();
    this.#runsTold = runsAs(runtimes, false);
    const about = { mode, host, pid, version, slots, labels, runtimes, beats: true };
    return [{ k: 'register', ...about, held: this.#host.held(this.url) }];
  }

  /** The last words of a connection: which deliveries came, so that the others are known not to have begun. */
  goodbye(): WorkerItem[] {
    return [this.heartbeat(), { k: 'goodbye' }];
  }

  heartbeat(): WorkerItem {
    this.recent = Math.floor(this.recent / 2);
    this.#host.beating(this.url);
    const { draining } = this.#host;
    const runtimes = this.#host.runtimes();
    this.#runsTold = runsAs(runtimes, draining);
    return {
      k: 'heartbeat',
      held: this.#host.held(this.url),
      got: this.got,
      ...this.#host.load(),
      runtimes,
      draining,
    };
  }

  /** Has what can run here changed since the dispatcher was told? A heartbeat out of turn says so. */
  get hasNews(): boolean {
    return this.#runsTold !== runsAs(this.#host.runtimes(), this.#host.draining);
  }

  /** A grant, where it differs from what the dispatcher believes, where parts must not wait for it, or `always`. */
  credits(ask: boolean, always: boolean): WorkerItem[] {
    const share = this.#host.share(this.url);
    const same = share.credits === this.#believed.credits && share.free === this.#believed.free;
    if (same && this.partBytes - this.#partBytesTold < PART_WORD_BYTES && !always) return [];
    this.#believed = share;
    this.#partBytesTold = this.partBytes;
    return [{ k: 'credits', ...share, got: this.got, part_bytes: this.partBytes, ask }];
  }

  envelope(items: WorkerItem[]): Envelope<WorkerItem> {
    this.#seq += 1;
    const { worker, incarnation } = this.#host.identity;
    const session = this.#state.is === 'up' ? this.#state.session : '';
    return { worker, incarnation, seq: this.#seq, session, items };
  }

  /** A message came. One that does not fit what came before it (a part was lost with a connection) ends the session. */
  receive(received: Received): void {
    try {
      this.#take(received);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      this.down(`sent ${error.message}`);
    }
  }

  #take({ envelope, payloads }: Received): void {
    this.heardAt = this.#host.clock.mono();
    const reader = new PayloadReader(payloads);
    for (const item of envelope.items) {
      switch (item.k) {
        case 'welcome': {
          const other = this.#host.servedAt(item.dispatcher, this.url);
          if (other !== undefined) {
            this.#warn(
              `The dispatchers at ${this.url} and ${other} are one and the same: this worker serves it by the latter address alone.`,
            );
            this.#state = { is: 'aside', dispatcher: item.dispatcher };
            return;
          }
          this.#host.note('info', `Registered with the dispatcher at ${this.url}.`);
          this.#warned = { what: '', at: Number.NEGATIVE_INFINITY };
          this.#state = { is: 'up', session: item.session, dispatcher: item.dispatcher };
          break;
        }
        case 'register_again':
          this.down('does not know this worker any more');
          return;
        case 'goodbye':
          this.down('has gone away');
          return;
        case 'refused':
          this.#warn(`The dispatcher at ${this.url} refused a message: ${item.message}.`);
          this.down('refused');
          return;
        case 'tasks':
          // One that comes twice, or behind a later one, was acknowledged with that: it is taken back, or was settled.
          if (item.number <= this.got) break;
          this.got = item.number;
          this.recent += item.tasks.length;
          this.#believed = {
            credits: Math.max(0, this.#believed.credits - item.tasks.length),
            free: Math.max(0, this.#believed.free - item.tasks.length),
          };
          this.#host.received(this, item, reader);
          break;
        default:
          this.#host.received(this, item, reader);
      }
    }
  }

  /** ZeroMQ tells nothing of these causes apart: who knows better is the dispatcher, and it logs it. */
  #unanswered(): string {
    const key = this.#host.keyed
      ? "its worker key is another one than this worker's, or it has none"
      : 'it wants a worker key and this worker has none';
    return `No answer from a dispatcher at ${this.url}: nothing listens there, or ${key} (MPCSFAAS_WORKER_KEY or --worker-key-file); this worker goes on trying.`;
  }

  #warn(what: string): void {
    const now = this.#host.clock.mono();
    if (this.#warned.what === what && now - this.#warned.at < REMIND_MS) return;
    this.#warned = { what, at: now };
    this.#host.note('warn', what);
  }

  #leaveUp(): void {
    if (this.#state.is !== 'up') return;
    this.#served = { dispatcher: this.#state.dispatcher, until: this.#host.clock.mono() };
  }

  #reset(): void {
    this.outgoing.clear();
    this.arrivals.clear();
    this.got = 0;
    this.partBytes = 0;
    this.#partBytesTold = 0;
    this.#believed = { credits: 0, free: 0 };
  }
}

/** Whether two answers to the question what can run here are the same. */
function runsAs(runtimes: readonly RuntimeSnapshot[], draining: boolean): string {
  return JSON.stringify([draining, runtimes]);
}
