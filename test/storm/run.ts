// F6: more work than there is room for, all at once, and a thousand workers that come back at the same moment.
import { setTimeout as pause } from 'node:timers/promises';
import { faultLines, peakBytes } from '../harness/health.ts';
import { endsOf, get, post, registerSource, type Reply } from '../harness/http.ts';
import { startSystem, type System } from '../harness/system.ts';
import { crowd, type Crowd } from './crowd.ts';

export interface Storm {
  workers: number;
  /** Submitted at once. */
  tasks: number;
  /** How long ten times as much is offered as can be done. */
  seconds: number;
  /** What part of its throughput must be back after that. */
  back: number;
}

export interface Weathered {
  /** What was measured, in sentences. */
  told: string[];
  /** What must not be: empty = all is well. */
  faults: string[];
}

/** No program may have more resident, ever. */
const MOST_BYTES = 600 * 2 ** 20;
const FEW = { workers: 20, callMs: 50 };
const TIMES_TOO_MUCH = 10;
const BURST_BATCH = 50;
const MOST_QUEUED = 1000;
const LARGEST_BATCH = 10_000;
const BACK_WITHIN_MS = 10_000;
/** Long enough that a crowd is still at work when its dispatcher dies. */
const MANY_CALL_MS = 50;

export async function storm(
  { workers, tasks, seconds, back }: Storm,
  tell: (line: string) => void,
): Promise<Weathered> {
  const weathered: Weathered = { told: [], faults: [] };
  const say = (line: string): void => {
    weathered.told.push(line);
    tell(line);
  };
  await tooMuch(seconds, back, say, weathered.faults);
  await allAtOnce(workers, tasks, say, weathered.faults);
  return weathered;
}

/** Ten times as much as can be done is refused with a word, and nothing of it stays. */
async function tooMuch(seconds: number, back: number, say: (line: string) => void, faults: string[]): Promise<void> {
  const system = await startSystem({
    ...{ form: 'redis push', workers: 0, appendfsync: 'everysec' },
    args: ['--max-queued-tasks', String(MOST_QUEUED)],
  });
  const few = crowd(system.dispatcherUrl, 'few', FEW.workers, FEW.callMs);
  try {
    await untilRegistered(few, FEW.workers);
    const fn = await registerSource(system.url, 'one', 'export default () => 1', 'javascript');
    const before = await throughput(system.url, fn);
    const capacity = (FEW.workers * 1000) / FEW.callMs;
    const gapMs = (1000 * BURST_BATCH) / (TIMES_TOO_MUCH * capacity);
    const answers = await burst(system.url, fn, seconds * 1000, gapMs);
    const accepted = answers.filter(({ status }) => status === 201);
    const refused = answers.filter(({ status }) => status === 429);
    const others = answers.filter((one) => !accepted.includes(one) && !refused.includes(one));
    say(
      `${TIMES_TOO_MUCH} times the capacity of ${capacity}/s for ${seconds} s: ${accepted.length} batches of ${BURST_BATCH} accepted, ${refused.length} refused`,
    );
    if (refused.length === 0 || accepted.length === 0) faults.push('the burst was no burst');
    for (const { status, body } of others.slice(0, 3))
      faults.push(`a batch was answered ${status} ${JSON.stringify(body)}`);
    const mute = refused.filter(({ headers }) => headers.get('retry-after') === null);
    if (mute.length > 0) faults.push(`${mute.length} refusals without a Retry-After`);
    const ids = accepted.flatMap(({ body }) => body.task_ids);
    await allCompleted(system.url, ids, faults);
    const from = performance.now();
    let after = await throughput(system.url, fn);
    while (after < back * before && performance.now() - from < BACK_WITHIN_MS) after = await throughput(system.url, fn);
    say(`throughput ${Math.round(before)}/s before, ${Math.round(after)}/s after`);
    if (after < back * before) faults.push(`throughput is not back: ${Math.round(after)}/s of ${Math.round(before)}/s`);
    await booksAgree(system, faults);
    look(system, 'the burst', say, faults);
  } finally {
    few.close();
    await system.stop();
  }
}

/** A hundred thousand tasks in one go, and every worker back at once in the middle of them. */
async function allAtOnce(workers: number, tasks: number, say: (line: string) => void, faults: string[]): Promise<void> {
  const system = await startSystem({ form: 'redis push', workers: 0, appendfsync: 'everysec' });
  const from = performance.now();
  const many = crowd(system.dispatcherUrl, 'many', workers, MANY_CALL_MS);
  try {
    await untilRegistered(many, workers);
    say(`${workers} workers registered at once in ${since(from)} s`);
    const fn = await registerSource(system.url, 'one', 'export default () => 1', 'javascript');
    const submitted = performance.now();
    const batches = Array.from({ length: Math.ceil(tasks / LARGEST_BATCH) }, (_, n) =>
      submit(system.url, fn, Math.min(LARGEST_BATCH, tasks - n * LARGEST_BATCH)),
    );
    const answers = await Promise.all(batches);
    for (const { status, body } of answers) {
      if (status !== 201) faults.push(`a batch was answered ${status} ${JSON.stringify(body).slice(0, 300)}`);
    }
    const ids = answers.flatMap(({ status, body }) => (status === 201 ? body.task_ids : []));
    say(`${ids.length} tasks accepted at once in ${since(submitted)} s`);
    look(system, 'before the death of the dispatcher', say, faults);
    const { submitted: all, ended } = await stats(system.url);
    if (ended === all) faults.push('all had ended before the dispatcher died');
    say(`the dispatcher dies when ${ended} of ${all} have ended`);
    await system.dispatcher.kill();
    const killed = performance.now();
    const dispatcher = await system.startDispatcher();
    const again = performance.now();
    await untilRegistered(many, workers, killed);
    say(`${workers} workers are back ${since(again)} s after the dispatcher is`);
    await allCompleted(system.url, ids, faults);
    say(`all ${ids.length} have ended ${since(submitted)} s after they were submitted`);
    await booksAgree(system, faults);
    look({ ...system, dispatcher }, 'at the end', say, faults);
  } finally {
    many.close();
    await system.stop();
  }
}

type Batch = Reply<{ task_ids: string[] }>;

function submit(url: string, fn: string, count: number): Promise<Batch> {
  return post(`${url}/v1/tasks/batch`, { tasks: Array.from({ length: count }, () => ({ function: fn, args: [] })) });
}

/** A batch every `gapMs`, whatever becomes of those before. */
async function burst(url: string, fn: string, forMs: number, gapMs: number): Promise<Batch[]> {
  const from = performance.now();
  const sent: Promise<Batch>[] = [];
  for (let due = from; due < from + forMs; due += gapMs) {
    await pause(Math.max(0, due - performance.now()));
    sent.push(submit(url, fn, BURST_BATCH));
  }
  return Promise.all(sent);
}

/** Tasks a second, of a burst that is small enough to be accepted. */
async function throughput(url: string, fn: string): Promise<number> {
  const count = 2 * FEW.workers * (1000 / FEW.callMs);
  const from = performance.now();
  const { body } = await submit(url, fn, count);
  await endsOf(url, body.task_ids);
  return (count * 1000) / (performance.now() - from);
}

async function allCompleted(url: string, ids: readonly string[], faults: string[]): Promise<void> {
  const ends = await endsOf(url, ids);
  const wrong = ids.filter((id) => ends.get(id)?.status !== 'COMPLETED' || ends.get(id)?.value !== 1);
  if (wrong.length > 0) {
    faults.push(`${wrong.length} of ${ids.length} ended otherwise: ${JSON.stringify(ends.get(wrong[0]!))}`);
  }
}

/** What was submitted has ended, each once. */
async function booksAgree({ url }: System, faults: string[]): Promise<void> {
  const { submitted, ended } = await stats(url);
  if (ended !== submitted) faults.push(`${submitted} were submitted, and ${ended} have ended`);
}

async function stats(url: string): Promise<{ submitted: number; ended: number }> {
  const { body } = await get<{ submitted: number; ended: Record<string, number> }>(`${url}/v1/stats`);
  return { submitted: body.submitted, ended: Object.values(body.ended).reduce((sum, count) => sum + count, 0) };
}

function look(system: System, when: string, say: (line: string) => void, faults: string[]): void {
  const programs = new Map([
    ['service', system.service],
    ['dispatcher', system.dispatcher],
  ]);
  const peaks = [...programs].map(([name, program]): string => {
    const bytes = peakBytes(program.pid);
    if (!(bytes < MOST_BYTES)) faults.push(`${name} had ${bytes} bytes resident ${when}, or has ended`);
    for (const line of faultLines(program.output())) faults.push(`${name} wrote: ${line}`);
    return `${name} ${Math.round(bytes / 2 ** 20)} MiB`;
  });
  say(`at most resident, ${when}: ${peaks.join(', ')}`);
}

async function untilRegistered(some: Crowd, count: number, then = 0): Promise<void> {
  while (some.registered(then) < count) await pause(20);
}

function since(from: number): string {
  return ((performance.now() - from) / 1000).toFixed(1);
}
