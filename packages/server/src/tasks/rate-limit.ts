// How fast one caller may submit: a token bucket each, in this process. A request may take the bucket below zero: a batch
// larger than the burst passes when the bucket is full, and what follows waits until it is paid off.
import { LIMITS } from '@mpcsfaas/contract/words';
import type { Clock } from '../clock.ts';
import { Refusal } from './refusal.ts';

interface Bucket {
  tokens: number;
  /** Monotonic ms at which `tokens` was true. */
  at: number;
}

/** What is paid for. */
export interface Payable<T> {
  tasks: number;
  /** How many of them came before. */
  before: () => Promise<number>;
  /** Answers how many of them were new. */
  submit: () => Promise<T>;
}

/** Buckets are looked through for full ones, which say nothing, when there are so many more than last time. */
const TIDY_AT = 1000;

export class RateLimit {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();
  #tidyAt = TIDY_AT;

  /** `perSecond` tasks a second; 0 = no limit. `burst` = how many at once after a pause; 0 = those of one second. */
  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perMs = perSecond / 1000;
    this.#burst = Math.max(1, burst === 0 ? perSecond : burst);
  }

  /**
   * Submits tasks that are paid for before anything is written. What the store refuses costs nothing, and neither does what
   * came before under its key; where the store is away, nobody knows what was accepted. Where there are too few tokens for
   * all of them, those that came before are looked for, so that a repeat is answered however fast its caller was.
   */
  async paid<T extends { fresh: number }>(caller: string, { tasks, before, submit }: Payable<T>): Promise<T> {
    const paid = this.#has(caller, tasks) ? tasks : tasks - (await before());
    this.take(caller, paid);
    try {
      const submitted = await submit();
      this.#giveBack(caller, paid - submitted.fresh);
      return submitted;
    } catch (fault) {
      if (fault instanceof Refusal) this.#giveBack(caller, paid - (fault.members.accepted?.length ?? 0));
      throw fault;
    }
  }

  /** Takes `tasks` from the caller's bucket, or refuses with `rate_limited` and when to come again. */
  take(caller: string, tasks: number): void {
    if (this.#perMs === 0 || tasks === 0) return;
    const now = this.#clock.mono();
    const tokens = this.#tokens(caller, now);
    const wanted = Math.min(tasks, this.#burst);
    if (tokens < wanted) throw this.#refusal(Math.ceil((wanted - tokens) / this.#perMs));
    if (this.#buckets.size >= this.#tidyAt) this.#tidy(now);
    this.#buckets.set(caller, { tokens: tokens - tasks, at: now });
  }

  #has(caller: string, tasks: number): boolean {
    return this.#perMs === 0 || this.#tokens(caller, this.#clock.mono()) >= Math.min(tasks, this.#burst);
  }

  #giveBack(caller: string, tasks: number): void {
    const bucket = this.#buckets.get(caller);
    if (bucket !== undefined) bucket.tokens += tasks;
  }

  #tokens(caller: string, now: number): number {
    const bucket = this.#buckets.get(caller);
    return bucket === undefined ? this.#burst : Math.min(this.#burst, bucket.tokens + (now - bucket.at) * this.#perMs);
  }

  #tidy(now: number): void {
    for (const caller of this.#buckets.keys()) {
      if (this.#tokens(caller, now) === this.#burst) this.#buckets.delete(caller);
    }
    this.#tidyAt = this.#buckets.size + TIDY_AT;
  }

  #refusal(waitMs: number): Refusal {
    const { option } = LIMITS.rate_limit;
    const limit = Math.round(this.#perMs * 1000);
    return new Refusal(
      'rate_limited',
      `This caller may submit ${limit} tasks a second. Try again in ${waitMs} ms, or start the service with a larger ${option}.`,
      { limit, option, retry_after_ms: waitMs },
    );
  }
}
