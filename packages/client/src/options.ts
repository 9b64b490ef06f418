// Options as callers write them, and as the service takes them.
import type { TaskOptions } from './contract.ts';

export interface CallOptions extends TaskOptions {
  /** Ends the waiting, and cancels the task. */
  signal?: AbortSignal | undefined;
  /** Idempotency key of one call: the same call again under it is the same task. */
  key?: string | undefined;
}

/** `timeoutMs` → `timeout_ms`; the signal and the key are none of the task. @internal */
export function taskOptions({ signal: _, key: __, ...options }: CallOptions): Record<string, unknown> {
  return snake(options);
}

/** A retry policy has names of its own; nothing else has. */
function snake(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]: [string, unknown]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      name === 'retry' && value ? snake(value) : value,
    ]),
  );
}
