// Server-sent events over fetch, which unlike EventSource can send a key: read, and followed over cut connections.
import { ConnectionFailed, FaasError, Unavailable } from './errors.ts';
import { backoffMs, linkedTo, pause } from './pause.ts';
import type { Connection } from './connection.ts';

/** `open` is told after every connection, the first one too: what was missed before it may have to be read. */
export type Told = { is: 'open' } | { is: 'event'; event: string; data: string };

/** The service says something every 15 s: after so long without a word the connection is dead, ms. */
const SILENCE_MS = 40_000;

/**
 * Events until `signal` fires. After a cut it goes on from the last event's id; where nothing answers for as long as the
 * connection is patient it throws.
 */
export async function* follow(connection: Connection, path: string, signal?: AbortSignal): AsyncGenerator<Told> {
  let last = '';
  let tried = 0;
  let heard = Date.now();
  const over = (): boolean => signal?.aborted === true;
  while (!over()) {
    const [stop, forget] = linkedTo(signal);
    const cut = (): void => stop.abort();
    let timer = setTimeout(cut, SILENCE_MS);
    try {
      const body = await connection.open(path, last === '' ? {} : { 'last-event-id': last }, stop.signal);
      for await (const { event, data, id } of readEvents(body)) {
        clearTimeout(timer);
        timer = setTimeout(cut, SILENCE_MS);
        if (tried >= 0) yield { is: 'open' };
        tried = -1;
        heard = Date.now();
        last = id ?? last;
        if (event !== '') yield { is: 'event', event, data };
      }
    } catch (fault) {
      if (over()) return;
      const passing =
        !(fault instanceof FaasError) || fault instanceof ConnectionFailed || fault instanceof Unavailable;
      if (!passing || Date.now() - heard > connection.patienceMs) throw fault;
    } finally {
      clearTimeout(timer);
      forget();
      cut();
    }
    tried = Math.max(tried, 0);
    await pause(backoffMs(tried++, Math.random()), signal).catch(() => undefined);
  }
}

/** The ends of tasks: of this group (''; those that have none), or of all. */
export function pathOfEnds(group: string | undefined): string {
  return `/v1/events${group === undefined ? '' : `?group=${encodeURIComponent(group)}`}`;
}

interface ServerEvent {
  /** '' where only the place moved on. */
  event: string;
  data: string;
  id: string | undefined;
}

/** Ends where the connection does, by a throw where it was cut. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) yield eventOf(block);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function eventOf(block: string): ServerEvent {
  // Of what JSON may hold, `.` has not all: U+2028 ends a line of a program, and none here.
  const fields = block.split('\n').map((line) => line.split(/: ?([^]*)/));
  const { event = '', data = '', id } = Object.fromEntries(fields) as Partial<Record<string, string>>;
  return { event, data, id };
}
