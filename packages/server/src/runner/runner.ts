// One runner: a live child, the calls in its pipe, and what becomes of them.
//
// N1  The first call in the pipe is the running one; its clock starts when it was sent to an idle child, or at the
//     answer before it.
// N2  A call behind the first is gated: it can be taken back until the child begins it.
// N3  The reason of a kill is kept before the signal is sent, and later symptoms never overwrite it.
// N4  An answered call is told of after the turns in which its raw output can still arrive.
// N5  When the child dies, the first call in the pipe is charged, unless it is known that it was not begun: its token
//     still lies in the gate, or the kernel says that the child's end was closed with bytes unread and it was the last
//     call written: behind another one, also one that was taken back, the unread bytes may be the later call's.
//     Those behind it are not charged: they run elsewhere, within the same attempt where they were not begun. The child may
//     be ahead of our books: what it took at the gate it began, and did perhaps.
// N6  A function that cannot be loaded where others have run is tried in a new runner: what they left behind may be why.
import type { LogStream } from '@mpcsfaas/contract';
import type { Clock } from '../clock.ts';
import type { LogChunk, Outcome, TaskLogs } from '../lifecycle/outcome.ts';
import type { Child, Death } from './child.ts';
import { mustSettle, notePace, noteSlow, STUCK_MS } from './depth.ts';
import { endOfDead, endOfKilled, outcomeOf, type KillReason, type RuntimeName } from './ends.ts';
import { FrameReader, type ChildFrame, type Fault } from './frames.ts';
import { holdsByteCode, type Fn } from './functions.ts';
import type { HeldCall } from './held.ts';
import { CallLogs, type LogLimits } from './logs.ts';
import { residentBytes } from './memory.ts';
import { Outgoing } from './outgoing.ts';
import { Pipe, type Sent } from './pipe.ts';
import { hasEnded } from './processes.ts';

/** What a runner tells its pool. */
export interface RunnerEvents {
  ready(runner: Runner): void;
  started(held: HeldCall, atMs: number): void;
  printed(held: HeldCall, chunk: LogChunk): void;
  ran(held: HeldCall, runMs: number): void;
  ended(held: HeldCall, outcome: Outcome, startedAtMs: number, logs: TaskLogs | null): void;
  /** These have not been begun; they run elsewhere. */
  returned(calls: HeldCall[]): void;
  /** Its room may have changed. */
  freed(runner: Runner): void;
  gone(runner: Runner, death: Death, expected: boolean): void;
}

type Phase = { is: 'starting' } | { is: 'live' } | { is: 'dying'; reason: KillReason } | { is: 'gone' };

/** How long a child that closed its channel has to be found dead, in ms. */
const END_GRACE_MS = 200;
/** How long the word of a death may take on a busy machine, in ms. */
const WORD_MS = 5_000;
/** How often a running call's output is told of, in ms. */
const PRINT_MS = 250;

const BEGUN_AHEAD: Outcome = { is: 'released', reason: 'runner_gone' };

export class Runner {
  readonly child: Child;
  /** It has been given a call before: it may hold a function, or a user's traces. */
  used = false;
  /** It said that it is ready. */
  wasReady = false;
  #phase: Phase = { is: 'starting' };
  readonly #runtime: RuntimeName;
  readonly #events: RunnerEvents;
  readonly #clock: Clock;
  readonly #limits: LogLimits;
  readonly #reader = new FrameReader();
  readonly #outgoing: Outgoing;
  readonly #pipe = new Pipe();
  /** Answered, its raw output still awaited. */
  #settling: { sent: Sent; outcome: Outcome } | undefined;
  #next = 1;
  /** Put into the pipe since the last flush, and the numbers among them that wait for the gate. */
  #unflushed = 0;
  #allowed: number[] = [];
  /** Highest number taken back: while it is not answered past, every call must be gated. */
  #withdrawn = 0;
  /** Canceled, but begun by the child before the answer of the call before them came here. */
  readonly #doomed = new Set<HeldCall>();
  #retiring = false;
  #clean = true;
  /** Its end was seen: nothing more is sent to it. */
  #ended = false;
  /** Its end of the channel was closed before it had read all. */
  #unread = false;

  constructor(child: Child, runtime: RuntimeName, clock: Clock, limits: LogLimits, events: RunnerEvents) {
    this.child = child;
    this.#runtime = runtime;
    this.#clock = clock;
    this.#limits = limits;
    this.#events = events;
    this.#outgoing = new Outgoing(child.channel);
    child.channel.on('data', (chunk: Buffer) => this.#onData(chunk));
    child.channel.on('close', () => this.#onChannelEnd());
    child.channel.on('error', (error: NodeJS.ErrnoException) => {
      this.#unread ||= error.code === 'ECONNRESET' || error.code === 'EPIPE';
    });
    child.stdout.on('data', (chunk: Buffer) => this.#onRaw('stdout', chunk));
    child.stderr.on('data', (chunk: Buffer) => this.#onRaw('stderr', chunk));
    void child.gone.then((death) => this.#onGone(death));
  }

  get phase(): Phase['is'] {
    return this.#phase.is;
  }

  /** Ready and without a call. */
  get idle(): boolean {
    return this.#open && this.#pipe.length === 0 && !this.#settling;
  }

  get #open(): boolean {
    return this.#phase.is === 'live' && !this.#retiring && !this.#ended;
  }

  get calls(): number {
    return this.#pipe.length + (this.#settling ? 1 : 0);
  }

  /** Its call has run for longer than `ms`. */
  runsLonger(nowMono: number, ms: number): boolean {
    const { first } = this.#pipe;
    return first !== undefined && first.startedMono > 0 && nowMono - first.startedMono > ms;
  }

  has(fn: Fn): boolean {
    return this.#outgoing.has(fn);
  }

  /** Could it be sent behind what is in the pipe? */
  takesBehind(held: HeldCall, nowMono: number): boolean {
    return this.#open && !this.#settling && this.#pipe.takesBehind(held, this.#unflushed, nowMono);
  }

  /** How long the last call in its pipe still has to wait there, in ms. */
  lastWaitsMs(nowMono: number): number {
    return this.#pipe.lastWaitsMs(nowMono);
  }

  /** When and whether calls began: for heartbeats. */
  startedAt(held: HeldCall): number {
    const first = this.#settling?.sent ?? this.#pipe.first;
    return first?.held === held ? first.startedAtMs : 0;
  }

  /** Puts a call into the pipe; it leaves with flush(). `code` is needed where the function is not loaded. */
  send(held: HeldCall, code: Buffer): void {
    if (!this.has(held.fn)) {
      held.fn.byteCode ??= held.fn.form === 'pickle' && holdsByteCode(code);
      this.#outgoing.load(held.fn, code, this.#pipe.functionNumbers());
    }
    const behind = this.#pipe.length > 0;
    const gated = behind || this.#withdrawn > 0;
    const number = this.#next++;
    if (gated) this.#allowed.push(number);
    this.#unflushed += 1;
    this.#outgoing.call(held, number, gated);
    this.used = true;
    const sentMono = this.#clock.mono();
    // It lies behind no other call, so the child has not begun it.
    const bytesBefore = held.call.spec.memory_bytes > 0 ? residentBytes(this.child.pid) : 0;
    const sent = { held, number, sentMono, startedMono: 0, startedAtMs: 0, printedMono: 0, bytesBefore, logs: null };
    this.#pipe.push(sent);
    if (!behind) this.#begin(sent);
  }

  /** Writes what was put into the pipe. */
  flush(): void {
    // A call is allowed before it arrives: the child never waits at the gate for a number that is still to come.
    if (this.#allowed.length > 0) this.child.gate.allow(this.#allowed);
    this.#allowed = [];
    this.#unflushed = 0;
    this.#outgoing.flush();
  }

  /** Takes back every call that has not been begun. */
  withdraw(): HeldCall[] {
    if (this.#pipe.length === 0) return [];
    const numbers = new Set(this.child.gate.drain());
    if (numbers.size === 0) return [];
    this.#withdrawn = Math.max(this.#withdrawn, ...numbers);
    return this.#pipe.take(numbers).map((sent) => sent.held);
  }

  /** The call must not go on. Nothing is told of it; calls around it run elsewhere. */
  cancel(held: HeldCall): void {
    if (this.#pipe.first?.held === held) this.kill({ is: 'canceled' });
    else if (this.#pipe.find(held)) this.#doomed.add(held);
  }

  /** It takes up a slot: it has a call, or had one and is not yet reaped. */
  get occupies(): boolean {
    return this.calls > 0 || (this.#phase.is === 'dying' && this.used);
  }

  /** Ends the child for `reason`; where it is dying already, nothing changes (N3). */
  kill(reason: KillReason): void {
    if (this.#phase.is === 'dying' || this.#phase.is === 'gone') return;
    this.#phase = { is: 'dying', reason };
    this.child.kill(reason.is === 'retired' && this.#clean);
  }

  /** Ends the child once no call is in it. */
  retire(): void {
    this.#retiring = true;
    this.#retireIfEmpty();
  }

  /** Time limits, calls stuck behind a long one, output to tell. Called by the pool's clock. */
  tick(nowMono: number): void {
    const { first, second } = this.#pipe;
    // While an answered call is waited for, the next one has not begun by our books.
    if (this.#phase.is !== 'live' || this.#ended || !first || this.#settling) return;
    const ranMs = nowMono - first.startedMono;
    const { spec } = first.held.call;
    if (spec.timeout_ms > 0 && ranMs >= spec.timeout_ms) {
      this.kill({ is: 'timed_out', limitMs: spec.timeout_ms });
      return;
    }
    if (second && this.#pipe.isHeldUp(nowMono)) {
      if (ranMs >= STUCK_MS) noteSlow(first.held.fn, nowMono);
      const taken = this.withdraw();
      if (taken.length > 0) this.#events.returned(taken);
    }
    if (first.logs && ranMs > PRINT_MS && nowMono - first.printedMono >= PRINT_MS) {
      first.printedMono = nowMono;
      for (const chunk of first.logs.news()) this.#events.printed(first.held, chunk);
    }
  }

  /** Ends a call that has a memory limit and uses more, beyond what the process used before it. Called by the pool's clock. */
  watchMemory(): void {
    const { first } = this.#pipe;
    const limit = first?.held.call.spec.memory_bytes ?? 0;
    if (limit === 0 || !first || this.#settling || this.#phase.is !== 'live') return;
    const seen = residentBytes(this.child.pid) - first.bytesBefore;
    if (seen > limit) this.kill({ is: 'memory_exceeded', limit, seen });
  }

  #begin(sent: Sent): void {
    sent.startedMono = this.#clock.mono();
    sent.startedAtMs = this.#clock.wall();
    sent.printedMono = sent.startedMono;
    if (this.#doomed.delete(sent.held)) this.kill({ is: 'canceled' });
    else this.#events.started(sent.held, sent.startedAtMs);
  }

  #onData(chunk: Buffer): void {
    if (this.#phase.is === 'dying' || this.#phase.is === 'gone') return;
    for (const frame of this.#reader.push(chunk, this.#pipe.mostResultBytes())) {
      this.#onFrame(frame);
      // A kill within the loop: what follows does not count (N3).
      if (this.#isEnding()) return;
    }
  }

  #isEnding(): boolean {
    return this.#phase.is === 'dying' || this.#phase.is === 'gone';
  }

  #onFrame(frame: ChildFrame | Fault): void {
    switch (frame.is) {
      case 'ready':
        if (this.#phase.is === 'starting') {
          this.#phase = { is: 'live' };
          this.wasReady = true;
          this.#events.ready(this);
        }
        return;
      case 'output': {
        const sent = this.#pipe.first;
        if (sent?.number === frame.number) (sent.logs ??= new CallLogs(this.#limits)).add(frame.stream, frame.bytes);
        return;
      }
      case 'before':
        if (this.#pipe.first?.number === frame.number) this.#pipe.first.bytesBefore = frame.bytes;
        return;
      case 'stale': {
        const calls = this.#pipe.empty().map((sent) => sent.held);
        this.kill({ is: 'retired' });
        this.#events.returned(calls);
        return;
      }
      case 'value':
      case 'failure':
        this.#onAnswer(frame);
        return;
      case 'too_large':
        this.kill({ is: 'too_large', size: frame.size, limit: this.#pipe.first?.held.call.spec.max_result_bytes ?? 0 });
        return;
      case 'fault':
        this.kill({ is: 'fault', why: frame.why });
    }
  }

  #onAnswer(frame: Extract<ChildFrame, { is: 'value' | 'failure' }>): void {
    // It was sent ahead before the function wrote raw bytes: whose they are by now, nobody can tell.
    this.#endSettling();
    // It was canceled before it began: what is told of those behind it is told of a runner that dies.
    if (this.#isEnding()) return;
    const sent = this.#pipe.first;
    if (sent?.number !== frame.number) {
      this.kill({ is: 'fault', why: 'an answer to a call that does not run' });
      return;
    }
    const { held } = sent;
    const outcome = outcomeOf(frame, held.call.spec);
    if (typeof outcome === 'string') {
      this.kill({ is: 'fault', why: outcome });
      return;
    }
    this.#pipe.shift();
    if (frame.number > this.#withdrawn) this.#withdrawn = 0;
    const nowMono = this.#clock.mono();
    // The child's own clock: ours counts how long a busy machine let either of us wait as well.
    const runMs = Math.min(frame.runMs, nowMono - sent.sentMono);
    const settle = mustSettle(held.fn);
    notePace(held.fn, runMs, nowMono);
    this.#events.ran(held, runMs);
    if (frame.untidy) this.#clean = false;
    const unloaded = outcome.is === 'failed' && outcome.kind === 'load_failed';
    // Where nothing had run before, nothing but the function is why.
    if (unloaded && frame.number === 1) held.fn.unloadable = true;
    const spoiled = unloaded && !held.fn.unloadable && !held.call.spec.at_most_once;
    if (spoiled || frame.untidy || held.call.spec.isolation === 'task') this.#withdrawAndRetire();
    if (spoiled) {
      held.wantsFresh = true;
      this.#events.returned([held]);
      this.#goOn();
    } else if (settle) {
      this.#settle(sent, outcome);
    } else {
      setImmediate(() => this.#tell(sent, outcome));
      this.#goOn();
    }
  }

  #goOn(): void {
    const next = this.#pipe.first;
    if (next) this.#begin(next);
    else this.#retireIfEmpty();
    this.#events.freed(this);
  }

  /** Raw bytes written before the answer are readable by the second turn from now at the latest (N4). */
  #settle(sent: Sent, outcome: Outcome): void {
    this.#settling = { sent, outcome };
    setImmediate(() =>
      setImmediate(() => {
        if (this.#settling?.sent !== sent) return;
        this.#endSettling();
        if (this.#pipe.length === 0) this.#retireIfEmpty();
        this.#events.freed(this);
      }),
    );
  }

  /** The answered call is told of, and the next one begins. */
  #endSettling(): void {
    if (!this.#settling) return;
    const { sent, outcome } = this.#settling;
    this.#settling = undefined;
    this.#tell(sent, outcome);
    if (this.#pipe.first) this.#begin(this.#pipe.first);
  }

  #tell(sent: Sent, outcome: Outcome): void {
    this.#events.ended(sent.held, outcome, sent.startedAtMs, sent.logs?.kept() ?? null);
  }

  #withdrawAndRetire(): void {
    this.#retiring = true;
    const taken = this.withdraw();
    if (taken.length > 0) this.#events.returned(taken);
  }

  #retireIfEmpty(): void {
    if (this.#retiring && this.#pipe.length === 0 && !this.#settling) this.kill({ is: 'retired' });
  }

  #onRaw(stream: LogStream, chunk: Buffer): void {
    const sent = this.#settling?.sent ?? this.#pipe.first;
    if (!sent) return;
    if (!sent.held.fn.raw) {
      sent.held.fn.raw = true;
      const taken = this.withdraw();
      if (taken.length > 0) this.#events.returned(taken);
    }
    (sent.logs ??= new CallLogs(this.#limits)).add(stream, chunk);
  }

  #onChannelEnd(): void {
    this.#ended = true;
    // Usually the child is dead and its parent says so in a moment; one that lives on has closed its channel.
    const kill = (): void => this.kill({ is: 'fault', why: 'it closed it' });
    let timer = setTimeout(() => {
      if (hasEnded(this.child.pid)) timer = setTimeout(kill, WORD_MS);
      else kill();
    }, END_GRACE_MS);
    void this.child.gone.then(() => clearTimeout(timer));
  }

  #onGone(death: Death): void {
    this.#ended = true;
    // What it wrote before its end may still be on the way.
    setImmediate(() => setImmediate(() => this.#conclude(death)));
  }

  #conclude(death: Death): void {
    const unbegun = new Set(this.child.gate.drain());
    const reason = this.#phase.is === 'dying' ? this.#phase.reason : undefined;
    this.#phase = { is: 'gone' };
    const settling = this.#settling;
    this.#settling = undefined;
    if (settling) this.#tell(settling.sent, settling.outcome);
    const [first, ...behind] = this.#pipe.empty();
    const isBegun = ({ number }: Sent): boolean =>
      !unbegun.has(number) && !this.#allowed.includes(number) && !(this.#unread && number === this.#next - 1);
    if (first && isBegun(first)) {
      const { held } = first;
      const byValue = held.fn.byteCode ? { python: held.fn.python } : undefined;
      const outcome = reason ? endOfKilled(reason, death, this.#runtime) : endOfDead(death, this.#runtime, byValue);
      if (outcome) this.#events.ended(held, outcome, first.startedAtMs, first.logs?.kept() ?? null);
    } else if (first) behind.unshift(first);
    const ahead = behind.filter(isBegun);
    for (const { held } of ahead) this.#events.ended(held, BEGUN_AHEAD, this.#clock.wall(), null);
    const left = behind.filter((sent) => !ahead.includes(sent));
    if (left.length > 0) this.#events.returned(left.map((sent) => sent.held));
    for (const socket of [this.child.channel, this.child.stdout, this.child.stderr]) socket.destroy();
    this.child.gate.close();
    this.#events.gone(this, death, reason !== undefined);
  }
}
