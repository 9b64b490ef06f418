// How a task ends, for commands that wait for it and print its value.
import type { Problem, Task, TaskError } from '@mpcsfaas/contract';
import { Refused, Unreachable, type Api } from './api.ts';
import { printJson, printValue } from './print.ts';
import { UserError } from './user-error.ts';

export type End =
  | { is: 'value'; value: unknown }
  /** Base64. */
  | { is: 'pickle'; pickle: string }
  | { is: 'failed'; error: TaskError }
  | { is: 'open'; status: string; waits: Task['waits'] };

/** One more long wait of `wait` ms: the service itself waits for a minute at most. @throws UserError */
export async function waitOn(api: Api, id: string, wait: number): Promise<End> {
  const path = `/v1/tasks/${encodeURIComponent(id)}/result`;
  const { status, body } = await api.get(path, { wait_ms: wait }).catch((error: unknown) => {
    const away = error instanceof Unreachable || (error instanceof Refused && error.answer.status === 503);
    if (!away) throw error;
    throw new UserError(
      `The service went away while task ${id} was waited for; its end is kept: \`mpcsfaas task result ${id}\` tells when the service is back.`,
      3,
    );
  });
  if (status === 202) return open(body);
  const { error, value, pickle } = body as Pick<Task, 'error'> & { value?: unknown; pickle?: string };
  if (error !== null) return { is: 'failed', error };
  return value === undefined && pickle !== undefined ? { is: 'pickle', pickle } : { is: 'value', value };
}

/** 202 comes with the task. */
export function open(body: unknown): End {
  const { status, waits } = body as Pick<Task, 'status' | 'waits'>;
  return { is: 'open', status, waits };
}

/** ms until then, of performance.now(), and no more than `most`. */
export function waitMs(until: number, most: number): number {
  return Math.max(0, Math.min(most, Math.round(until - performance.now())));
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
