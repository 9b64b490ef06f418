// How long to wait before try n: exponential with full jitter, bounded.
// Source: "Exponential Backoff And Jitter", AWS Architecture Blog (2015), the "full jitter" variant.

export interface Backoff {
  /** First wait in ms. */
  readonly baseMs: number;
  /** Longest wait in ms. */
  readonly maxMs: number;
  /** Growth a try. */
  readonly factor: number;
}

/** The wait in ms before retry number `attempt` (1 = the first); `random` in [0, 1). Never less than a tenth of the bound. */
export function backoffMs(policy: Backoff, attempt: number, random: number): number {
  const bound = Math.min(policy.maxMs, policy.baseMs * policy.factor ** Math.max(0, attempt - 1));
  return Math.round(bound * (0.1 + 0.9 * random));
}
