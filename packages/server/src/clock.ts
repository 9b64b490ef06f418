// The clock: the only place that reads the machine's time. Policies take it as an argument, so that they can be simulated.

/** Milliseconds, as two clocks: `wall` for what people read, `mono` for measuring (never jumps). */
export interface Clock {
  /** Unix time in ms. */
  wall(): number;
  /** Monotonic time in ms with a fraction; comparable only within this process. */
  mono(): number;
}

export const systemClock: Clock = {
  wall: () => Date.now(),
  mono: () => performance.now(),
};
