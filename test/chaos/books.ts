// The system's own books at the end of a run, read over its API: every task there is, the counters, and every end again.
import { get, post, type Ended, type Reply } from '../harness/http.ts';
import { digestOf, readClassic } from './client.ts';
import type { Ledger } from './ledger.ts';
import { now } from './now.ts';
import { sleep } from './scene.ts';

export interface TaskRecord {
  id: string;
  status: string;
  kind: string;
  attempt: number;
  losses: number;
  maxAttempts: number;
  /** Who has or had it. */
  worker: string;
  history: string[];
  label: number | undefined;
}

export interface Books {
  tasks: ReadonlyMap<string, TaskRecord>;
  submitted: number;
  ended: Record<string, number>;
  states: Record<string, number>;
  /** Of `/metrics`: the same counters by another way. */
  metrics: { submitted: number; ended: number };
}

interface Listed {
  task_id: string;
  status: string;
  attempt: number;
  losses: number;
  worker: string | null;
  error: { kind: string } | null;
  attempts: { attempt: number; at: string; worker: string | null; reason: string; message: string }[];
  options: { tags: string[]; max_attempts: number };
}

/** Also an answer: there is no such task. */
const GONE = [200, 404, 410];

/** Everything answers now: what does not within ten seconds is a fault of its own. */
async function insist<T>(request: () => Promise<Reply<T>>, answers: readonly number[] = [200]): Promise<Reply<T>> {
  const until = now() + 10_000;
  for (;;) {
    const reply = await request().catch(() => undefined);
    if (reply !== undefined && answers.includes(reply.status)) return reply;
    if (now() > until) throw new Error(`the system does not answer: ${reply?.status} ${JSON.stringify(reply?.body)}`);
    await sleep(100);
  }
}

async function whole<T>(request: () => Promise<Reply<T>>): Promise<T> {
  return (await insist(request)).body;
}

/** Nothing waits and nothing runs; what was in doubt and accepted has no client that waits for it. */
export async function untilIdle(url: string, until: number): Promise<void> {
  while (now() < until) {
    const { states } = await whole<Pick<Books, 'states'>>(() => get(`${url}/v1/stats`));
    if (Object.values(states).every((count) => count === 0)) return;
    await sleep(100);
  }
}

export async function readBooks(url: string): Promise<Books> {
  const tasks = new Map<string, TaskRecord>();
  let cursor = '';
  do {
    const page = await whole<{ items: Listed[]; next_cursor: string }>(() =>
      get(`${url}/v1/tasks?limit=1000${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`),
    );
    for (const item of page.items) tasks.set(item.task_id, recordOf(item));
    cursor = page.next_cursor;
  } while (cursor !== '');
  const stats = await whole<Pick<Books, 'submitted' | 'ended' | 'states'>>(() => get(`${url}/v1/stats`));
  const text = await whole<string>(() => get(`${url}/metrics`));
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
      (total, [, n]) => total + Number(n),
      0,
    );
  return {
    tasks,
    submitted: stats.submitted,
    ended: stats.ended,
    states: stats.states,
    metrics: { submitted: sum('mpcsfaas_tasks_submitted_total'), ended: sum('mpcsfaas_tasks_ended_total') },
  };
}

function recordOf({ task_id: id, status, attempt, losses, worker, error, attempts, options }: Listed): TaskRecord {
  const tag = /^label-(\d+)$/.exec(options.tags[0] ?? '');
  return {
    ...{ id, status, attempt, losses, kind: error?.kind ?? '', maxAttempts: options.max_attempts },
    history: attempts.map(
      (one) => `${one.at} attempt ${one.attempt} ${one.worker ?? '-'} ${one.reason}: ${one.message}`,
    ),
    worker: worker ?? '-',
    label: tag === null ? undefined : Number(tag[1]),
  };
}

/** Reads every end that was read before once more: what was once read never changes. */
export async function readAgain(url: string, ledger: Ledger): Promise<void> {
  const ended = [...ledger.entries.values()].filter(({ reads }) => reads.length > 0);
  const modern = ended.filter(({ via }) => via === 'v1');
  for (let at = 0; at < modern.length; at += 500) {
    const entries = new Map(modern.slice(at, at + 500).map((entry) => [entry.acks[0]!.id, entry]));
    // An answer is bounded: what was left for the next one is asked for again.
    while (entries.size > 0) {
      const { results, unknown } = await whole<{ results: (Ended & { pickle?: string })[]; unknown: string[] }>(() =>
        post(`${url}/v1/results`, { task_ids: [...entries.keys()], wait_ms: 1000 }),
      );
      for (const end of results) {
        const { status, error, task_id: id } = end;
        entries.get(id)?.reads.push({ at: now(), status, kind: error?.kind ?? '', digest: digestOf(end), wrong: '' });
        entries.delete(id);
      }
      for (const id of unknown) {
        ledger.violation('I1', `task ${id} was read as ended and is unknown now`, entries.get(id)?.label);
        entries.delete(id);
      }
      if (results.length + unknown.length === 0) {
        for (const [id, { label }] of entries)
          ledger.violation('I2', `task ${id} was read as ended and is open now`, label);
        break;
      }
    }
  }
  for (const entry of ended.filter(({ via }) => via === 'classic')) {
    const { id } = entry.acks[0]!;
    const asked = await insist<{ status: string; result: string }>(() => get(`${url}/result/${id}`), GONE);
    if (asked.status === 200) entry.reads.push(readClassic(asked.body, `classic ${entry.label}`));
    else ledger.violation('I1', `task ${id} was read as ended and is unknown now`, entry.label);
  }
}
