// Cancels of those who stop: of one signal's many calls in one request.
import { MAX_RESULT_IDS } from './contract.ts';
import { LEFT_MS } from './pause.ts';
import type { Connection } from './connection.ts';

/** Cancels a task together with all others of this turn; resolves once that is answered, or given up. */
export type Cancel = (id: string) => Promise<void>;

export function canceling(connection: Connection): Cancel {
  let ids: string[] = [];
  let sent: Promise<void>;
  const send = async (): Promise<void> => {
    const all = ids;
    ids = [];
    try {
      for (let at = 0; at < all.length; at += MAX_RESULT_IDS) {
        const body = JSON.stringify({ task_ids: all.slice(at, at + MAX_RESULT_IDS) });
        await connection.ask('POST', '/v1/tasks/cancel', { body, signal: AbortSignal.timeout(LEFT_MS) });
      }
    } catch {
      // A service that is away cannot cancel, and whoever stops has a reason of their own to tell.
    }
  };
  return (id) => {
    if (ids.push(id) === 1) sent = Promise.resolve().then(send);
    return sent;
  };
}
