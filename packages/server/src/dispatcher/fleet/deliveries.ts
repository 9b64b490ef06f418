// What was given to workers and has not come back: the dispatcher's ledger. Pure; time is an argument.
//
//  L1  A token is here from the moment its task is given to a worker until its ending is settled or it is dropped.
//  L2  A delivery that the worker does not name in a heartbeat that acknowledges it, or in none for two seconds, has not arrived.
//  L3  Of a dead worker, at most its first `slots` unanswered deliveries count as a loss: the others cannot have begun.
//      Nor can what has not left us whole, or what the worker, leaving, says it never got.
//  L4  A delivered at-most-once task is never given back by us: only its holder knows that it was not started.
//  L5  What was settled lately is remembered: a heartbeat that crossed our word about it costs no question to the store.
//  L6  What was given up with its worker is not adopted: its ending is told, though the store may be long in taking it. A worker
//      that comes back with it drops it.
import { LOST_AFTER_MS, UNDELIVERED_AFTER_MS, type HeldToken } from '../../protocol/index.ts';
import type { Fence } from '../../lifecycle/fence.ts';
import type { TaskSpec } from '../../lifecycle/spec.ts';
import { InFlight } from '../../in-flight.ts';
import { Hand, type InHand } from './hand.ts';

/** What is remembered of a task that a worker has. */
export interface GivenTask {
  fence: Fence;
  spec: TaskSpec;
  /** By the user's own policy, before this attempt. */
  retries: number;
}

export interface Delivery extends GivenTask, InHand<Delivery> {
  readonly hand: Hand<Delivery>;
  worker: string;
  /** Of its worker's session; NOT_SENT until it leaves, 0 = adopted. */
  number: number;
  /** Order of giving, over all workers. */
  order: number;
  /** Monotonic ms. */
  sentAt: number;
  namedAt: number;
  /** Unix ms, 0 = waiting as far as we know. */
  startedAt: number;
  phase: 'given' | 'settling';
  /** Its result fills the worker's memory until it is settled. */
  isLarge: boolean;
}

/** Longer than a heartbeat and its answer take. */
const SETTLED_KEPT_MS = 5_000;
/** Tokens settled in a span of time, at most: where thousands are a second, half a second is long. */
const SETTLED_KEPT = 8_192;
const NOT_SENT = Number.POSITIVE_INFINITY;

export class Deliveries {
  readonly #byToken = new InFlight<string, Delivery>();
  readonly #byTask = new InFlight<string, Delivery>();
  readonly #hands = new Map<string, Hand<Delivery>>();
  /** Tokens settled in this span of time, and in the one before. */
  #settled = new Set<string>();
  #settledBefore = new Set<string>();
  /** Given up with their workers; their endings are not settled yet. */
  readonly #givenUp = new Set<string>();
  #turnAt = 0;
  #order = 0;

  get(token: string): Delivery | undefined {
    return this.#byToken.get(token);
  }

  tokenOfTask(id: string): string | undefined {
    return this.#byTask.get(id)?.fence.token;
  }

  /** Everything that a worker has, in the order given. */
  of(worker: string): Delivery[] {
    return [...(this.#hands.get(worker) ?? [])];
  }

  /** How many attempts a worker has that have not ended. */
  heldBy(worker: string): number {
    return this.#hands.get(worker)?.open ?? 0;
  }

  /** Its ending came; it waits for the store. */
  ended(delivery: Delivery): void {
    delivery.phase = 'settling';
    delivery.hand.open -= 1;
  }

  get size(): number {
    return this.#byToken.size;
  }

  give({ fence, spec, retries }: GivenTask, worker: string, mono: number): Delivery {
    this.forget(fence.token);
    this.#order += 1;
    let hand = this.#hands.get(worker);
    if (hand === undefined) this.#hands.set(worker, (hand = new Hand<Delivery>()));
    const delivery: Delivery = {
      fence,
      spec,
      retries,
      worker,
      number: NOT_SENT,
      order: this.#order,
      sentAt: mono,
      // A delivery counts as named when it is sent: its first heartbeat may be a second away.
      namedAt: mono,
      startedAt: 0,
      phase: 'given',
      isLarge: false,
      hand,
      before: undefined,
      after: undefined,
    };
    this.#byToken.set(fence.token, delivery);
    this.#byTask.set(fence.id, delivery);
    hand.add(delivery);
    hand.open += 1;
    return delivery;
  }

  /** It left for its worker as part of delivery `number` (0: the worker held it already). */
  sent(token: string, number: number, mono: number): void {
    const delivery = this.#byToken.get(token);
    if (delivery === undefined) return;
    delivery.number = number;
    delivery.sentAt = mono;
    delivery.namedAt = mono;
  }

  /** Its worker is gone, and its ending is told (L6). */
  giveUp(token: string): void {
    this.forget(token);
    this.#givenUp.add(token);
  }

  wasGivenUp(token: string): boolean {
    return this.#givenUp.has(token);
  }

  /** Its ending is in the store. */
  settle(token: string): void {
    const delivery = this.#byToken.get(token);
    const wasGivenUp = this.#givenUp.delete(token);
    if (delivery !== undefined) this.#forget(delivery);
    else if (!wasGivenUp) return;
    if (this.#settled.size === SETTLED_KEPT) this.#turn();
    this.#settled.add(token);
  }

  wasSettled(token: string): boolean {
    return this.#settled.has(token) || this.#settledBefore.has(token);
  }

  /** Forgets what was settled long ago. */
  tick(mono: number): void {
    if (mono < this.#turnAt) return;
    this.#turnAt = mono + SETTLED_KEPT_MS;
    this.#turn();
  }

  #turn(): void {
    this.#settledBefore = this.#settled;
    this.#settled = new Set();
  }

  forget(token: string): void {
    const delivery = this.#byToken.get(token);
    if (delivery !== undefined) this.#forget(delivery);
  }

  #forget(delivery: Delivery): void {
    const { fence, worker, hand } = delivery;
    this.#byToken.delete(fence.token);
    if (delivery.phase === 'given') hand.open -= 1;
    // A later attempt of the task may be here.
    if (this.#byTask.get(fence.id) === delivery) this.#byTask.delete(fence.id);
    hand.remove(delivery);
    if (hand.isEmpty) this.#hands.delete(worker);
  }

  /**
   * A heartbeat: marks what is named and answers what is not there (L2), what we do not know (to be adopted or
   * dropped), what was given up (L6), and which kept results we have not received.
   */
  heartbeat(
    worker: string,
    held: readonly HeldToken[],
    got: number,
    mono: number,
  ): { missing: Delivery[]; unknown: HeldToken[]; settled: string[]; givenUp: string[]; missingResults: string[] } {
    const unknown: HeldToken[] = [];
    const givenUp: string[] = [];
    const settled: string[] = [];
    const missingResults: string[] = [];
    const named = new Set<string>();
    for (const token of held) {
      const delivery = this.#byToken.get(token.t);
      if (delivery === undefined) {
        if (this.wasSettled(token.t)) settled.push(token.t);
        else if (this.wasGivenUp(token.t)) givenUp.push(token.t);
        else unknown.push(token);
        continue;
      }
      named.add(token.t);
      delivery.namedAt = mono;
      if (token.at > 0) delivery.startedAt = token.at;
      if (token.done === true && delivery.phase === 'given') missingResults.push(token.t);
    }
    const missing: Delivery[] = [];
    for (const delivery of this.#hands.get(worker) ?? []) {
      if (delivery.phase === 'settling' || delivery.number === NOT_SENT || named.has(delivery.fence.token)) continue;
      if (delivery.number <= got || mono - delivery.sentAt > UNDELIVERED_AFTER_MS) missing.push(delivery);
    }
    return { missing, unknown, settled, givenUp, missingResults };
  }

  /**
   * Of a dead worker, or of one that has left: who is charged and who goes back unharmed (L3, L4). Endings under way are
   * neither. `notThere`: is it known that the worker never had this one, or not all of it?
   */
  lost(
    worker: string,
    slots: number,
    notThere: (delivery: Delivery) => boolean,
  ): { charged: Delivery[]; released: Delivery[] } {
    const open = this.of(worker).filter((delivery) => delivery.phase === 'given');
    open.sort((a, b) => Number(b.startedAt > 0) - Number(a.startedAt > 0) || a.order - b.order);
    const charged: Delivery[] = [];
    const released: Delivery[] = [];
    for (const delivery of open) {
      const arrived = delivery.number !== NOT_SENT && !notThere(delivery);
      const mayHaveBegun = arrived && (charged.length < slots || delivery.spec.at_most_once);
      (mayHaveBegun ? charged : released).push(delivery);
    }
    return { charged, released };
  }

  /** What leases are renewed for: named within the last three seconds, or its ending waits for the store. */
  named(mono: number): Delivery[] {
    const live: Delivery[] = [];
    for (const delivery of this.#byToken.values()) {
      if (delivery.phase === 'settling' || mono - delivery.namedAt <= LOST_AFTER_MS) live.push(delivery);
    }
    return live;
  }
}
