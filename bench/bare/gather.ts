// Many from few: what comes in one turn of the event loop goes on as one.

/**
 * A function that takes items and hands all of one turn to `pass`. While `pass` has not ended, what comes is kept for the
 * next one: nothing is sent in two pieces that could have gone in one.
 */
export function gather<T>(pass: (items: T[]) => void | Promise<void>): (items: readonly T[]) => void {
  let waiting: T[] = [];
  let isDue = false;
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const items = waiting;
      waiting = [];
      // Without the detour over a promise where there is none, answers leave in this turn.
      const passed = pass(items);
      if (passed !== undefined) await passed;
    }
    isDue = false;
  };
  return (items) => {
    waiting = waiting.length === 0 ? [...items] : waiting.concat(items);
    if (isDue) return;
    isDue = true;
    setImmediate(() => void flush());
  };
}
