// The worker: owns slots, serves one or several dispatchers, never sees the store.
//
//  W1  Every attempt it holds is named in the heartbeats to its dispatcher, and, once that one is silent, to all others.
//  W2  A result is kept until a dispatcher says that it is settled.
//  W3  What it grants to all dispatchers together never exceeds its room.
//  W4  After a drop nothing more is said of an attempt, and none of its code runs.
//  W5  It never holds more than it can name in one message: where results are not settled, it asks for no more.
import type { LiveClock } from '../clock.ts';
import { newToken } from '../lifecycle/ids.ts';
import type { Outcome, ReleaseReason, TaskLogs } from '../lifecycle/outcome.ts';
import { specOf } from '../lifecycle/spec.ts';
import { MAX_HELD, TaskHeaders, type DispatcherItem, type HeldToken, type PayloadReader } from '../protocol/index.ts';
import type { RunnerPool } from '../runner/index.ts';
import { Arriving } from './arriving.ts';
import { Attempts, startedAt, type Attempt, type Ended } from './attempts.ts';
import type { Share } from './grants.ts';
import type { KeptResults } from './kept-results.ts';
import type { Line } from './line.ts';
import { realParts, type Worker, type WorkerOptions, type WorkerParts } from './options.ts';
import { PullLine } from './pull-line.ts';
import { PushLine } from './push-line.ts';
import { Session, type Identity, type SessionHost } from './session.ts';
import { WantedCode } from './wanted-code.ts';

/**
 * A dispatcher answers every heartbeat, one a second. Its leases hold for 3 s after its last answer at least: another
 * dispatcher, told at its own next heartbeat, is in time to renew them.
 */
const SILENT_AFTER_MS = 1_500;
/** Code that was asked for is asked for again when nothing of it came for so long. */
const CODE_SILENT_MS = 3_000;
/** A result waits this long for its dispatcher's word when the worker leaves. */
const LAST_SETTLE_MS = 3_000;
/** The same, where it was told a second time to leave. */
const CUT_SETTLE_MS = 1_000;

/** Starts a worker. @throws Error with one sentence where its runners cannot be set up. */
export async function startWorker(options: WorkerOptions, parts: WorkerParts = realParts(options)): Promise<Worker> {
  const worker = new RunningWorker(options, parts);
  await worker.start();
  return worker;
}

class RunningWorker implements Worker, SessionHost {
  readonly identity: Identity;
  readonly clock: LiveClock;
  readonly #parts: WorkerParts;
  draining = false;
  readonly #options: WorkerOptions;
  readonly #attempts = new Attempts();
  readonly #arriving = new Arriving();
  readonly #headers = new TaskHeaders();
  readonly #results: KeptResults;
  readonly #wanted = new WantedCode();
  readonly #sessions = new Map<string, Session>();
  readonly #lines = new Map<string, Line>();
  #pool!: RunnerPool;
  #stopping: Promise<void> | undefined;
  #settledAll: (() => void) | undefined;

  constructor(options: WorkerOptions, parts: WorkerParts) {
    this.#options = options;
    this.#parts = parts;
    this.clock = options.clock;
    this.#results = parts.results;
    this.identity = {
      worker: options.name,
      incarnation: newToken(),
      mode: options.mode,
      host: options.host,
      pid: process.pid,
      version: options.version,
      slots: 0,
      labels: [...options.labels],
    };
  }

  get id(): string {
    return this.identity.worker;
  }

  async start(): Promise<void> {
    const { urls, mode, workerKey, random } = this.#options;
    this.#pool = await this.#options.openPool({
      started: (key, at) => {
        const phase = this.#attempts.get(key)?.phase;
        if (phase?.is === 'running') phase.startedAt = at;
      },
      printed: (key, chunk) => {
        const attempt = this.#attempts.get(key);
        const session = attempt && this.#sessions.get(attempt.owner);
        if (!session?.isUp) return;
        session.outgoing.printed(key, chunk);
        this.#wake(session);
      },
      ended: (key, outcome, at, logs) => this.#ended(key, outcome, at, logs),
      changed: () => this.#wakeAll(),
      needCode: (digest) => this.#askForCode(digest),
    });
    this.identity.slots = this.#pool.slots;
    for (const url of urls) {
      const session = new Session(url, this);
      this.#sessions.set(url, session);
      const socket = { url, workerKey };
      const line =
        mode === 'push'
          ? new PushLine(session, socket, this.#parts.lines, this.clock, random)
          : new PullLine(session, socket, this.#parts.lines, this.clock, random);
      this.#lines.set(url, line);
    }
  }

  stop(graceMs: number): Promise<void> {
    if (this.#stopping !== undefined) {
      void this.#pool.stop(graceMs);
      this.clock.after(graceMs + CUT_SETTLE_MS, () => this.#settledAll?.());
    }
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    this.draining = true;
    for (const attempt of this.#arriving.all()) this.#handBack(attempt, 'drain');
    this.#wakeAll();
    await this.#pool.stop(graceMs);
    if (this.#attempts.size > 0) {
      await new Promise<void>((resolve) => {
        this.#settledAll = resolve;
        this.clock.after(LAST_SETTLE_MS, resolve);
        this.#wakeAll();
      });
    }
    await Promise.all([...this.#lines.values()].map((line) => line.close()));
    this.#results.close();
  }

  // ── what sessions ask ──────────────────────────────────────────────────────────────────────────────────────────

  runtimes(): RunnerPool['runtimes'][number][] {
    return [...this.#pool.runtimes];
  }

  load(): { free: number; running: number; waiting: number } {
    const { free, running, waiting } = this.#pool.room();
    return { free, running, waiting };
  }

  awaitsSince(url: string): number | undefined {
    return this.#arriving.waitingSince(url);
  }

  connectionGone(url: string): void {
    for (const attempt of this.#arriving.all()) if (attempt.owner === url) this.#handBack(attempt, 'undelivered');
    for (const digest of this.#wanted.takeUnanswered(url)) this.#askForCode(digest);
    // What it had been granted is the others'.
    this.#wakeAll();
  }

  beating(url: string): void {
    const overdue = this.#wanted.takeUnanswered(url, this.clock.mono() - CODE_SILENT_MS);
    for (const digest of overdue) this.#askForCode(digest);
  }

  held(url: string): HeldToken[] {
    return this.#attempts.held((attempt) => {
      if (attempt.owner === url || attempt.alsoNamedTo?.has(url)) return true;
      if (!this.#isSilent(attempt.owner)) return false;
      (attempt.alsoNamedTo ??= new Set()).add(url);
      return true;
    });
  }

  resultOf(token: string): Ended {
    try {
      const kept = this.#results.get(token);
      if (kept !== undefined) return kept;
    } catch (fault) {
      const id = this.#attempts.get(token)?.id ?? token;
      this.note(
        'warn',
        `The result of task ${id} cannot be read from the disk (${(fault as Error).message}): it is lost.`,
      );
    }
    const message = `worker ${this.id} kept the task's result on its disk and cannot read it any more`;
    return { outcome: { is: 'lost', error: { type: 'WorkerLost', message, traceback: '' } }, logs: null };
  }

  share(url: string): Share {
    if (this.draining) return { credits: 0, free: 0 };
    const { credits, free } = this.#pool.room();
    const up = [...this.#sessions.values()].filter((session) => session.isUp);
    const at = up.findIndex((session) => session.url === url);
    if (at < 0) return { credits: 0, free: 0 };
    // Arguments that are still coming are spoken for, though the pool does not know of them yet.
    const arriving = this.#arriving.size;
    const nameable = MAX_HELD - this.#attempts.size;
    const room = { credits: Math.max(0, Math.min(credits - arriving, nameable)), free: Math.max(0, free - arriving) };
    const shares = this.#parts.share(
      room,
      up.map((session) => ({ recent: session.recent, granted: session.believed })),
    );
    return shares[at]!;
  }

  servedAt(dispatcher: string, except: string): string | undefined {
    return [...this.#sessions.values()].find((one) => one.url !== except && one.serves(dispatcher))?.url;
  }

  get keyed(): boolean {
    return this.#options.workerKey !== '';
  }

  note(level: 'info' | 'warn', message: string): void {
    this.#options.log(level, message, { worker: this.id });
  }

  received(session: Session, item: DispatcherItem, reader: PayloadReader): void {
    switch (item.k) {
      case 'tasks': {
        const calls = [];
        const headers = item.headers.map((bytes) => this.#headers.read(bytes));
        for (const { t, id, a, h, args, within } of item.tasks) {
          // Named twice (a repeat that crossed an answer): it is here already.
          if (this.#attempts.get(t) !== undefined) continue;
          const header = headers[h];
          // A delivery that is not whole is not named in the next heartbeat, and comes again.
          if (header === undefined) continue;
          const spec = specOf(id, header);
          const startBy = within === undefined ? undefined : this.clock.mono() + within;
          const attempt = { token: t, id, attempt: a, spec, startBy, owner: session.url };
          if ('parts' in args) {
            const arriving: Attempt = { ...attempt, phase: { is: 'arriving' } };
            this.#attempts.add(arriving);
            this.#arriving.add(arriving, this.clock.mono());
            // It crossed our word that we are leaving.
            if (this.draining) this.#handBack(arriving, 'drain');
          } else {
            this.#attempts.add({ ...attempt, phase: { is: 'running', startedAt: 0 } });
            calls.push({ key: t, attempt: a, spec, startBy, args: reader.read(args) });
          }
        }
        if (calls.length > 0) this.#pool.submit(calls);
        return;
      }
      case 'part': {
        const part = reader.read(item.bytes);
        session.partBytes += part.length;
        // Of what was dropped meanwhile.
        if (item.of !== 'code' && this.#attempts.get(item.t)?.phase.is !== 'arriving') return;
        this.#arriving.moved(session.url, item.of === 'code' ? undefined : item.t, this.clock.mono());
        if (item.of === 'code') this.#wanted.moved(item.t, this.clock.mono());
        const whole = session.arrivals.add(`${item.t} ${item.of}`, item.offset, item.total, part);
        if (whole) this.#arrived(session, item.t, item.of === 'code');
        // The word that opens the sender's window.
        this.#lines.get(session.url)?.wake(true);
        return;
      }
      case 'code':
        this.#wanted.answered(item.digest);
        return this.#pool.provideCode(item.digest, reader.read(item.bytes));
      case 'no_code':
        this.#wanted.answered(item.digest);
        return this.#pool.refuseCode(item.digest, item.gone);
      case 'settled':
        // What has not ended was taken for dead with us, and its end is told: nobody wants what still runs of it (W1, W4).
        for (const token of item.tokens) this.#drop(token);
        return this.#forgetAll(item.tokens);
      case 'drop':
        if (!item.tokens.every((token) => this.#attempts.hasCome(token))) session.missedDelivery();
        for (const token of item.tokens) this.#drop(token);
        return this.#forgetAll(item.tokens);
      case 'resend':
        return this.#resend(session, item.tokens);
      case 'recall':
        for (const token of item.tokens) this.#recall(token);
        return;
      case 'welcome':
      case 'register_again':
      case 'refused':
      case 'goodbye':
        return;
    }
  }

  // ── the life of an attempt ─────────────────────────────────────────────────────────────────────────────────────

  #arrived({ arrivals }: Session, key: string, isCode: boolean): void {
    if (isCode) {
      const bytes = arrivals.take(`${key} code`);
      this.#wanted.answered(key);
      if (bytes !== undefined) this.#pool.provideCode(key, bytes);
      return;
    }
    const args = arrivals.take(`${key} args`);
    const attempt = this.#attempts.get(key);
    if (args === undefined || attempt?.phase.is !== 'arriving') return;
    this.#arriving.delete(attempt);
    attempt.phase = { is: 'running', startedAt: 0 };
    const { spec, startBy } = attempt;
    this.#pool.submit([{ key, attempt: attempt.attempt, spec, startBy, args }]);
  }

  #ended(token: string, outcome: Outcome, at: number, logs: TaskLogs | null): void {
    const attempt = this.#attempts.get(token);
    if (attempt?.phase.is !== 'running') return;
    attempt.phase = { is: 'ended', startedAt: at };
    this.#results.keep(token, { outcome, logs });
    const session = this.#sessions.get(attempt.owner);
    // With its dispatcher away it is named to the others, who ask for it.
    if (!session?.isUp) return this.#wakeAll();
    session.outgoing.ended(attempt, at);
    this.#wake(session);
  }

  #resend(session: Session, tokens: readonly string[]): void {
    for (const token of tokens) {
      const attempt = this.#attempts.get(token);
      if (attempt?.phase.is !== 'ended') continue;
      // Its former dispatcher has it still, and would give back what it is told of no more.
      if (attempt.owner !== session.url) (attempt.alsoNamedTo ??= new Set()).add(attempt.owner);
      attempt.owner = session.url;
      session.outgoing.ended(attempt, startedAt(attempt));
    }
    this.#lines.get(session.url)?.wake(true);
  }

  #recall(token: string): void {
    const attempt = this.#attempts.get(token);
    if (attempt === undefined || attempt.phase.is === 'ended') return;
    if (attempt.phase.is === 'arriving') this.#handBack(attempt, 'handed_back');
    else if (this.#pool.withdraw(token)) this.#ended(token, { is: 'released', reason: 'handed_back' }, 0, null);
  }

  /** An attempt whose arguments are still coming: it cannot have begun, be it an at-most-once one. */
  #handBack(attempt: Attempt, reason: ReleaseReason): void {
    this.#arriving.delete(attempt);
    this.#forgetArrivals(attempt);
    attempt.phase = { is: 'running', startedAt: 0 };
    this.#ended(attempt.token, { is: 'released', reason }, 0, null);
  }

  #forgetArrivals({ owner, token }: Attempt): void {
    this.#sessions.get(owner)?.arrivals.forget(token);
  }

  #drop(token: string): void {
    const attempt = this.#attempts.get(token);
    if (attempt === undefined) return;
    if (attempt.phase.is === 'arriving') {
      this.#arriving.delete(attempt);
      this.#forgetArrivals(attempt);
    } else if (attempt.phase.is === 'running') this.#pool.cancel(token);
  }

  #forgetAll(tokens: readonly string[]): void {
    for (const token of tokens) {
      this.#attempts.forget(token);
      this.#results.forget(token);
    }
    const gone = new Set(tokens);
    for (const session of this.#sessions.values()) session.outgoing.forget(gone);
    if (this.#attempts.size === 0) this.#settledAll?.();
  }

  #askForCode(digest: string): void {
    // The dispatcher that sent a task of this function has its bytes; any that is there will do.
    const owners = new Set<string>();
    for (const { spec, owner } of this.#attempts.all()) if (spec.digest === digest) owners.add(owner);
    const up = [...this.#sessions.values()].filter((session) => session.isUp);
    const session = up.find(({ url }) => owners.has(url)) ?? up[0];
    if (session === undefined) return this.#pool.refuseCode(digest, false);
    this.#wanted.asked(digest, session.url, this.clock.mono());
    session.outgoing.needCode(digest);
    this.#lines.get(session.url)?.wake(true);
  }

  /** Has nothing been heard from there for so long that its leases may run out before it is back? */
  #isSilent(owner: string): boolean {
    const heardAt = this.#sessions.get(owner)?.heardAt ?? Number.NEGATIVE_INFINITY;
    return this.clock.mono() - heardAt > SILENT_AFTER_MS;
  }

  #wake(session: Session): void {
    this.#lines.get(session.url)?.wake(this.#isLast());
  }

  #wakeAll(): void {
    const soon = this.draining || this.#isLast();
    for (const line of this.#lines.values()) line.wake(soon);
  }

  /** Nothing else is in progress: whoever waits, waits for what is said now. */
  #isLast(): boolean {
    const { running, waiting } = this.#pool.room();
    return running + waiting === 0;
  }
}
