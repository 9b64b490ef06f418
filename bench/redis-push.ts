// The sign that the shape is right: no-ops through a real Redis, service, push dispatcher and one worker of two slots.
// Prints throughput of 5,000 tasks in batches with all results fetched, and latency of one at a time with waiting.
// usage: node bench/redis-push.ts [--form "redis pull"] [--tasks 5000] [--batch 100]
import { parseArgs } from 'node:util';
import { endsOf, post, registerSource } from '../test/harness/http.ts';
import { cpuOf } from './cpu.ts';
import { startSystem, type Form } from '../test/harness/system.ts';

const { values } = parseArgs({
  options: {
    form: { type: 'string', default: 'redis push' },
    tasks: { type: 'string', default: '5000' },
    batch: { type: 'string', default: '100' },
    singles: { type: 'string', default: '500' },
  },
});
const [tasks, batch, singles] = [Number(values.tasks), Number(values.batch), Number(values.singles)];

const system = await startSystem({ form: values.form as Form, workers: 1, slots: 2, appendfsync: 'everysec' });
try {
  await registerSource(system.url, 'nothing', 'def nothing():\n    pass\n');
  await throughput(tasks);
  const before = cpuTimes();
  const rates = [];
  for (let n = 0; n < 3; n += 1) rates.push(await throughput(tasks));
  const after = cpuTimes();
  const waits = await latencies(singles);
  console.log(`${values.form}, 2 slots: ${tasks} no-ops in batches of ${batch}, all results fetched (median of 3)`);
  console.log(`throughput  ${Math.round(rates.sort((a, b) => a - b)[1]!)} tasks/s`);
  for (const [name, ms] of Object.entries(after)) {
    console.log(
      `cpu         ${(((ms - (before[name] ?? 0)) * 1000) / (3 * tasks)).toFixed(1).padStart(6)} µs a task  ${name}`,
    );
  }
  console.log(`latency     p50 ${at(waits, 0.5)} ms, p99 ${at(waits, 0.99)} ms (${singles} one at a time, waiting)`);
} finally {
  await system.stop();
}

/** CPU ms so far by program; runners apart from the program that they belong to. */
function cpuTimes(): Record<string, number> {
  const times: Record<string, number> = {
    'load generator': process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
  };
  if (system.redis) times['redis'] = cpuOf(system.redis.pid()).own;
  const programs = { service: system.service, dispatcher: system.dispatcher, worker: system.workers[0] };
  for (const [name, program] of Object.entries(programs)) {
    if (program === undefined || (name === 'dispatcher' && program === system.service)) continue;
    const { own, descendants } = cpuOf(program.pid);
    times[name] = own;
    if (descendants > 0) times['runners'] = (times['runners'] ?? 0) + descendants;
  }
  return times;
}

async function throughput(count: number): Promise<number> {
  const started = performance.now();
  const batches = Array.from({ length: Math.ceil(count / batch) }, (_, n) => Math.min(batch, count - n * batch));
  const counts = await Promise.all(
    Array.from({ length: 4 }, async (_, lane) => {
      let ended = 0;
      for (let n = lane; n < batches.length; n += 4) {
        const body = { tasks: Array.from({ length: batches[n]! }, () => ({ function: 'nothing', args: [] })) };
        const submitted = await post<{ task_ids: string[] }>(`${system.url}/v1/tasks/batch`, body);
        const ends = await endsOf(system.url, submitted.body.task_ids);
        ended += [...ends.values()].filter(({ status, value }) => status === 'COMPLETED' && value === null).length;
      }
      return ended;
    }),
  );
  const right = counts.reduce((sum, one) => sum + one, 0);
  if (right !== count) throw new Error(`${count - right} of ${count} results are wrong`);
  return (count / (performance.now() - started)) * 1000;
}

async function latencies(count: number): Promise<number[]> {
  const waits: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const started = performance.now();
    await post(`${system.url}/v1/call/nothing`, { args: [] });
    waits.push(performance.now() - started);
  }
  return waits.sort((a, b) => a - b);
}

function at(sorted: readonly number[], quantile: number): string {
  return sorted[Math.floor((sorted.length - 1) * quantile)]!.toFixed(2);
}
