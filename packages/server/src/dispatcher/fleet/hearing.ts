// What a worker says, item by item: what it changes in what is known of the worker, and who hears of it.
import type { LiveClock } from '../../clock.ts';
import type { PayloadReader, WorkerItem } from '../../protocol/index.ts';
import type { ExecutorEvents } from '../executor.ts';
import type { CodeDesk } from './code-desk.ts';
import type { Deliveries } from './deliveries.ts';
import type { Link } from './link.ts';
import type { WordsOnAttempts } from './words-on-attempts.ts';

export interface HearingParts {
  deliveries: Deliveries;
  words: WordsOnAttempts;
  codes: CodeDesk;
  clock: LiveClock;
  events: ExecutorEvents;
  /** What can run where is not what it was. */
  fleetChanged: () => void;
}

export class Hearing {
  readonly #parts: HearingParts;

  constructor(parts: HearingParts) {
    this.#parts = parts;
  }

  /** `seq`: of the message that the item came in; `mono`: monotonic ms. Registrations and goodbyes are not for here. */
  hear(link: Link, item: WorkerItem, seq: number, reader: PayloadReader, mono: number): void {
    const { member, outgoing } = link;
    const { words, codes, clock, events, fleetChanged } = this.#parts;
    switch (item.k) {
      case 'register':
      case 'goodbye':
        return;
      case 'heartbeat': {
        const changed = member.draining !== item.draining || member.runsOtherwise(item.runtimes);
        member.running = item.running;
        member.waiting = item.waiting;
        member.draining = item.draining;
        member.runtimes = item.runtimes;
        if (changed) fleetChanged();
        words.heartbeat(link, item.held, item.got, mono);
        return;
      }
      case 'credits': {
        const { credits, free } = member;
        member.grant(item, seq, mono);
        outgoing.received(item.part_bytes);
        // A slot that became free may be all that an at-most-once task waits for.
        const more = member.credits > credits || member.free > free;
        if (item.ask || more) clock.turn(() => events.capacity());
        return;
      }
      case 'ended':
        return words.ended(link, item.ends, reader);
      case 'printed':
        return this.#printed(link, item, reader);
      case 'need_code':
        for (const digest of item.digests) void codes.serve(link, digest);
        return;
      case 'part':
        return this.#part(link, item, reader);
    }
  }

  #printed(link: Link, item: Extract<WorkerItem, { k: 'printed' }>, reader: PayloadReader): void {
    const delivery = this.#parts.deliveries.get(item.t);
    if (delivery?.worker !== link.id) return;
    const { id, attempt } = delivery.fence;
    const { stream, offset } = item;
    this.#parts.events.printed(id, attempt, { stream, offset, bytes: reader.read(item.bytes) });
  }

  /**
   * Only of what it was given and has not brought: nobody else's parts, and no more of them than it has attempts. A result
   * that was asked for again, while it was on its way, comes twice. What is larger than its task may bring is not put together:
   * its end says what becomes of it (incoming.ts).
   */
  #part(link: Link, item: Extract<WorkerItem, { k: 'part' }>, reader: PayloadReader): void {
    const delivery = this.#parts.deliveries.get(item.t);
    if (delivery?.worker !== link.id || delivery.phase !== 'given') return;
    if (item.total > delivery.spec.max_result_bytes) return;
    link.parts.add(`${item.t} ${item.of}`, item.offset, item.total, reader.read(item.bytes));
  }
}
