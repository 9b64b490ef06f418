// Waiting: between tries, and for what a signal may cut short.

const FIRST_MS = 100;
const LONGEST_MS = 5_000;
/** How long whoever gives up waits for what it began to be canceled: a service that hangs does not hold them, ms. */
export const CANCEL_MS = 2_000;

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
    const forget = onAbort(signal, () => reject(signal.reason as Error));
    promise.then(resolve, reject).finally(forget);
  });
}

/** Resolves once `work` has settled, in whatever way, or `ms` have passed; what goes on then goes on by itself. */
export function settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void work
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(timer);
        resolve();
      });
  });
}

/** A controller that fires when `signal` does, with its reason, until that is forgotten. */
export function linkedTo(signal: AbortSignal | undefined): { stop: AbortController; forget: () => void } {
  const stop = new AbortController();
  return { stop, forget: onAbort(signal, () => stop.abort(signal?.reason)) };
}

interface Listening {
  acts: Set<() => void>;
  fire: () => void;
}

/** One listener for each signal, however many wait by it: of more than ten Node warns, as of a leak. */
const listening = new WeakMap<AbortSignal, Listening>();

/** `act` is called once `signal` fires, at once where it has; what is answered forgets it. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) {
    act();
    return () => undefined;
  }
  const { acts, fire } = listening.get(signal) ?? listenTo(signal);
  acts.add(act);
  return () => {
    if (!acts.delete(act) || acts.size > 0) return;
    listening.delete(signal);
    signal.removeEventListener('abort', fire);
  };
}

function listenTo(signal: AbortSignal): Listening {
  const acts = new Set<() => void>();
  const fire = (): void => {
    listening.delete(signal);
    for (const act of acts) act();
  };
  const made = { acts, fire };
  listening.set(signal, made);
  signal.addEventListener('abort', fire, { once: true });
  return made;
}
