// Many calls of one function: submitted in batches as far ahead as the window allows, results in the order of the inputs.
import { valueOf } from './errors.ts';
import { linkedTo, orAborted, settledSoon } from './pause.ts';
import type { Line } from './task-handle.ts';

export type Inputs<T> = Iterable<T> | AsyncIterable<T>;

export interface MapOptions {
  /** How many inputs are taken ahead of the results that were read; 10,000 unless said. */
  window?: number | undefined;
  signal?: AbortSignal | undefined;
}

const WINDOW = 10_000;

/**
 * To be read once; it starts then. Whoever stops before the end (`break`, a throw, the signal) cancels what has not ended.
 */
export class Mapped<R> implements AsyncIterable<R> {
  #begin: () => AsyncGenerator<PromiseSettledResult<R>>;

  /** `submit`: one input into the queue, where it waits for room until the signal fires. `signal`: another. @internal */
  constructor(
    inputs: () => AsyncIterator<unknown> | Iterator<unknown>,
    submit: (input: unknown, room: AbortSignal) => Promise<string>,
    line: Line,
    options: MapOptions,
    signal: AbortSignal | undefined,
  ) {
    this.#begin = () => run<R>(inputs(), submit, line, options, signal);
  }

  /** The values; throws where the first one is missing. */
  async *[Symbol.asyncIterator](): AsyncGenerator<R> {
    for await (const one of this.settled()) {
      if (one.status === 'rejected') throw one.reason;
      yield one.value;
    }
  }

  /** Values and failures, as `Promise.allSettled` tells them. */
  settled(): AsyncGenerator<PromiseSettledResult<R>> {
    const begin = this.#begin;
    this.#begin = () => {
      throw new TypeError('A map is read once: keep its values, or map the inputs again.');
    };
    return begin();
  }

  /** All values at once. */
  async toArray(): Promise<R[]> {
    const values: R[] = [];
    for await (const value of this) values.push(value);
    return values;
  }
}

async function* run<R>(
  inputs: AsyncIterator<unknown> | Iterator<unknown>,
  submit: (input: unknown, room: AbortSignal) => Promise<string>,
  { cancel, ends, group }: Line,
  { window = WINDOW, signal }: MapOptions,
  other: AbortSignal | undefined,
): AsyncGenerator<PromiseSettledResult<R>> {
  if (!(window >= 1)) throw new RangeError(`window takes a number of at least 1, not ${window}.`);
  const [stop, forget] = linkedTo(signal, other);
  const open = new Set<string>();
  const sending = new Set<Promise<unknown>>();
  const line: Promise<PromiseSettledResult<R>>[] = [];
  let coming = true as boolean;
  // Whoever awaits `changed` goes on once somebody calls `change`.
  let wake: (() => void) | undefined;
  let changed!: Promise<void>;
  const change = (): void => {
    wake?.();
    changed = new Promise((resolve) => (wake = resolve));
  };
  change();

  const call = async (input: unknown): Promise<R> => {
    // Whoever stops waits for those: an id that is not known yet could not be canceled.
    const sent = submit(input, stop.signal).then((id) => {
      open.add(id);
      return id;
    });
    sending.add(sent);
    const id = await sent.finally(() => sending.delete(sent));
    const end = await ends.of(id, stop.signal, group);
    open.delete(id);
    return valueOf(end) as R;
  };
  const over = (): boolean => stop.signal.aborted;
  const fill = async (): Promise<void> => {
    try {
      while (!over()) {
        const next = await inputs.next();
        if (next.done === true) break;
        line.push(Promise.allSettled([call(next.value)]).then(([called]) => called));
        change();
        while (line.length >= window && !over()) await changed;
      }
    } catch (fault) {
      // In its place: what comes before is told.
      const broken = Promise.resolve().then(() => {
        throw fault;
      });
      broken.catch(() => undefined);
      line.push(broken);
    }
    // Inputs of whoever stopped have not come to their end.
    coming = over();
    change();
  };

  const cancelKnown = async (): Promise<void> => {
    const ids = [...open];
    open.clear();
    await Promise.all(ids.map(cancel));
  };
  // What is on its way may take long: the others do not run meanwhile.
  const cancelAll = async (): Promise<void> => {
    await cancelKnown();
    await Promise.allSettled([...sending]);
    await cancelKnown();
  };

  stop.signal.addEventListener('abort', change);
  try {
    stop.signal.throwIfAborted();
    void fill();
    for (;;) {
      while (line.length === 0 && coming && !over()) await changed;
      const next = line[0];
      if (next === undefined) {
        stop.signal.throwIfAborted();
        return;
      }
      // A call that is on its way into the queue of a service that hangs is not waited for.
      const settled = await orAborted(next, stop.signal);
      stop.signal.throwIfAborted();
      void line.shift();
      change();
      yield settled;
    }
  } finally {
    forget();
    stop.abort();
    if (coming) void Promise.resolve(inputs.return?.()).catch(() => undefined);
    await settledSoon(cancelAll());
  }
}
