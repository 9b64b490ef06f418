// An ordinary HTTP client of the load: knows the services' addresses, takes the next one when one does not answer, and
// says of each answer whether it settles anything.
import { createHash } from 'node:crypto';
import { get, post, type Ended, type Reply } from '../harness/http.ts';
import type { Call } from './calls.ts';
import type { Entry, Ledger, Read } from './ledger.ts';
import { now } from './now.ts';

/** Between two tries of what did not answer, ms: services come back within a second or two. */
const PAUSE_MS = 100;

interface Submitted {
  task_id?: string;
  task_ids?: string[];
  accepted?: number[];
  code?: string;
}

export class Client {
  private readonly urls: readonly string[];
  private readonly ledger: Ledger;
  private turn: number;

  constructor(urls: readonly string[], ledger: Ledger, first: number) {
    this.urls = urls;
    this.ledger = ledger;
    this.turn = first;
  }

  /** Never rejects: no answer is undefined, and the next request goes to the next service. */
  async ask<T>(request: (url: string) => Promise<Reply<T>>): Promise<Reply<T> | undefined> {
    try {
      return await request(this.urls[this.turn % this.urls.length]!);
    } catch {
      this.turn += 1;
      await pause();
      return undefined;
    }
  }

  /** Submits once; what it came to is in the ledger. */
  async submit(path: string, body: object, entries: readonly Entry[]): Promise<void> {
    const key = entries[0]?.key;
    const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
    const reply = await this.ask<Submitted>((url) => post(`${url}${path}`, body, headers));
    const { status = 0, body: answer = {} } = reply ?? {};
    if (status === 200 || status === 201) {
      const ids = answer.task_ids ?? [answer.task_id ?? ''];
      for (const [at, entry] of entries.entries()) {
        if (ids[at] === undefined || ids[at] === '')
          this.ledger.violation('answers', `no id in ${JSON.stringify(answer)}`, entry.label);
        else this.ledger.acknowledge(entry, ids[at]);
      }
      return;
    }
    const word = status === 0 ? 'no answer' : `${status} ${answer.code ?? ''}`;
    // Whoever answers 4xx has looked at it and refused it; anything else may have been accepted before it broke.
    for (const entry of entries) (status >= 400 && status < 500 ? entry.refusals : entry.doubts).push(word);
    if (status >= 400 && status < 500 && status !== 429) {
      this.ledger.violation('answers', `refused: ${word} ${JSON.stringify(answer).slice(0, 300)}`, entries[0]?.label);
    }
    await pause();
  }

  /** Waits for the ends of what was acknowledged, until `until` (by `now`). */
  async awaitEnds(calls: ReadonlyMap<Entry, Call>, until: () => number): Promise<void> {
    const open = new Map<string, Entry>();
    for (const entry of calls.keys()) for (const { id } of entry.acks.slice(0, 1)) open.set(id, entry);
    while (open.size > 0 && now() < until()) {
      const reply = await this.ask<{ results: Ended[]; unknown: string[] }>((url) =>
        post(`${url}/v1/results`, { task_ids: [...open.keys()].slice(0, 1000), wait_ms: 2000, wait_for: 'any' }),
      );
      if (reply?.status !== 200) {
        await pause();
        continue;
      }
      for (const end of reply.body.results) {
        const entry = open.get(end.task_id);
        if (entry === undefined) continue;
        open.delete(end.task_id);
        entry.reads.push(readOf(end, calls.get(entry)!));
      }
      for (const id of reply.body.unknown) {
        const entry = open.get(id);
        if (entry !== undefined) this.ledger.violation('I1', `the acknowledged task ${id} is unknown`, entry.label);
        open.delete(id);
      }
    }
  }

  /** A classic client polls. */
  async awaitClassic(entry: Entry, expected: string, until: () => number): Promise<void> {
    const id = entry.acks[0]?.id;
    while (id !== undefined && now() < until()) {
      const reply = await this.ask<{ status: string; result: string }>((url) => get(`${url}/result/${id}`));
      if (reply?.status === 404 || reply?.status === 410) {
        this.ledger.violation('I1', `the acknowledged task ${id} is unknown`, entry.label);
        return;
      }
      if (reply?.status === 200 && /^(COMPLETED|FAILED)$/.test(reply.body.status)) {
        entry.reads.push(readClassic(reply.body, expected));
        return;
      }
      await pause();
    }
  }

  async cancel(entry: Entry): Promise<void> {
    const id = entry.acks[0]!.id;
    const sentAt = now();
    const reply = await this.ask((url) => post(`${url}/v1/tasks/${id}/cancel`, {}));
    const answer = reply?.status === 200 ? 'canceled' : reply?.status === 409 ? 'ended' : 'doubt';
    entry.cancel = { sentAt, answer, answeredAt: now() };
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

export function digestOf(end: Pick<Ended, 'value' | 'error'> & { pickle?: string }): string {
  return createHash('sha256')
    .update(JSON.stringify([end.value, end.pickle, end.error]))
    .digest('base64url')
    .slice(0, 16);
}

export function readOf(end: Ended, call: Call): Read {
  const kind = end.error?.kind ?? '';
  // A cancel is an end that any call may come to; whether rightly so, the check says with the task's record.
  const wrong = kind === 'canceled' ? '' : call.wrong(end);
  return { at: now(), status: end.status, kind, digest: digestOf(end), wrong };
}

export function readClassic({ status, result }: { status: string; result: string }, expected: string): Read {
  const bytes = Buffer.from(result, 'base64').toString('latin1');
  const lost = status === 'FAILED' && bytes.includes('WorkerLost');
  const right = status === 'COMPLETED' && bytes.includes(expected);
  const wrong = right ? '' : `expected COMPLETED ${expected}, read ${status} ${JSON.stringify(bytes.slice(0, 200))}`;
  return { at: now(), status, kind: lost ? 'lost' : '', digest: digestOf({ value: result, error: null }), wrong };
}
