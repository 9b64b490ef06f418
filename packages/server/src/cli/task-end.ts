// How a task ends, for commands that wait for it and print its value.
import type { Problem, Task, TaskError } from '@mpcsfaas/contract';
import type { Api, Refused } from './api.ts';
import { isAway } from './patience.ts';
import { printJson, printValue } from './print.ts';
import { UserError } from './user-error.ts';

export type End =
  | { is: 'value'; value: unknown }
  /** Base64. */
  | { is: 'pickle'; pickle: string }
  | { is: 'failed'; error: TaskError }
  | { is: 'open'; status: string; waits: Task['waits'] };

/** How long one request is held, ms: a proxy may give up what is silent for 30 s. */
const HELD_MS = 25_000;

/** How the task stands, or has ended within HELD_MS and before `until`, of performance.now(). @throws UserError */
export async function look(api: Api, id: string, until: number): Promise<End> {
  const wait = Math.max(0, Math.min(HELD_MS, Math.round(until - performance.now())));
  const { status, body } = await api.get(`/v1/tasks/${encodeURIComponent(id)}/result`, { wait_ms: wait });
  if (status === 202) return open(body);
  const { error, value, pickle } = body as Pick<Task, 'error'> & { value?: unknown; pickle?: string };
  if (error !== null) return { is: 'failed', error };
  return value === undefined && pickle !== undefined ? { is: 'pickle', pickle } : { is: 'value', value };
}

/** The same of one that is known to be there: where the service goes away, its id is told. @throws UserError */
export async function lookAgain(api: Api, id: string, until: number): Promise<End> {
  return look(api, id, until).catch((error: unknown) => {
    if (!isAway(error)) throw error;
    throw new UserError(
      `${(error as Error).message} Task ${id} was waited for: its end is kept, and \`mpcsfaas task result ${id}\` tells it when the service is back.`,
      3,
    );
  });
}

/** 202 comes with the task. */
export function open(body: unknown): End {
  const { status, waits } = body as Pick<Task, 'status' | 'waits'>;
  return { is: 'open', status, waits };
}

/**
 * Prints the value. @throws UserError that tells any other end, or with `notYet` that there is none; then JSON, where it is
 * wanted, has been printed, too
 */
export function conclude(
  id: string,
  end: End,
  { json, traceback }: { json: boolean; traceback: boolean },
  notYet: string,
): void {
  switch (end.is) {
    case 'value':
      if (json) printJson({ task_id: id, value: end.value });
      else printValue(end.value);
      return;
    case 'pickle':
      if (json) return printJson({ task_id: id, pickle: end.pickle });
      throw new UserError(
        `The value of task ${id} is a pickle, which Python alone reads: \`Client().wait("${id}")\` of the Python SDK; --json prints its base64.`,
      );
    case 'failed':
      if (json) printJson({ task_id: id, error: end.error });
      throw new UserError(failure(id, end.error, traceback && !json));
    case 'open':
      if (json) printJson({ task_id: id, status: end.status });
      throw new UserError(notYet, 3);
  }
}

/** A refusal that names a task is about its end, or says that nobody can run it. */
export function endIn({ answer, message }: Refused): { id: string; end: End } | undefined {
  const { code, task_id: id, task_status: status, task_error: error } = (answer.body ?? {}) as Partial<Problem>;
  if (id === undefined) return undefined;
  if (error !== undefined) return { id, end: { is: 'failed', error } };
  if (code !== 'no_worker') return undefined;
  return { id, end: { is: 'open', status: status ?? 'QUEUED', waits: { reason: 'no_worker', detail: message } } };
}

/** What happened, in one line; then the remote traceback, where it is wanted. */
function failure(id: string, { kind, type, message, traceback }: TaskError, whole: boolean): string {
  const what = [type, message].filter((part) => part !== '').join(': ');
  const sentence = `The call failed, ${kind}: ${what.replaceAll(/\s*\n\s*/g, ' ')} (task ${id})`;
  return whole && traceback.trim() !== '' ? `${sentence}\n\n${traceback.trimEnd()}` : sentence;
}
