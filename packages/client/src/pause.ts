// Waiting: between tries, and for what a signal may cut short.

const FIRST_MS = 100;
const LONGEST_MS = 5_000;

/** How long to wait before try `tried` + 1: exponential, with full jitter, so that many clients do not come back at once. */
export function backoffMs(tried: number, random: number): number {
  return Math.min(FIRST_MS * 2 ** tried, LONGEST_MS) * (0.5 + random / 2);
}

/** Rejects with the signal's reason. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const passed = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  return orAborted(passed, signal).finally(() => clearTimeout(timer));
}

/** Settles as `promise` does; before that, once `signal` fires, it rejects with its reason. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
