// The bare path: the programs and hops of one call of ours, with none of the work of a queue. What the hops alone cost on a
// machine, to hold ours against it: an optimistic bound, no rival. Neighbours: start.ts (its programs), service.ts,
// dispatcher.ts, worker.ts and child.py (Redis push), embedded.ts (embedded local), front.ts, children.ts, redis-link.ts,
// parcel.ts and gather.ts (what those share).
import { pack, unpack } from 'msgpackr';
import type { Contestant, Score } from '../contest.ts';
import { metered } from '../cpu.ts';
import { connect, type Client } from '../http.ts';
import type { Answer } from '../http-answer.ts';
import { calls, repeated } from '../load.ts';
import { ratios, type Figure } from '../measure.ts';
import { isPickleOf, PICKLED } from '../noop.ts';
import { BATCH } from './front.ts';
import { BARE_FORMS, startBare, type Bare, type BareForm } from './start.ts';

/** How it is told under a table. */
const HOW: Record<BareForm, string> = {
  'redis push':
    'node:http → RPUSH, PUBLISH → LPOP → ZeroMQ → pipe to one of two Python children and back → MSET, PUBLISH → answer',
  'embedded local':
    'node:http → a row in SQLite → pipe to one of two Python children and back → a row → answer, in one process',
};

const BYTES = { 'content-type': 'application/octet-stream' };
/** Connections of the load generator, at most: as many as for ours. */
const CONNECTIONS = 512;

/** The name of its row. */
export function bareName(form: BareForm): string {
  return `bare path, ${form}`;
}

/** Whether a contestant's name is one of the bare path's. */
export function isBare(name: string): boolean {
  return BARE_FORMS.some((form) => name === bareName(form));
}

/** A started bare path and a client of it. */
export interface OpenBare {
  bare: Bare;
  client: Client;
  stop: () => Promise<void>;
}

export async function openBare(form: BareForm): Promise<OpenBare> {
  const bare = await startBare[form]();
  const client = connect(bare.url, CONNECTIONS);
  const stop = async (): Promise<void> => {
    client.close();
    await bare.stop();
  };
  return { bare, client, stop };
}

/** The bare path in both forms, under the given load of so many seconds; CPU by program stands in the score, in ms. */
export function barePaths(load: (client: Client, seconds: number) => Promise<Score>): Contestant[] {
  return BARE_FORMS.map((form) => ({
    name: bareName(form),
    start: async () => {
      const { bare, client, stop } = await openBare(form);
      const run = (seconds: number): Promise<Score> => metered(bare.cpuTimes, () => load(client, seconds));
      return { how: HOW[form], run, pids: bare.pids, stop };
    },
  }));
}

/** Load: each of `connections` sends a batch of `batch` arguments and has its results with the answer. */
export function bareBatches(client: Client, connections: number, batch: number, seconds: number): Promise<Score> {
  const body = pack(Array.from({ length: batch }, (_, n) => PICKLED[n % 256]));
  const one = async (): Promise<number> => {
    const { status, bytes } = await client.send('POST', BATCH, body, BYTES);
    if (status !== 200) throw new Error(`the bare path answers ${status}`);
    const results = unpack(bytes) as Buffer[];
    const right = results.filter((result, n) => isPickleOf(result, n % 256)).length;
    return Math.max(batch, results.length) - right;
  };
  return repeated(one, { connections, batch, seconds });
}

/** One call; the pickle of its arguments goes in, that of its result comes out. */
export function bareCall(client: Client, args: Buffer): Promise<Answer> {
  return client.send('POST', '/', args, BYTES);
}

/** Load: one call a request, on `connections` at a time. */
export function bareSingles(client: Client, connections: number, seconds: number): Promise<Score> {
  const call = {
    send: (n: number) => bareCall(client, PICKLED[n]!),
    isRight: ({ status, bytes }: { status: number; bytes: Buffer }, n: number) =>
      status === 200 && isPickleOf(bytes, n),
  };
  return calls(call, connections, seconds);
}

/**
 * Rows that say how many times the bare path's figure ours is, round by round, so that a noisy minute counts on both sides.
 * `part` is what stands behind both names.
 */
export function overBare(figures: readonly Figure[], ours: (form: BareForm) => string, part = ''): Figure[] {
  return BARE_FORMS.flatMap((form) => {
    const samples = ratios(figures, `${ours(form)}${part}`, `${bareName(form)}${part}`);
    return samples.length === 0 ? [] : [{ name: `${ours(form)} ÷ bare path${part}`, unit: '×', samples }];
  });
}
