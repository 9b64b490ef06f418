// Waiting: between tries, and for what a signal may cut short.

const FIRST_MS = 100;
const LONGEST_MS = 5_000;
/** How long whoever gives up waits for what it began to be canceled: a service that hangs does not hold them, ms. */
const CANCEL_MS = 2_000;
/** How long the requests behind that go on: a program can end, though its service hangs. */
export const LEFT_MS = 5_000;

/** How long to wait before try `tried` + 1: exponential, half of it jitter, so that many clients do not come back at once. */
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
    const forget = onAbort(signal, () => reject(signal.reason as Error));
    promise.then(resolve, reject).finally(forget);
  });
}

/** Resolves once `work` has settled, in whatever way, or CANCEL_MS have passed; what goes on then goes on by itself. */
export async function settledSoon(work: Promise<unknown>): Promise<void> {
  await orAborted(work, AbortSignal.timeout(CANCEL_MS)).catch(() => undefined);
}

/**
 * A controller that fires when one of the signals does, with its reason, until that is forgotten. `within`: also once so many ms
 * have passed since that was said last.
 */
export function linkedTo(
  ...signals: (AbortSignal | undefined)[]
): [stop: AbortController, forget: () => void, within: (ms: number) => void] {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const forgets = signals.map((signal) => onAbort(signal, () => stop.abort(signal?.reason)));
  const within = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(new Error('no answer')), ms);
  };
  const forget = (): void => {
    clearTimeout(timer);
    for (const one of forgets) one();
  };
  return [stop, forget, within];
}

/** All who wait by one signal, as its one listener: of more than ten Node warns, as of a leak. */
class Listening extends Set<() => void> {
  handleEvent(): void {
    for (const act of this) act();
  }
}

const listening = new WeakMap<AbortSignal, Listening>();

/** `act` is called once `signal` fires, at once where it has; what is answered forgets it. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) {
    act();
    return () => undefined;
  }
  const acts = listening.get(signal) ?? new Listening();
  listening.set(signal, acts.add(act));
  // Of one that listens already nothing comes of it.
  signal.addEventListener('abort', acts, { once: true });
  return () => {
    if (!acts.delete(act) || acts.size > 0) return;
    listening.delete(signal);
    signal.removeEventListener('abort', acts);
  };
}
