// A call's own output: as kept, and as it grows.
import { LOG_STREAMS, isTerminal } from '@mpcsfaas/contract/words';
import type { LogStream } from '@mpcsfaas/contract';
import type { StreamLog, TaskLogs } from '../lifecycle/outcome.ts';
import type { Store } from '../store/index.ts';
import type { EndWaits } from './wait.ts';

/** How often a running call's output is read, ms; and how soon again where there was some: most who print go on printing. */
const LOOK_MS = 500;
const SOON_MS = 100;
/** How often a `quiet` is said, ms. */
const QUIET_MS = 15_000;

export interface KeptStream {
  text: string;
  gap_at: number | null;
  dropped_bytes: number;
  total_bytes: number;
}

/** One stream as people read it: bytes that are no UTF-8 are replaced. */
export function keptStream(logs: TaskLogs | undefined, stream: LogStream): KeptStream {
  const log = logs?.[stream];
  if (log === undefined) return { text: '', gap_at: null, dropped_bytes: 0, total_bytes: 0 };
  const texts = spansOf(log).map(({ bytes }) => bytes.toString('utf8'));
  return {
    text: texts.join(''),
    gap_at: texts.length === 1 ? null : codePoints(texts[0]!),
    dropped_bytes: log.total - log.head.length - log.tail.length,
    total_bytes: log.total,
  };
}

/** How many characters, as other languages count them. */
function codePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; count++) at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  return count;
}

/** What is kept, as pieces that hang together: one, or two with a gap between them. */
function spansOf({ head, tail, total }: StreamLog): { from: number; bytes: Buffer }[] {
  const tailFrom = total - tail.length;
  if (tailFrom <= head.length) return [{ from: 0, bytes: Buffer.concat([head, tail]) }];
  return [
    { from: 0, bytes: head },
    { from: tailFrom, bytes: tail },
  ];
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
    // The first look says that we are there.
    let silentMs = QUIET_MS;
    while (!signal.aborted) {
      let printed = false;
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
        for (const fresh of reader.read(kept!.logs[stream])) {
          printed = true;
          yield { is: 'printed', attempt, stream, ...fresh };
        }
      }
      if (state === undefined || isTerminal(state)) {
        for (const [stream, reader] of readers) {
          for (const rest of reader.rest()) yield { is: 'printed', attempt, stream, ...rest };
        }
        yield { is: 'end' };
        return;
      }
      if (silentMs >= QUIET_MS) {
        silentMs = 0;
        yield { is: 'quiet' };
      }
      const pauseMs = printed ? SOON_MS : LOOK_MS;
      await watch.sleep(pauseMs, 1, signal);
      // A store that has gone back in time does not know of the end that was heard.
      watch.take();
      silentMs += pauseMs;
    }
  } finally {
    watch.close();
  }
}

interface Fresh {
  /** Of the text's first byte in its stream. */
  offset: number;
  text: string;
}

const NOTHING = Buffer.alloc(0);

/** Remembers how far a stream was told. A character whose bytes come in two pieces is told with the second. */
class StreamReader {
  #at = 0;
  #begun = NOTHING;

  /** What is new, each piece by itself: where the one before it does not reach, bytes were dropped. */
  *read(log: StreamLog): Generator<Fresh> {
    for (const { from, bytes } of spansOf(log)) {
      const start = Math.max(this.#at, from);
      if (start >= from + bytes.length) continue;
      if (start > this.#at) yield* this.rest();
      const offset = start - this.#begun.length;
      const whole = Buffer.concat([this.#begun, bytes.subarray(start - from)]);
      const complete = whole.length - unfinished(whole);
      this.#begun = whole.subarray(complete);
      this.#at = from + bytes.length;
      if (complete > 0) yield { offset, text: whole.toString('utf8', 0, complete) };
    }
  }

  /** The beginning of a character that does not come any more. */
  *rest(): Generator<Fresh> {
    const begun = this.#begun;
    this.#begun = NOTHING;
    if (begun.length > 0) yield { offset: this.#at - begun.length, text: begun.toString('utf8') };
  }
}

/** How many bytes at the end begin a character that is not all there. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
