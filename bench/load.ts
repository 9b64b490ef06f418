// The load: batches over some connections, or one call a request; every result fetched and checked.
import { performance } from 'node:perf_hooks';
import type { Score } from './contest.ts';
import type { Client } from './http.ts';
import type { Answer } from './http-answer.ts';
import { isRight, noopTask, type Language, type NoopResult } from './noop.ts';

/** Each of `connections` submits a batch, waits for its results, checks them, and goes on until the time is up. */
export async function batches(
  client: Client,
  options: { id: string; language: Language; connections: number; batch: number; seconds: number },
): Promise<Score> {
  const { id, language, connections, batch, seconds } = options;
  const body = JSON.stringify({ tasks: Array.from({ length: batch }, (_, n) => noopTask(id, language, n % 256)) });
  const submit = async (): Promise<number> => {
    const { status, bytes } = await client.send('POST', '/v1/tasks/batch', body);
    if (status !== 201) throw new Error(`submit: ${status} ${bytes.toString('utf8', 0, 300)}`);
    const { task_ids: ids } = JSON.parse(bytes.toString('utf8')) as { task_ids: string[] };
    return batch - ids.length + (await wrongOf(client, ids, language));
  };
  return repeated(submit, { connections, batch, seconds });
}

/** Each of `connections` does one batch after the other until the time is up. `one` answers how many results are wrong. */
export async function repeated(
  one: () => Promise<number>,
  { connections, batch, seconds }: { connections: number; batch: number; seconds: number },
): Promise<Score> {
  const started = performance.now();
  const until = started + seconds * 1000;
  const score: Score = { tasks: 0, seconds: 0, wrong: 0 };
  const lane = async (): Promise<void> => {
    do {
      score.wrong += await one();
      score.tasks += batch;
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return { ...score, seconds: (performance.now() - started) / 1000 };
}

/** Fetches the results of a batch of no-ops; answers how many are not what they should be. */
export async function wrongOf(client: Client, ids: readonly string[], language: Language): Promise<number> {
  const expected = new Map(ids.map((id, n) => [id, n % 256]));
  let open: readonly string[] = ids;
  let wrong = 0;
  while (open.length > 0) {
    const query = { task_ids: open, wait_ms: 60_000, wait_for: 'all' };
    const { results, pending, unknown } = await client.json<{
      results: NoopResult[];
      pending: string[];
      unknown: string[];
    }>('/v1/results', query);
    for (const result of results) if (!isRight(result, language, expected.get(result.task_id) ?? -1)) wrong += 1;
    wrong += unknown.length;
    open = pending;
  }
  return wrong;
}

/** One call a request, submit and wait in one, on `connections` at a time. */
export async function singles(client: Client, id: string, connections: number, seconds: number): Promise<Score> {
  const call: Call = {
    send: (n) => client.send('POST', `/v1/call/${id}`, `{"args":[${n}]}`),
    isRight: ({ status, bytes }, n) => status === 200 && bytes.toString('latin1') === String(n),
  };
  return calls(call, connections, seconds);
}

/** A no-op with the argument `n`, 0–255: one request, and whether its answer is the right one. */
export interface Call {
  send(n: number): Promise<Answer>;
  isRight(answer: Answer, n: number): boolean;
}

/** Each of `connections` calls, checks and calls again until the `seconds` are up. Latencies, in ms, are those of `send`. */
export async function calls(call: Call, connections: number, seconds: number): Promise<Score> {
  const started = performance.now();
  const until = started + seconds * 1000;
  const latencies: number[] = [];
  let wrong = 0;
  const lane = async (_: unknown, first: number): Promise<void> => {
    for (let n = first % 256; performance.now() < until; n = (n + 1) % 256) {
      const sent = performance.now();
      const answer = await call.send(n);
      latencies.push(performance.now() - sent);
      if (!call.isRight(answer, n)) wrong += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return { tasks: latencies.length, seconds: (performance.now() - started) / 1000, wrong, latencies };
}
