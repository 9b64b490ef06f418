// Waiting for the end of one task and of many.
import type { Clock } from '../clock.ts';
import { Gathered } from './gathered.ts';
import type { ManyEnds } from './gathered.ts';
import type { Progress, TaskReader } from './reader.ts';
import { Refusal } from './refusal.ts';
import { REREAD_MS } from './wait.ts';
import type { EndWaits } from './wait.ts';
import type { Watch } from './watch.ts';

/** Ends are read in portions that grow while they are light: this many at first, at most, and this heavy, bytes. */
const FIRST_PORTION = 16;
const MAX_PORTION = 256;
const PORTION_BYTES = 1024 * 1024;

/** How far a task is that exists. */
export type Found = Exclude<Progress, { is: 'missing' }>;

export interface ManyAsked {
  ids: readonly string[];
  /** How long to wait, ms. */
  ms: number;
  /** For the first end, or for all that can come. */
  waitFor: 'any' | 'all';
  /** Made when a wait begins: an aborted one answers like one whose time is up, or refuses where its reason does. */
  signal: () => AbortSignal;
}

export class Results {
  readonly #reader: TaskReader;
  readonly #waits: EndWaits;
  readonly #clock: Clock;

  constructor(reader: TaskReader, waits: EndWaits, clock: Clock) {
    this.#reader = reader;
    this.#waits = waits;
    this.#clock = clock;
  }

  /**
   * Where the task is after at most `ms`; refuses what is unknown. An aborted wait answers like one whose time is up; where
   * the reason is a refusal, with that.
   */
  async one(tenant: string, id: string, ms: number, signal: () => AbortSignal): Promise<Found> {
    return this.#whole(tenant, await this.#one(tenant, id, ms, signal));
  }

  async #one(tenant: string, id: string, ms: number, signal: () => AbortSignal): Promise<Found> {
    if (ms === 0) return this.#read(tenant, id);
    const until = this.#clock.mono() + ms;
    const watch = this.#waits.watch([id]);
    try {
      const progress = await this.#read(tenant, id);
      return progress.is === 'ended' ? progress : await this.#sleepOn(tenant, id, watch, progress, until, signal);
    } finally {
      watch.close();
    }
  }

  /**
   * As `one`, of a task that this caller has submitted: the watch is made first, so that nothing has to be read (W1).
   * `submit` answers the id, and whether the task is new: one that came before under its key is read.
   */
  async submitted(
    tenant: string,
    draftId: string,
    submit: () => Promise<{ id: string; fresh: boolean }>,
    ms: number,
    signal: () => AbortSignal,
  ): Promise<Found> {
    const until = this.#clock.mono() + ms;
    const watch = this.#waits.watch([draftId]);
    try {
      const { id, fresh } = await submit();
      if (!fresh) return await this.one(tenant, id, ms, signal);
      const open = { is: 'open', state: 'QUEUED' } as const;
      return await this.#whole(tenant, await this.#sleepOn(tenant, id, watch, open, until, signal));
    } finally {
      watch.close();
    }
  }

  async #sleepOn(
    tenant: string,
    id: string,
    watch: Watch,
    last: Found,
    until: number,
    signal: () => AbortSignal,
  ): Promise<Found> {
    for (;;) {
      const left = until - this.#clock.mono();
      if (left <= 0) return last;
      const waking = await watch.sleep(Math.min(left, REREAD_MS), 1, signal());
      // What ended in the last moment of a service that stops may not have been heard.
      if (waking === 'aborted') {
        refuseWhereTold(signal());
        return this.#read(tenant, id);
      }
      const told = watch.take().find(({ end }) => end !== undefined)?.end;
      last = told === undefined ? await this.#read(tenant, id) : { is: 'ended', end: told };
      if (last.is !== 'ended') continue;
      if (waking === 'time_up') this.#waits.unheard();
      return last;
    }
  }

  /** As soon as one (or all) that can has ended, or the answer is full, or after `ms`. */
  async many(tenant: string, { ids, ms, waitFor, signal }: ManyAsked): Promise<ManyEnds> {
    const until = this.#clock.mono() + ms;
    const watch = this.#waits.watch(ms === 0 ? [] : ids);
    try {
      const gathered = new Gathered(ids);
      await this.#readInto(gathered, tenant, ids);
      let readAt = this.#clock.mono();
      while (!gathered.isEnough(waitFor)) {
        const left = until - this.#clock.mono();
        if (left <= 0) break;
        const wanted = waitFor === 'any' ? 1 : Math.min(gathered.open.size, MAX_PORTION);
        const reread = Math.max(0, readAt + REREAD_MS - this.#clock.mono());
        const waking = await watch.sleep(Math.min(left, reread), wanted, signal());
        if (waking === 'aborted') {
          refuseWhereTold(signal());
          await this.#readInto(gathered, tenant, [...gathered.open]);
          break;
        }
        const untold = gathered.hear(watch.take());
        const all = waking !== 'heard';
        if (all) readAt = this.#clock.mono();
        const announced = new Set(untold);
        const silent = waking === 'time_up' ? [...gathered.open].filter((id) => !announced.has(id)) : [];
        await this.#readInto(gathered, tenant, all ? [...gathered.open] : untold);
        if (silent.some((id) => !gathered.open.has(id))) this.#waits.unheard();
      }
      const answer = gathered.answer();
      return { ...answer, ended: await this.#reader.withHistory(tenant, answer.ended) };
    } finally {
      watch.close();
    }
  }

  async #readInto(gathered: Gathered, tenant: string, ids: readonly string[]): Promise<void> {
    let portion = FIRST_PORTION;
    for (let at = 0; at < ids.length && !gathered.isFull;) {
      const part = ids.slice(at, at + portion);
      at += part.length;
      const before = gathered.bytes;
      gathered.read(part, await this.#reader.progressOfMany(tenant, part));
      portion = gathered.bytes - before > PORTION_BYTES ? FIRST_PORTION : Math.min(portion * 4, MAX_PORTION);
    }
  }

  async #whole(tenant: string, found: Found): Promise<Found> {
    if (found.is !== 'ended') return found;
    const [end = found.end] = await this.#reader.withHistory(tenant, [found.end]);
    return { is: 'ended', end };
  }

  async #read(tenant: string, id: string): Promise<Found> {
    const progress = await this.#reader.progress(tenant, id);
    return progress.is === 'missing' ? this.#reader.refuse(id) : progress;
  }
}

function refuseWhereTold({ reason }: AbortSignal): void {
  if (reason instanceof Refusal) throw reason;
}
