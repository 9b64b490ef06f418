// Tasks that wait for nobody: no worker is there that could run them. Said on stderr, once, and only where one waits for long.
import { setTimeout as pause } from 'node:timers/promises';
import type { Task } from '@mpcsfaas/contract';
import type { Api } from './api.ts';

/** How long somebody who could run it may take to come before it is told that nobody can, ms. */
export const NOTICE_MS = 2_000;

/** What timers can hold, ms: 25 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Why nobody can run a task that waits so, a sentence; '' where somebody could, or where it waits for something else. */
export function nobodyFor(waits: Task['waits']): string {
  return waits?.reason === 'no_worker' || waits?.reason === 'no_worker_with_runtime' ? waits.detail : '';
}

/**
 * Asks once, NOTICE_MS after its task may start: then `waiting` names the task, or none where there is nothing to ask. '' also
 * where that cannot be told, or `signal` fires before.
 */
export async function askForNobody(
  api: Api,
  delayMs: number,
  waiting: () => string | undefined,
  signal: AbortSignal,
): Promise<string> {
  try {
    await pause(Math.min(delayMs + NOTICE_MS, LONGEST_MS), undefined, { signal });
    const id = waiting();
    if (id === undefined) return '';
    const answer = await api.get(`/v1/tasks/${encodeURIComponent(id)}`, {}, signal);
    return nobodyFor(api.bodyOf<Task>(answer, 'waits').waits);
  } catch {
    return '';
  }
}
