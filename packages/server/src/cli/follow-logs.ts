// A task's output as it grows: events of the service, each piece once, over cut connections.
import { setTimeout as pause } from 'node:timers/promises';
import { backoffMs } from '../backoff.ts';
import { Hung, type Api } from './api.ts';
import { BACKOFF, LONG_MS, SHORT_MS, askedMs, isAway } from './patience.ts';

export interface Printed {
  attempt: number;
  stream: 'stdout' | 'stderr';
  /** Of the text's first byte in its stream. */
  offset: number;
  text: string;
  /** How many bytes before it were dropped. */
  dropped: number;
}

/** Ends with the task. @throws UserError where it is refused, or the service is away for as long as patience lasts */
export async function* followLogs(api: Api, id: string, signal: AbortSignal): AsyncGenerator<Printed> {
  let attempt = 0;
  // How far each stream was told, in bytes. A new connection begins at the beginning: what those before it told is left
  // out. One connection repeats nothing, and what it tells is not weighed against itself: bytes that are no UTF-8 are
  // longer in a text than in their stream.
  let told = { stdout: 0, stderr: 0 };
  let until = performance.now() + SHORT_MS;
  for (let tries = 0; ;) {
    let before = { ...told };
    let isHeard = false;
    let asked = 0;
    try {
      for await (const { event, data } of eventsOf(
        await api.follow(`/v1/tasks/${encodeURIComponent(id)}/logs`, { follow: '1' }, signal),
      )) {
        tries = 0;
        isHeard = true;
        until = performance.now() + LONG_MS;
        if (event === 'end') return;
        if (event !== 'log') continue;
        const log = JSON.parse(data) as Omit<Printed, 'dropped'>;
        if (log.attempt !== attempt) {
          told = { stdout: 0, stderr: 0 };
          before = { ...told };
        }
        attempt = log.attempt;
        const bytes = Buffer.from(log.text);
        const known = Math.max(0, before[log.stream] - log.offset);
        if (known >= bytes.length) continue;
        const dropped = Math.max(0, log.offset - told[log.stream]);
        told[log.stream] = log.offset + bytes.length;
        yield { ...log, offset: log.offset + known, text: bytes.toString('utf8', known), dropped };
      }
    } catch (error) {
      // A connection may have died unnoticed; a new one on which nothing comes is a service that hangs.
      const hangs = error instanceof Hung && !isHeard;
      if (signal.aborted || hangs || !isAway(error) || performance.now() > until) throw error;
      asked = askedMs(error);
    }
    tries += 1;
    await pause(Math.max(backoffMs(BACKOFF, tries, Math.random()), asked), undefined, { signal });
  }
}

async function* eventsOf(pieces: AsyncIterable<string>): AsyncGenerator<{ event: string; data: string }> {
  let text = '';
  for await (const piece of pieces) {
    const blocks = (text + piece).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      // Not by a pattern: its lines end at U+2028, too, which JSON lets stand in its texts.
      const field = (name: string): string =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
      yield { event: field('event'), data: field('data') };
    }
  }
}
