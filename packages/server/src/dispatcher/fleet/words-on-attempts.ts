// What workers say about attempts: which they hold (heartbeats), and which have ended. Compared with the ledger; what
// differs is taken back, adopted, dropped, or asked for again.
import type { Clock } from '../../clock.ts';
import type { Outcome } from '../../lifecycle/outcome.ts';
import type { EndedItem, HeldToken, PayloadReader } from '../../protocol/index.ts';
import type { Ending } from '../../tasks/ending.ts';
import type { Adoption, ExecutorEvents } from '../executor.ts';
import type { Deliveries } from './deliveries.ts';
import { endingOf, undelivered } from './endings.ts';
import { logsOf, outcomeOf } from './incoming.ts';
import type { Link } from './link.ts';

export interface WordsParts {
  deliveries: Deliveries;
  clock: Clock;
  events: ExecutorEvents;
  /** Is this still the worker's line? An answer of the store may come after it went. */
  isCurrent: (link: Link) => boolean;
}

const LARGE_BYTES = 64 * 1024;

function resultBytes(outcome: Outcome): number {
  if (outcome.is === 'failed') return outcome.pickle?.length ?? 0;
  if (outcome.is !== 'completed') return 0;
  return (outcome.result.json?.length ?? 0) + (outcome.result.pickle?.length ?? 0);
}

export class WordsOnAttempts {
  readonly #parts: WordsParts;

  constructor(parts: WordsParts) {
    this.#parts = parts;
  }

  heartbeat(link: Link, held: readonly HeldToken[], got: number, mono: number): void {
    const answer = this.#parts.deliveries.heartbeat(link.id, held, got, mono);
    const { missing, unknown, settled, givenUp, missingResults } = answer;
    for (const token of missingResults) link.outgoing.name('resend', token);
    for (const token of settled) link.outgoing.name('settled', token);
    for (const token of givenUp) link.outgoing.name('drop', token);
    // A report that is repeated tells how things were before: what it does not name may have come since.
    const isOld = got < link.member.acknowledged;
    link.member.acknowledges(got);
    const endings = (isOld ? [] : missing).map((delivery) => {
      this.#parts.deliveries.forget(delivery.fence.token);
      link.member.undelivered(delivery.number);
      link.forget(delivery.fence.token);
      link.outgoing.name('drop', delivery.fence.token);
      return undelivered(delivery);
    });
    this.#tell(endings);
    if (unknown.length > 0) void this.#adopt(link, unknown);
  }

  /** A worker holds what we do not know: ours if its token is still current; else it is to be dropped. */
  async #adopt(link: Link, held: readonly HeldToken[]): Promise<void> {
    const found = held.map((token) => ({
      fence: { id: token.id, attempt: token.a, token: token.t },
      worker: link.id,
      startedAt: token.at,
    }));
    let adopted: Adoption[];
    try {
      adopted = await this.#parts.events.adopt(found);
    } catch (error) {
      this.#parts.events.note('warn', `What worker ${link.id} holds cannot be adopted.`, { err: error });
      return;
    }
    if (!this.#parts.isCurrent(link)) return;
    const mono = this.#parts.clock.mono();
    found.forEach(({ fence, startedAt }, at) => {
      const ours = adopted[at];
      // The next heartbeat names again what is unsure.
      if (ours === 'unsure' || this.#parts.deliveries.get(fence.token) !== undefined) return;
      if (ours === undefined) {
        link.outgoing.name('drop', fence.token);
        return;
      }
      const delivery = this.#parts.deliveries.give({ fence, ...ours }, link.id, mono);
      this.#parts.deliveries.sent(fence.token, 0, mono);
      delivery.startedAt = startedAt;
      if (held[at]!.done === true) link.outgoing.name('resend', fence.token);
    });
    link.flush(mono);
  }

  ended(link: Link, items: readonly EndedItem[], reader: PayloadReader): void {
    const endings: Ending[] = [];
    const strangers: HeldToken[] = [];
    for (const item of items) {
      const delivery = this.#parts.deliveries.get(item.t);
      if (delivery === undefined) {
        // Unknown here: another dispatcher's, or settled before and its 'settled' was lost.
        if (this.#parts.deliveries.wasSettled(item.t)) link.outgoing.name('settled', item.t);
        else if (this.#parts.deliveries.wasGivenUp(item.t)) link.outgoing.name('drop', item.t);
        else strangers.push({ t: item.t, id: item.id, a: item.a, at: item.at, done: true });
        continue;
      }
      if (delivery.worker !== link.id || delivery.phase === 'settling') continue;
      const outcome = outcomeOf(item, delivery.spec, reader, link.parts);
      if (outcome === undefined) {
        link.outgoing.name('resend', item.t);
        continue;
      }
      this.#parts.deliveries.ended(delivery);
      link.forget(item.t);
      delivery.isLarge = resultBytes(outcome) > LARGE_BYTES;
      if (item.at > 0) delivery.startedAt = item.at;
      endings.push({
        ...endingOf(delivery, outcome),
        worker: link.id,
        // Whoever gives a call back knows whether it had begun; what was believed before counts for nothing.
        startedAt: outcome.is === 'released' ? item.at : delivery.startedAt,
        logs: logsOf(item, reader),
      });
    }
    this.#tell(endings);
    if (strangers.length > 0) void this.#adopt(link, strangers);
  }

  #tell(endings: Ending[]): void {
    if (endings.length > 0) this.#parts.events.ended(endings);
  }
}
