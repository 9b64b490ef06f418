// Pull: two REQ lanes. One asks for work and stays parked at the dispatcher; the other reports results and heartbeats
// and is answered at once. A request without an answer in time is repeated, as it was, on a new socket.
import { backoffMs } from '../backoff.ts';
import { pause, type LiveClock } from '../clock.ts';
import {
  ANSWER_TIMEOUT_MS,
  ASK_TIMEOUT_MS,
  HEARTBEAT_MS,
  type DispatcherLines,
  type DispatcherSocketOptions,
  type Envelope,
  type LockstepLine,
  type WorkerItem,
} from '../protocol/index.ts';
import { GATHER_MS, RECONNECT, STUCK, type Line } from './line.ts';
import type { Session } from './session.ts';

/** Unanswered reports in a row after which the dispatcher counts as gone. */
const MISSES = 2;
/** When we leave, what is under way and the goodbye have so long together, ms: a dispatcher that is there answers at once. */
const LAST_WORDS_MS = 1_000;

export class PullLine implements Line {
  readonly #session: Session;
  readonly #options: DispatcherSocketOptions;
  readonly #clock: LiveClock;
  readonly #lines: DispatcherLines;
  readonly #random: () => number;
  readonly #report: LockstepLine;
  readonly #running: Promise<void>;
  #closed = false;
  #woken = false;
  #soon = false;
  #wake: (() => void) | undefined;

  constructor(
    session: Session,
    options: DispatcherSocketOptions,
    lines: DispatcherLines,
    clock: LiveClock,
    random: () => number,
  ) {
    this.#session = session;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#lines = lines;
    this.#report = lines.lockstep(options, () => undefined);
    this.#running = this.#run();
  }

  wake(soon: boolean): void {
    this.#woken = true;
    this.#soon ||= soon;
    this.#wake?.();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // Nobody to say goodbye to: nothing to wait for either. One that is there and says nothing more is like nobody.
    if (!this.#session.isUp) this.#report.close();
    const stopWaiting = this.#clock.after(LAST_WORDS_MS, () => this.#report.close());
    this.wake(true);
    await this.#running;
    stopWaiting();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#closed) {
      if (this.#session.standsAside) {
        await this.#sleep(HEARTBEAT_MS, false);
        continue;
      }
      const answered = await this.#exchange(this.#session.registration(), []);
      // Left in the middle of its first words: that says nothing of the dispatcher.
      if (!answered && this.#closing()) break;
      if (!answered || !this.#session.isUp) {
        this.#session.down('does not answer');
        failures += 1;
        await this.#sleep(backoffMs(RECONNECT, failures, this.#random()), false);
        continue;
      }
      failures = 0;
      await this.#serve();
    }
    this.#report.close();
  }

  /** While the session is up: the asking lane beside the reporting one. */
  async #serve(): Promise<void> {
    const lane = this.#lines.lockstep(this.#options, () => undefined);
    const asking = this.#ask(lane);
    let misses = 0;
    let beatAt = this.#clock.mono() + HEARTBEAT_MS;
    while (this.#serving() && misses < MISSES) {
      // In whole milliseconds: less than what the clock can tell apart would be slept through without end.
      await this.#sleep(Math.max(0, Math.ceil(beatAt - this.#clock.mono())), true);
      if (!this.#up()) break;
      if (this.#session.isStuck) {
        this.#session.down(STUCK);
        break;
      }
      const now = this.#clock.mono();
      const beats = now >= beatAt;
      if (beats) beatAt = now + HEARTBEAT_MS;
      const heartbeat = beats || this.#session.hasNews ? [this.#session.heartbeat()] : [];
      const first = [...heartbeat, ...this.#session.credits(false, beats)];
      if (first.length === 0 && this.#session.outgoing.isEmpty) continue;
      const { items, payloads } = this.#session.outgoing.take(first);
      const envelope = this.#session.envelope(items);
      misses = 0;
      while (this.#up() && misses < MISSES && !(await this.#send(envelope, payloads))) misses += 1;
      // The answer to our last asking was lost, so nobody has parked us: ask anew, now.
      if (this.#session.takeMissedDelivery()) lane.abandon();
      if (!this.#session.outgoing.isEmpty) this.#woken = true;
    }
    if (this.#closed && this.#up()) await this.#goodbye();
    else this.#session.down('does not answer');
    lane.close();
    await asking;
  }

  /** Asked anew after every await: methods, because all change meanwhile. */
  #up(): boolean {
    return this.#session.isUp;
  }

  #closing(): boolean {
    return this.#closed;
  }

  #serving(): boolean {
    return this.#up() && !this.#closed;
  }

  async #goodbye(): Promise<void> {
    const { items, payloads } = this.#session.outgoing.take();
    await this.#exchange([...items, ...this.#session.goodbye()], payloads);
    this.#session.left();
  }

  async #ask(lane: LockstepLine): Promise<void> {
    while (this.#serving()) {
      const request = this.#session.envelope(this.#session.credits(true, true));
      const answer = await lane.exchange(request, [], ASK_TIMEOUT_MS);
      if (answer === undefined || !this.#up()) continue;
      this.#session.receive(answer);
      // It ended the session: the reporting lane need not wait for its next heartbeat to see that.
      if (!this.#up()) this.wake(true);
      // The pool starts what came when this turn is over: before, the slots that it takes would be offered again.
      await Promise.resolve();
    }
  }

  #exchange(items: WorkerItem[], payloads: Buffer[]): Promise<boolean> {
    return this.#send(this.#session.envelope(items), payloads);
  }

  async #send(envelope: Envelope<WorkerItem>, payloads: Buffer[]): Promise<boolean> {
    const answer = await this.#report.exchange(envelope, payloads, ANSWER_TIMEOUT_MS);
    if (answer !== undefined) this.#session.receive(answer);
    return answer !== undefined;
  }

  /** True when woken, false when the time was up. What came in this turn of the event loop goes together. */
  async #sleep(ms: number, wakeable: boolean): Promise<boolean> {
    if (!this.#woken || !wakeable) {
      const woken = await new Promise<boolean>((resolve) => {
        const cancel = this.#clock.after(ms, () => resolve(false));
        this.#wake = () => {
          if (!wakeable && !this.#closed) return;
          cancel();
          resolve(true);
        };
      });
      this.#wake = undefined;
      if (!woken) return false;
    }
    if (this.#soon) await new Promise<void>((resolve) => this.#clock.turn(resolve));
    else await pause(this.#clock, GATHER_MS);
    this.#woken = false;
    this.#soon = false;
    return true;
  }
}
