// Push: one DEALER; the dispatcher sends as far as credits go, we send as things happen.
import { backoffMs } from '../backoff.ts';
import { pause, type Cancel, type LiveClock } from '../clock.ts';
import {
  ANSWER_TIMEOUT_MS,
  HEARTBEAT_MS,
  LOST_AFTER_MS,
  type DispatcherLines,
  type DispatcherSocketOptions,
  type FreeLine,
} from '../protocol/index.ts';
import { GATHER_MS, RECONNECT, STUCK, type Line } from './line.ts';
import type { Session } from './session.ts';

const TICK_MS = 250;
/** Messages that may wait in our own outbox: a heartbeat is never behind more than these. */
const BACKLOG = 2;
const GOODBYE_LINGER_MS = 500;

type Phase =
  | { is: 'connecting'; socket: FreeLine; since: number }
  | { is: 'up'; socket: FreeLine; beatAt: number }
  | { is: 'waiting'; until: number }
  | { is: 'closed' };

export class PushLine implements Line {
  readonly #session: Session;
  readonly #options: DispatcherSocketOptions;
  readonly #clock: LiveClock;
  readonly #lines: DispatcherLines;
  readonly #random: () => number;
  readonly #stopTicker: Cancel;
  #phase: Phase;
  #failures = 0;
  /** A flush is under way: when this turn ends, or in a moment. */
  #woken: 'no' | 'soon' | 'later' = 'no';

  constructor(
    session: Session,
    options: DispatcherSocketOptions,
    lines: DispatcherLines,
    clock: LiveClock,
    random: () => number,
  ) {
    this.#session = session;
    this.#options = options;
    this.#lines = lines;
    this.#clock = clock;
    this.#random = random;
    this.#phase = this.#connect();
    this.#stopTicker = clock.every(TICK_MS, () => this.#reconcile());
  }

  wake(soon: boolean): void {
    if (this.#woken === 'soon' || (this.#woken === 'later' && !soon)) return;
    this.#woken = soon ? 'soon' : 'later';
    const flush = (): void => {
      // An earlier flush, set off meanwhile, has said it all.
      if (this.#woken === 'no') return;
      this.#woken = 'no';
      this.#flush();
    };
    if (soon) this.#clock.turn(flush);
    else this.#clock.after(GATHER_MS, flush);
  }

  async close(): Promise<void> {
    if (this.#phase.is === 'closed') return;
    this.#stopTicker();
    const phase = this.#phase;
    this.#phase = { is: 'closed' };
    if (phase.is === 'waiting') return;
    if (phase.is === 'up') {
      const { items, payloads } = this.#session.outgoing.take();
      phase.socket.send(this.#session.envelope([...items, ...this.#session.goodbye()]), payloads);
      // A dispatcher that is stopped must not hold us up.
      await Promise.race([phase.socket.drained(), pause(this.#clock, GOODBYE_LINGER_MS)]);
    }
    await phase.socket.close(GOODBYE_LINGER_MS);
  }

  #connect(): Phase {
    let socket: FreeLine;
    try {
      socket = this.#lines.free(
        this.#options,
        (received) => {
          if (this.#phase.is === 'closed' || this.#phase.is === 'waiting' || this.#phase.socket !== socket) return;
          this.#session.receive(received);
          this.#reconcile();
          this.wake(true);
        },
        () => undefined,
      );
    } catch (fault) {
      // There are no descriptors left: what runs goes on, and what has ended is kept meanwhile.
      this.#session.down(`cannot be connected to (${(fault as Error).message})`);
      this.#failures += 1;
      return { is: 'waiting', until: this.#clock.mono() + backoffMs(RECONNECT, this.#failures, this.#random()) };
    }
    socket.send(this.#session.envelope(this.#session.registration()), []);
    return { is: 'connecting', socket, since: this.#clock.mono() };
  }

  /** The one place where the phase changes. */
  #reconcile(): void {
    const now = this.#clock.mono();
    const phase = this.#phase;
    switch (phase.is) {
      case 'closed':
        return;
      case 'waiting':
        if (now >= phase.until && !this.#session.standsAside) this.#phase = this.#connect();
        return;
      case 'connecting':
        if (this.#session.isUp) {
          this.#failures = 0;
          this.#phase = { is: 'up', socket: phase.socket, beatAt: now };
          this.#flush(true);
        } else if (
          now - phase.since > ANSWER_TIMEOUT_MS ||
          this.#session.downForMs() > 0 ||
          this.#session.standsAside
        ) {
          this.#giveUp(phase.socket, 'does not answer');
        }
        return;
      case 'up':
        if (!this.#session.isUp) this.#giveUp(phase.socket, 'is gone');
        else if (this.#session.isStuck) this.#giveUp(phase.socket, STUCK);
        else if (now - this.#session.heardAt > LOST_AFTER_MS + HEARTBEAT_MS) this.#giveUp(phase.socket, 'is silent');
        else if (now - phase.beatAt >= HEARTBEAT_MS - TICK_MS / 2) {
          phase.beatAt = now;
          phase.socket.send(
            this.#session.envelope([this.#session.heartbeat(), ...this.#session.credits(false, true)]),
            [],
          );
          this.#flush();
        }
    }
  }

  #giveUp(socket: FreeLine, why: string): void {
    this.#session.down(why);
    this.#failures += 1;
    // A dispatcher that forgot us is there: the first try follows at once.
    const wait = this.#failures === 1 ? 0 : backoffMs(RECONNECT, this.#failures, this.#random());
    this.#phase = { is: 'waiting', until: this.#clock.mono() + wait };
    void socket.close(0);
    if (wait === 0) this.#reconcile();
  }

  #flush(always = false): void {
    if (this.#phase.is !== 'up' || !this.#session.isUp) return;
    const { socket } = this.#phase;
    const { outgoing } = this.#session;
    let grant = this.#session.credits(false, always);
    if (this.#session.hasNews) grant.unshift(this.#session.heartbeat());
    while ((!outgoing.isEmpty || grant.length > 0) && socket.backlog < BACKLOG) {
      const { items, payloads } = outgoing.take(grant);
      grant = [];
      socket.send(this.#session.envelope(items), payloads);
    }
    if (!outgoing.isEmpty) void socket.drained().then(() => this.wake(true));
  }
}
