// One worker's line: the member, what waits to be told to it, and the connection on which it can be told.
import { Assembly, MAX_PAYLOAD_BYTES, PARK_MS, type Peer } from '../../protocol/index.ts';
import type { Candidate } from '../choice.ts';
import type { Member } from './member.ts';
import { Outgoing, type Message } from './outgoing.ts';

/** How it can be reached now. Push: always. Pull: only while it has asked and waits. */
type Line =
  { is: 'push'; peer: Peer } | { is: 'parked'; peer: Peer; since: number } | { is: 'not asking'; since: number };

export class Link implements Candidate {
  readonly member: Member;
  readonly outgoing = new Outgoing();
  readonly parts = new Assembly(MAX_PAYLOAD_BYTES);
  #line: Line;
  readonly #registeredBy: number;
  /**
   * It has said that it speaks beside a parked request, or has done so: it has a connection for heartbeats, and no answer of ours
   * excuses its silence.
   */
  #speaksBeside: boolean;
  readonly #held: (worker: string) => number;
  readonly #post: (peer: Peer, link: Link, message: Message) => void;
  readonly #sent: (link: Link, tokens: string[], number: number) => void;

  constructor(
    member: Member,
    peer: Peer,
    registeredBy: number,
    post: (peer: Peer, link: Link, message: Message) => void,
    sent: (link: Link, tokens: string[], number: number) => void,
    held: (worker: string) => number,
  ) {
    this.#held = held;
    this.member = member;
    this.#speaksBeside = member.beats;
    this.#registeredBy = registeredBy;
    this.#line = member.mode === 'push' ? { is: 'push', peer } : { is: 'not asking', since: member.heardAt };
    this.#post = post;
    this.#sent = sent;
  }

  get id(): string {
    return this.member.id;
  }
  get runtimes(): Member['runtimes'] {
    return this.member.runtimes;
  }
  get labels(): Member['labels'] {
    return this.member.labels;
  }
  get slots(): number {
    return this.member.slots;
  }
  get credits(): number {
    return this.#line.is === 'not asking' ? 0 : this.member.credits;
  }
  get held(): number {
    return this.#held(this.id);
  }
  get free(): number {
    return this.#line.is === 'not asking' ? 0 : this.member.free;
  }

  /** Since when it could have spoken, ms; undefined while it cannot, because its only request is parked with us. */
  get silentSince(): number | undefined {
    const { heardAt } = this.member;
    if (this.#line.is === 'push' || this.#speaksBeside) return heardAt;
    return this.#line.is === 'parked' ? undefined : Math.max(heardAt, this.#line.since);
  }

  /** A push worker speaks over another connection than it registered on: what was under way on that one may be lost. */
  isElsewhere(peer: Peer): boolean {
    return this.#line.is === 'push' && !this.#line.peer.equals(peer);
  }

  /** Is this the registration that made this link, come again, for its answer was lost or the network doubled it? */
  wasRegisteredBy({ incarnation, seq }: { incarnation: string; seq: number }, peer: Peer): boolean {
    return incarnation === this.member.incarnation && seq === this.#registeredBy && !this.isElsewhere(peer);
  }

  /** This attempt is over, or not ours any more: neither its arguments' parts need travel nor those of its result be kept. */
  forget(token: string): void {
    this.outgoing.forget(token);
    this.parts.forget(`${token} `);
  }

  /** A message came over this connection. `asks`: it may be answered with work, later. */
  heardOn(peer: Peer, asks: boolean, mono: number): void {
    if (this.#line.is === 'push') return;
    // An earlier parked request of the same worker is void: its socket is gone.
    if (asks) {
      this.#line = { is: 'parked', peer, since: mono };
      return;
    }
    if (this.#line.is === 'parked') this.#speaksBeside = true;
    this.answer(peer);
  }

  /** Answers at once, with what there is to tell, be it nothing: a request that asks for no work, a push heartbeat. */
  answer(peer: Peer): void {
    this.#post(
      peer,
      this,
      this.outgoing.take(false, 0, () => 0),
    );
  }

  /** Sends what can be sent now. */
  flush(mono: number): void {
    const line = this.#line;
    if (line.is === 'not asking') return;
    while (this.outgoing.hasTalk || this.outgoing.hasWork) {
      this.#post(line.peer, this, this.#take(mono));
      if (line.is === 'push') continue;
      this.#line = { is: 'not asking', since: mono };
      return;
    }
  }

  /** A parked request is answered within PARK_MS, empty if need be. */
  unpark(mono: number): void {
    if (this.#line.is !== 'parked' || mono - this.#line.since < PARK_MS) return;
    const { peer } = this.#line;
    this.#line = { is: 'not asking', since: mono };
    this.#post(peer, this, this.#take(mono));
  }

  #take(mono: number): Message {
    return this.outgoing.take(true, mono, (tasks) => {
      const number = this.member.deliver(tasks.length, mono);
      this.#sent(
        this,
        tasks.map((task) => task.fence.token),
        number,
      );
      return number;
    });
  }
}
