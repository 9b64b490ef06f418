// A call's own output: as kept, and as it grows.
import { StringDecoder } from 'node:string_decoder';
import { LOG_STREAMS, isTerminal } from '@mpcsfaas/contract';
import type { LogStream } from '@mpcsfaas/contract';
import type { StreamLog, TaskLogs } from '../lifecycle/outcome.ts';
import type { Store } from '../store/index.ts';
import type { EndWaits } from './wait.ts';

/** How often a running call's output is read, ms. */
const LOOK_MS = 500;
/** Every so many looks a `quiet` is said: every 15 s. */
const QUIET_LOOKS = 30;

export interface KeptStream {
  text: string;
  dropped_bytes: number;
  total_bytes: number;
}

/** One stream as people read it: bytes that are no UTF-8 are replaced. */
export function keptStream(logs: TaskLogs | undefined, stream: LogStream): KeptStream {
  const log = logs?.[stream];
  if (log === undefined) return { text: '', dropped_bytes: 0, total_bytes: 0 };
  return {
    text: Buffer.concat([log.head, log.tail]).toString('utf8'),
    dropped_bytes: log.total - log.head.length - log.tail.length,
    total_bytes: log.total,
  };
}

export type LogItem =
  { is: 'printed'; attempt: number; stream: LogStream; offset: number; text: string } | { is: 'end' } | { is: 'quiet' };

/** What the newest attempt printed so far, what it prints from now on, and at last the end. */
export async function* followLogs(
  store: Store,
  waits: EndWaits,
  tenant: string,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<LogItem> {
  const watch = waits.watch([id]);
  try {
    let readers = new Map<LogStream, StreamReader>();
    let attempt = 0;
    for (let looks = 0; !signal.aborted; looks++) {
      // The state before the output: what is read after the end is all of it.
      const [state] = await store.states(tenant, [id]);
      const kept = await store.logs(tenant, id);
      if (kept !== undefined && kept.attempt !== attempt) {
        attempt = kept.attempt;
        readers = new Map();
      }
      for (const stream of kept === undefined ? [] : LOG_STREAMS) {
        let reader = readers.get(stream);
        if (reader === undefined) readers.set(stream, (reader = new StreamReader()));
        const fresh = reader.read(kept!.logs[stream]);
        if (fresh.text !== '') yield { is: 'printed', attempt, stream, ...fresh };
      }
      if (state === undefined || isTerminal(state)) {
        yield { is: 'end' };
        return;
      }
      if (looks % QUIET_LOOKS === 0) yield { is: 'quiet' };
      await watch.sleep(LOOK_MS, 1, signal);
    }
  } finally {
    watch.close();
  }
}

/** Remembers how far a stream was told. */
class StreamReader {
  readonly #decoder = new StringDecoder('utf8');
  #at = 0;

  read({ head, tail, total }: StreamLog): { offset: number; text: string } {
    const tailFrom = total - tail.length;
    const fromHead = head.subarray(Math.min(this.#at, head.length));
    const fromTail = tail.subarray(Math.max(0, this.#at - tailFrom));
    const offset = fromHead.length > 0 || this.#at >= tailFrom ? this.#at : tailFrom;
    this.#at = total;
    return { offset, text: this.#decoder.write(Buffer.concat([fromHead, fromTail])) };
  }
}
