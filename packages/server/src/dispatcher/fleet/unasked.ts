// What a peer can make us say or log by sending, and need not read: bounded, else one that only sends would fill our memory
// and our log. Workers that mean well ask about once a second.
import { BoundedMap } from '../../bounded-map.ts';
import type { Clock } from '../../clock.ts';
import type { Peer } from '../../protocol/index.ts';
import type { ExecutorEvents } from '../executor.ts';

const WINDOW_MS = 1_000;
/** Answers a peer, and lines in the log, a window. */
const AT_MOST = 10;
/** Peers that are told apart; who is forgotten may ask again. */
const PEERS = 10_000;

interface Window {
  since: number;
  count: number;
}

export class Unasked {
  readonly #clock: Clock;
  readonly #events: Pick<ExecutorEvents, 'note'>;
  readonly #answered = new BoundedMap<string, Window>(PEERS);
  #logged: Window = { since: Number.NEGATIVE_INFINITY, count: 0 };

  constructor(clock: Clock, events: Pick<ExecutorEvents, 'note'>) {
    this.#clock = clock;
    this.#events = events;
  }

  /** May this peer be answered what it has no need to read? Counts as an answer. */
  mayAnswer(peer: Peer): boolean {
    const key = peer.toString('latin1');
    const window = this.#counted(this.#answered.get(key));
    this.#answered.set(key, window);
    return window.count <= AT_MOST;
  }

  /** A line in the log, or one of those that are only counted. */
  note(sentence: string, fields?: Record<string, unknown>): void {
    const before = this.#logged;
    this.#logged = this.#counted(before);
    const isNew = this.#logged !== before;
    if (isNew && before.count > AT_MOST)
      this.#events.note('warn', `${before.count - AT_MOST} more messages like those were refused.`);
    if (this.#logged.count <= AT_MOST) this.#events.note('warn', sentence, fields);
  }

  #counted(window: Window | undefined): Window {
    const now = this.#clock.mono();
    if (window === undefined || now - window.since >= WINDOW_MS) return { since: now, count: 1 };
    window.count += 1;
    return window;
  }
}
