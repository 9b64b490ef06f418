// Pull and push: workers over ZeroMQ. The two differ only in when a worker may be told something (link.ts).
import type { Cancel, LiveClock } from '../../clock.ts';
import { serves } from '../../lifecycle/demand.ts';
import { newToken } from '../../lifecycle/ids.ts';
import { parseLane } from '../../lifecycle/lane.ts';
import {
  PayloadReader,
  UNDELIVERED_AFTER_MS,
  WorkerPort,
  type Envelope,
  type OpenPort,
  type Peer,
  type Port,
  type WorkerItem,
} from '../../protocol/index.ts';
import type { ClaimedTask, Renewal, WorkerSnapshot } from '../../store/index.ts';
import type { Ending } from '../../tasks/ending.ts';
import { Choice } from '../choice.ts';
import type { Executor, ExecutorEvents, Offer } from '../executor.ts';
import { CodeDesk } from './code-desk.ts';
import { Deliveries, type Delivery } from './deliveries.ts';
import { endingOf, orphaned } from './endings.ts';
import { Hearing } from './hearing.ts';
import { Link } from './link.ts';
import { Liveness } from './liveness.ts';
import { Member } from './member.ts';
import type { Message } from './outgoing.ts';
import { Unasked } from './unasked.ts';
import { WordsOnAttempts } from './words-on-attempts.ts';

export interface FleetExecutorOptions {
  mode: 'pull' | 'push';
  dispatcherId: string;
  host: string;
  port: number;
  workerKey: string;
  clock: LiveClock;
  /** In [0, 1). */
  random: () => number;
  events: ExecutorEvents;
}

/** What it is made of: simulations bring a port without a network. */
export interface FleetParts {
  openPort: OpenPort;
  deliveries: Deliveries;
}

const TICK_MS = 200;

/** Opens the port and serves workers. @throws Error with one sentence where the port cannot be opened. */
export async function openFleetExecutor(
  options: FleetExecutorOptions,
  parts: FleetParts = { openPort: (port) => WorkerPort.open(port), deliveries: new Deliveries() },
): Promise<Executor> {
  const executor = new FleetExecutor(options, parts);
  await executor.open();
  return executor;
}

type Draining = { is: 'yes'; drained: Promise<void>; done: () => void };

class FleetExecutor implements Executor {
  readonly #options: FleetExecutorOptions;
  readonly #incarnation = newToken();
  readonly #links = new Map<string, Link>();
  readonly #openPort: OpenPort;
  readonly #deliveries: Deliveries;
  readonly #liveness: Liveness;
  readonly #words: WordsOnAttempts;
  readonly #hearing: Hearing;
  readonly #unasked: Unasked;
  #choice = new Choice<Link>([]);
  #port: Port | undefined;
  #seq = 0;
  #draining: { is: 'no' } | Draining = { is: 'no' };
  #stopTicker: Cancel | undefined;

  constructor(options: FleetExecutorOptions, { openPort, deliveries }: FleetParts) {
    this.#options = options;
    this.#openPort = openPort;
    this.#deliveries = deliveries;
    this.#liveness = new Liveness(options.clock.mono());
    this.#unasked = new Unasked(options.clock, options.events);
    this.#words = new WordsOnAttempts({
      deliveries: this.#deliveries,
      clock: options.clock,
      events: options.events,
      isCurrent: (link) => this.#links.get(link.id) === link,
    });
    this.#hearing = new Hearing({
      deliveries: this.#deliveries,
      words: this.#words,
      codes: new CodeDesk(
        (digest) => options.events.code(digest),
        (link) => link.flush(options.clock.mono()),
      ),
      clock: options.clock,
      events: options.events,
      fleetChanged: () => this.#fleetChanged(),
    });
  }

  async open(): Promise<void> {
    const { host, port, workerKey, events, clock } = this.#options;
    this.#port = await this.#openPort({
      host,
      port,
      workerKey,
      clock,
      onTurnedAway: (sentence) => events.note('warn', sentence),
      onMessage: (peer, envelope, payloads) => this.#receive(peer, envelope, payloads),
      onBad: (peer, sentence) => {
        this.#unasked.note(`A message to the workers' port was refused: ${sentence}.`);
        this.#refuse(peer, '', sentence);
      },
      onFault: (peer, fault) => {
        this.#unasked.note("A message to the workers' port met a fault of this dispatcher.", { err: fault });
        this.#refuse(peer, '', 'it met a fault of the dispatcher, whose log tells more');
      },
    });
    this.#stopTicker = clock.every(TICK_MS, () => this.#tick());
  }

  get mode(): 'pull' | 'push' {
    return this.#options.mode;
  }

  get address(): string {
    return this.#port?.address ?? '';
  }

  // ── the dispatcher's side ──────────────────────────────────────────────────────────────────────────────────────

  get attempts(): number {
    return this.#deliveries.size;
  }

  offers(): Offer[] {
    return this.#draining.is === 'no' ? [...this.#links.values()] : [];
  }

  hand(tasks: readonly ClaimedTask[]): void {
    const mono = this.#options.clock.mono();
    const touched = new Set<Link>();
    const homeless: Ending[] = [];
    for (const task of tasks) {
      const { spec, lane } = task;
      const now = this.#choice.pick(lane, spec.digest, spec.at_most_once, this.#options.random);
      const link = now ?? (spec.at_most_once ? undefined : this.#asksSoon(lane));
      if (link === undefined || this.#draining.is === 'yes') {
        homeless.push(endingOf(task, { is: 'released', reason: 'unclaimed_answer' }));
        continue;
      }
      this.#deliveries.give(task, link.id, mono);
      link.member.reserved += 1;
      link.outgoing.task(task, mono);
      touched.add(link);
    }
    for (const link of touched) link.flush(mono);
    this.#ended(homeless);
  }

  /** A pull worker with credit whose request was used for a word while this was claimed: it asks anew at once. */
  #asksSoon(lane: string): Link | undefined {
    const demand = parseLane(lane);
    return [...this.#links.values()].find((link) => link.member.credits > 0 && serves(link, demand));
  }

  named(): Renewal[] {
    return this.#deliveries
      .named(this.#options.clock.mono())
      .map(({ fence, worker, startedAt }) => ({ fence, worker, startedAt }));
  }

  drop(tokens: readonly string[]): void {
    for (const token of tokens) {
      const delivery = this.#deliveries.get(token);
      if (delivery === undefined) continue;
      this.#deliveries.forget(token);
      this.#tellDrop(delivery);
    }
    this.#flushAll();
    this.#checkDrained();
  }

  dropTasks(ids: readonly string[]): void {
    this.drop(ids.map((id) => this.#deliveries.tokenOfTask(id)).filter((token) => token !== undefined));
  }

  settled(tokens: readonly string[]): void {
    const waiting = new Set<Link>();
    for (const token of tokens) {
      const delivery = this.#deliveries.get(token);
      this.#deliveries.settle(token);
      if (delivery === undefined) continue;
      const link = this.#links.get(delivery.worker);
      link?.outgoing.name('settled', token);
      if (link !== undefined && (delivery.isLarge || link.member.draining)) waiting.add(link);
    }
    // Only the memory of a worker waits for this word, and one that is leaving: else it rides with what is said next, or goes
    // at the next tick.
    const mono = this.#options.clock.mono();
    for (const link of waiting) link.flush(mono);
    this.#checkDrained();
  }

  workers(): WorkerSnapshot[] {
    const mono = this.#options.clock.mono();
    return [...this.#links.values()].map(({ member }) => member.snapshot(this.#options.dispatcherId, mono));
  }

  drain(graceMs: number): Promise<void> {
    if (this.#draining.is === 'no') this.#draining = this.#beginDrain();
    const { drained, done } = this.#draining;
    this.#options.clock.after(graceMs, done);
    this.#checkDrained();
    return drained;
  }

  #beginDrain(): Draining {
    let done: () => void = () => undefined;
    const drained = new Promise<void>((resolve) => (done = resolve));
    for (const link of this.#links.values()) {
      this.#takeBack(link, link.outgoing.takeUnsent(), 'drain');
      for (const delivery of this.#deliveries.of(link.id)) {
        if (delivery.phase === 'given' && delivery.startedAt === 0) link.outgoing.name('recall', delivery.fence.token);
      }
    }
    this.#flushAll();
    return { is: 'yes', drained, done };
  }

  async close(): Promise<void> {
    this.#stopTicker?.();
    for (const link of this.#links.values()) link.outgoing.say({ k: 'goodbye' });
    this.#flushAll();
    await this.#port?.close();
  }

  // ── the workers' side ──────────────────────────────────────────────────────────────────────────────────────────

  #receive(peer: Peer, envelope: Envelope<WorkerItem>, payloads: Buffer[]): void {
    const { clock } = this.#options;
    const mono = clock.mono();
    const registration = envelope.items.find((item) => item.k === 'register');
    const link = registration ? this.#register(peer, envelope, registration, mono) : this.#links.get(envelope.worker);
    const isCurrent = link?.member.session === envelope.session && !link.isElsewhere(peer);
    if (link === undefined || (!registration && !isCurrent)) {
      if (!registration && this.#unasked.mayAnswer(peer))
        this.#tell(peer, envelope.worker, '', { items: [{ k: 'register_again' }], payloads: [] });
      return;
    }
    link.member.heard(mono, clock.wall());
    const reader = new PayloadReader(payloads);
    let asks = false;
    for (const item of envelope.items) {
      if (item.k === 'credits' && item.ask) asks = true;
      if (item.k === 'goodbye') this.#left(link, envelope);
      else this.#hearing.hear(link, item, envelope.seq, reader, mono);
    }
    if (!this.#links.has(link.id)) return link.answer(peer);
    link.heardOn(peer, asks, mono);
    link.flush(mono);
    // A push worker hears at least one message for each heartbeat: so it knows that we are there.
    const beats = link.member.mode === 'push' && envelope.items.some((item) => item.k === 'heartbeat');
    if (beats && this.#unasked.mayAnswer(peer)) link.answer(peer);
  }

  #left(link: Link, { items }: Envelope<WorkerItem>): void {
    this.#options.events.note('info', `Worker ${link.id} has left.`, { worker: link.id });
    // A heartbeat beside it is its last word on what it got. Without one, all that was sent may be there.
    const last = items.find((item) => item.k === 'heartbeat');
    this.#remove(link, 'has left', last?.got);
  }

  #register(
    peer: Peer,
    envelope: Envelope<WorkerItem>,
    said: Extract<WorkerItem, { k: 'register' }>,
    mono: number,
  ): Link | undefined {
    const { clock, mode, events, dispatcherId } = this.#options;
    if (said.mode !== mode) {
      this.#refuse(peer, envelope.worker, `this dispatcher serves ${mode} workers: start a ${mode} worker`);
      return undefined;
    }
    const earlier = this.#links.get(envelope.worker);
    if (earlier?.wasRegisteredBy(envelope, peer) === true) {
      // What it has been given since is not in what this says it holds.
      const items = [earlier.member.welcome(dispatcherId)];
      if (this.#unasked.mayAnswer(peer)) this.#tell(peer, earlier.id, earlier.member.session, { items, payloads: [] });
      return undefined;
    }
    if (earlier && earlier.member.incarnation !== envelope.incarnation) this.#remove(earlier, 'was started anew');
    const member = new Member(envelope.worker, envelope.incarnation, newToken(), said, mono, clock.wall());
    const link = new Link(
      member,
      peer,
      envelope.seq,
      (to, of, message) => this.#tell(to, of.id, of.member.session, message),
      (of, tokens, number) => {
        of.member.reserved -= tokens.length;
        for (const token of tokens) this.#deliveries.sent(token, number, this.#options.clock.mono());
      },
      (worker) => this.#deliveries.heldBy(worker),
    );
    // What had not left for the worker's earlier session leaves in this one.
    if (earlier?.member.incarnation === envelope.incarnation)
      this.#takeBack(earlier, earlier.outgoing.takeUnsent(), 'undelivered');
    this.#links.set(link.id, link);
    this.#fleetChanged();
    link.outgoing.say(member.welcome(dispatcherId));
    for (const delivery of this.#deliveries.of(link.id)) this.#deliveries.sent(delivery.fence.token, 0, mono);
    this.#words.heartbeat(link, said.held, 0, mono);
    if (!earlier)
      events.note('info', `Worker ${member.id} has registered.`, { worker: member.id, slots: member.slots });
    return link;
  }

  // ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #tick(): void {
    const mono = this.#options.clock.mono();
    this.#liveness.tick(mono);
    this.#deliveries.tick(mono);
    for (const link of this.#links.values()) {
      if (this.#liveness.isLost(link.silentSince, mono)) {
        this.#options.events.note('warn', `Worker ${link.id} is lost: nothing heard for 3 s.`, { worker: link.id });
        this.#remove(link, 'was lost');
      } else {
        link.unpark(mono);
        link.flush(mono);
        // Its line is slow, or its last request was lost: there may be another who could do it, and no lease waits for ever.
        this.#takeBack(link, link.outgoing.takeUnsent(mono - UNDELIVERED_AFTER_MS), 'undelivered');
      }
    }
  }

  /** A worker is no more: what it may have begun is charged, the rest goes back unharmed. `got`: its last delivery. */
  #remove(link: Link, how: 'has left' | 'was lost' | 'was started anew', got = Number.POSITIVE_INFINITY): void {
    this.#links.delete(link.id);
    this.#fleetChanged();
    const { charged, released } = this.#deliveries.lost(
      link.id,
      link.member.slots,
      ({ number, fence }) => number > got || link.outgoing.isLeaving(fence.token),
    );
    for (const { fence } of [...charged, ...released]) this.#deliveries.giveUp(fence.token);
    this.#ended(orphaned(how, charged, released));
  }

  /** Tasks that never left for this worker. */
  #takeBack(link: Link, tasks: readonly ClaimedTask[], reason: 'undelivered' | 'drain'): void {
    link.member.reserved -= tasks.length;
    for (const { fence } of tasks) this.#deliveries.forget(fence.token);
    this.#ended(tasks.map((task) => endingOf(task, { is: 'released', reason })));
  }

  #fleetChanged(): void {
    this.#choice = new Choice([...this.#links.values()]);
    this.#options.clock.turn(() => {
      this.#options.events.fleet();
      this.#options.events.capacity();
    });
  }

  #tellDrop({ worker, fence }: Delivery): void {
    const link = this.#links.get(worker);
    if (link === undefined) return;
    if (link.outgoing.recallUnsent(fence.token)) {
      link.member.reserved -= 1;
      return;
    }
    link.forget(fence.token);
    link.outgoing.name('drop', fence.token);
  }

  #ended(endings: Ending[]): void {
    if (endings.length > 0) this.#options.events.ended(endings);
  }

  #flushAll(): void {
    const mono = this.#options.clock.mono();
    for (const link of this.#links.values()) link.flush(mono);
  }

  #checkDrained(): void {
    if (this.#draining.is === 'yes' && this.#deliveries.size === 0) this.#draining.done();
  }

  #refuse(peer: Peer, worker: string, message: string): void {
    if (this.#unasked.mayAnswer(peer))
      this.#tell(peer, worker, '', { items: [{ k: 'refused', message }], payloads: [] });
  }

  #tell(peer: Peer, worker: string, session: string, message: Message): void {
    this.#seq += 1;
    const { items, payloads } = message;
    this.#port?.send(
      peer,
      { worker: worker || '?', incarnation: this.#incarnation, seq: this.#seq, session, items },
      payloads,
    );
  }
}
