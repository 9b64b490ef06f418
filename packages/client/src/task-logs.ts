// A task's output as it grows, once each, over cut connections.
import { follow } from './server-events.ts';
import type { Connection } from './connection.ts';
import type { LogEvent } from './contract.ts';

/** Ends with the task. */
export async function* followLogs(
  connection: Connection,
  id: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogEvent> {
  signal?.throwIfAborted();
  // How far each stream was told, in bytes. A new connection begins at the beginning: what those before it told is left
  // out. One connection repeats nothing, and what it tells is not weighed against itself: bytes that are no UTF-8 are
  // longer in a text than in their stream.
  let attempt = 0;
  let told = { stdout: 0, stderr: 0 };
  let before = told;
  for await (const item of follow(connection, `/v1/tasks/${id}/logs?follow=1`, signal)) {
    if (item.event === 'open') {
      before = { ...told };
      continue;
    }
    if (item.event === 'end') return;
    const log = JSON.parse(item.data) as LogEvent;
    if (log.attempt !== attempt) {
      attempt = log.attempt;
      told = { stdout: 0, stderr: 0 };
      before = { ...told };
    }
    const bytes = new TextEncoder().encode(log.text);
    const known = Math.max(0, before[log.stream] - log.offset);
    if (known >= bytes.length) continue;
    told[log.stream] = log.offset + bytes.length;
    yield known === 0
      ? log
      : { ...log, offset: log.offset + known, text: new TextDecoder().decode(bytes.subarray(known)) };
  }
  signal?.throwIfAborted();
}
