// The clock: the only place that reads the machine's time and waits by it. Policies take the time as an argument, loops the
// clock, so that both can be simulated.

/** Milliseconds, as two clocks: `wall` for what people read, `mono` for measuring (never jumps). */
export interface Clock {
  /** Unix time in ms. */
  wall(): number;
  /** Monotonic time in ms with a fraction; comparable only within this process. */
  mono(): number;
}

/** Takes back what was to be called; does nothing where it has been. */
export type Cancel = () => void;

/** A clock that can also be waited by. */
export interface LiveClock extends Clock {
  /** Calls `act` once, in `ms`. */
  after(ms: number, act: () => void): Cancel;
  /** Calls `act` every `ms`. */
  every(ms: number, act: () => void): Cancel;
  /** Calls `act` when this turn of the event loop ends. */
  turn(act: () => void): void;
}

export const systemClock: LiveClock = {
  wall: () => Date.now(),
  mono: () => performance.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, act) => {
    const timer = setInterval(act, ms);
    return () => clearInterval(timer);
  },
  turn: (act) => void setImmediate(act),
};

/** Resolves in `ms`. */
export function pause(clock: LiveClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
