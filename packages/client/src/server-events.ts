// Server-sent events over fetch, which unlike EventSource can send a key: read, and followed over cut connections.
import { ConnectionFailed, Unavailable } from './errors.ts';
import { backoffMs, linkedTo, pause } from './pause.ts';
import type { Connection } from './connection.ts';

export interface ServerEvent {
  /** `open` comes of every connection, the first one too: what was missed before it may have to be read. */
  event: string;
  data: string;
}

/** The service says something every 15 s: after so long without a word the connection is dead, ms. */
const SILENCE_MS = 40_000;

/**
 * Events until `signal` fires. After a cut it goes on from the last event's id; where nothing answers for as long as the
 * connection is patient it throws.
 */
export async function* follow(connection: Connection, path: string, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
  let last = '';
  let tried = 0;
  // When the beginning was, or the end of the last connection on which something came, Unix ms.
  let lost = Date.now();
  const over = (): boolean => signal?.aborted === true;
  while (!over()) {
    const [stop, forget, within] = linkedTo(signal);
    try {
      within(SILENCE_MS);
      const body = await connection.open(path, last === '' ? {} : { 'last-event-id': last }, stop.signal);
      for await (const { event, data = '', id } of readEvents(body)) {
        within(SILENCE_MS);
        if (tried >= 0) yield { event: 'open', data: '' };
        tried = -1;
        last = id ?? last;
        // One without a name tells its place alone.
        if (event) yield { event, data };
      }
    } catch (error) {
      if (over()) return;
      const fault = connection.away(error);
      const passing = fault instanceof ConnectionFailed || fault instanceof Unavailable;
      if (!passing || (tried >= 0 && Date.now() - lost > connection.patienceMs)) throw fault;
    } finally {
      forget();
      stop.abort();
    }
    // Not since the last word: of a program that was suspended meanwhile that may be long ago.
    if (tried < 0) {
      tried = 0;
      lost = Date.now();
    }
    await pause(backoffMs(tried++, Math.random()), signal).catch(() => undefined);
  }
}

/** The ends of tasks: of this group (''; those that have none), or of all. */
export function pathOfEnds(group: string | undefined): string {
  return `/v1/events${group === undefined ? '' : `?group=${encodeURIComponent(group)}`}`;
}

/** Ends where the connection does, by a throw where it was cut. */
async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<Partial<Record<string, string>>> {
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
      for (const block of blocks) yield fieldsOf(block);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function fieldsOf(block: string): Partial<Record<string, string>> {
  // Of what JSON may hold, `.` has not all: U+2028 ends a line of a program, and none here.
  return Object.fromEntries(block.split('\n').map((line) => line.split(/: ?([^]*)/))) as Partial<
    Record<string, string>
  >;
}
