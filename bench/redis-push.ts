// The sign that the shape is right: no-ops through a real Redis, service, push dispatcher and one worker of two slots.
// Prints throughput of 5,000 tasks in batches with all results fetched, and latency of one at a time with waiting. Both are
// warmed up first: runners forked, the function loaded, and by as many calls of the same kind as V8 needs to compile what
// they run through; a service that has just started takes up to twice as long for a call, and that is told, too. At last the
// same on one core, for the difference is what waking another core costs on this machine.
// usage: node bench/redis-push.ts [--form "redis pull"] [--tasks 5000] [--batch 100] [--rounds 3] [--seconds 3] [--warm 15]
import { parseArgs } from 'node:util';
import type { Form } from '../test/harness/system.ts';
import { singles, wrongOf } from './load.ts';
import { noopTask } from './noop.ts';
import { moveToOneCore } from './one-core.ts';
import { cpuTimes, startOurs } from './ours.ts';
import { median, quantile } from './statistics.ts';

const { values } = parseArgs({
  options: {
    form: { type: 'string', default: 'redis push' },
    tasks: { type: 'string', default: '5000' },
    batch: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    warm: { type: 'string', default: '15' },
  },
});
const numbers = [values.tasks, values.batch, values.rounds, values.seconds, values.warm].map(Number);
const [tasks, batch, rounds, seconds, warm] = numbers as [number, number, number, number, number];
const CONNECTIONS = 4;
/** What the shape should reach on two cores, with the batches, tasks and form that are the default. */
const WANTED = { perSecond: 5000, p50Ms: 3 };
/** Calls by which a cold start is told. */
const FIRST = 200;

const { system, client, noop, stop } = await startOurs({ form: values.form as Form });
try {
  for (let n = 0; n < 3; n += 1) await throughput(tasks);
  const before = cpuTimes(system);
  const rates: number[] = [];
  for (let n = 0; n < rounds; n += 1) rates.push(await throughput(tasks));
  const after = cpuTimes(system);
  const first = (await singles(client, noop.python, 1, warm)).latencies?.slice(0, FIRST) ?? [];
  const free = await oneAtATime();
  console.log(
    `${values.form}, 2 slots: ${tasks} no-ops in batches of ${batch}, all results fetched (median of ${rounds})`,
  );
  const rate = Math.round(median(rates));
  console.log(`throughput  ${rate} tasks/s (wanted: ≥ ${WANTED.perSecond}, ${judged(rate >= WANTED.perSecond)})`);
  for (const [name, ms] of Object.entries(after)) {
    const us = ((ms - (before[name] ?? 0)) * 1000) / (rounds * tasks);
    console.log(`cpu         ${us.toFixed(1).padStart(6)} µs a task  ${name}`);
  }
  console.log(
    `latency     ${free.text} (one at a time, waiting; wanted: p50 ≤ ${WANTED.p50Ms} ms, ${judged(free.p50 <= WANTED.p50Ms)})`,
  );
  console.log(`            p50 ${quantile(first, 0.5).toFixed(2)} ms of the first ${first.length} of all`);
  if (moveToOneCore()) console.log(`            ${(await oneAtATime()).text}, all programs on one core`);
} finally {
  await stop();
}

/** Tasks a second over some connections, each of which submits a batch and fetches its results before the next. */
async function throughput(count: number): Promise<number> {
  const started = performance.now();
  const sizes = Array.from({ length: Math.ceil(count / batch) }, (_, n) => Math.min(batch, count - n * batch));
  const lane = async (): Promise<void> => {
    for (let size = sizes.pop(); size !== undefined; size = sizes.pop()) {
      const body = { tasks: Array.from({ length: size }, (_, n) => noopTask(noop.python, 'python', n % 256)) };
      const { task_ids: ids } = await client.json<{ task_ids: string[] }>('/v1/tasks/batch', body);
      const wrong = await wrongOf(client, ids, 'python');
      if (wrong > 0) throw new Error(`${wrong} of ${size} results are wrong`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  return (count / (performance.now() - started)) * 1000;
}

function judged(isMet: boolean): string {
  return isMet ? 'met' : 'missed';
}

async function oneAtATime(): Promise<{ p50: number; text: string }> {
  const { latencies = [], wrong } = await singles(client, noop.python, 1, seconds);
  if (wrong > 0) throw new Error(`${wrong} of ${latencies.length} results are wrong`);
  const p50 = quantile(latencies, 0.5);
  return {
    p50,
    text: `p50 ${p50.toFixed(2)} ms, p99 ${quantile(latencies, 0.99).toFixed(2)} ms of ${latencies.length}`,
  };
}
