// What the Python SDK costs beside the API that it calls: Executor.map against the batch path and a process pool's map,
// submit().result() one at a time against /v1/call. In turns, on the same system, medians over the rounds.
// usage: node bench/sdk-python.ts [--form "redis push"] [--tasks 10000] [--rounds 5] [--seconds 1.5] [--singles 400]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Form } from '../test/harness/system.ts';
import { batches, singles } from './load.ts';
import { PYTHON } from './noop.ts';
import { startOurs } from './ours.ts';
import { median, quantile } from './statistics.ts';

const { values } = parseArgs({
  options: {
    form: { type: 'string', default: 'redis push' },
    tasks: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    singles: { type: 'string', default: '400' },
  },
});
const here = dirname(fileURLToPath(import.meta.url));
const rounds = Number(values.rounds);
const tasks = Number(values.tasks);
const seconds = Number(values.seconds);

const { system, client, noop, stop } = await startOurs({ form: values.form as Form });
const player = spawn(PYTHON, [join(here, 'contestants/sdk_play.py'), system.url], {
  env: { ...process.env, PYTHONPATH: join(here, '../python') },
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: player.stdout })[Symbol.asyncIterator]();

async function ask<T>(what: string, count: number): Promise<T> {
  player.stdin.write(`${what} ${count}\n`);
  const { value, done } = await answers.next();
  if (done === true) throw new Error(`sdk_play.py ended at: ${what}`);
  return JSON.parse(value) as T;
}

interface Mapped {
  seconds: number;
  cpu_us: number;
}
interface Singles {
  latencies: number[];
  cpu_us: number;
}

try {
  const rates: Record<string, number[]> = { 'batch path': [], 'Executor.map': [], 'ProcessPoolExecutor(2).map': [] };
  const waits: Record<string, number[]> = { '/v1/call': [], 'submit().result()': [] };
  const cpu: Record<string, number[]> = { 'Executor.map': [], 'submit().result()': [] };
  for (let round = 0; round <= rounds; round += 1) {
    const batch = await batches(client, { id: noop.python, language: 'python', connections: 4, batch: 100, seconds });
    const ours = await ask<Mapped>('map', tasks);
    const pool = await ask<Mapped>('pool', tasks);
    const calls = await singles(client, noop.python, 1, seconds);
    const one = await ask<Singles>('one', Number(values.singles));
    // The first round warms all of them up.
    if (round === 0) continue;
    rates['batch path']!.push(batch.tasks / batch.seconds);
    rates['Executor.map']!.push(tasks / ours.seconds);
    rates['ProcessPoolExecutor(2).map']!.push(tasks / pool.seconds);
    waits['/v1/call']!.push(...(calls.latencies ?? []));
    waits['submit().result()']!.push(...one.latencies);
    cpu['Executor.map']!.push(ours.cpu_us);
    cpu['submit().result()']!.push(one.cpu_us);
  }
  console.log(`${values.form}, 2 slots, ${rounds} rounds in turns; ${tasks} no-ops a map`);
  for (const [name, all] of Object.entries(rates)) console.log(`${name.padEnd(28)} ${Math.round(median(all))} tasks/s`);
  for (const [name, all] of Object.entries(waits)) {
    const [p50, p99] = [quantile(all, 0.5), quantile(all, 0.99)].map((ms) => ms.toFixed(2));
    console.log(`${name.padEnd(28)} p50 ${p50} ms, p99 ${p99} ms`);
  }
  for (const [name, all] of Object.entries(cpu)) {
    console.log(`${name.padEnd(28)} ${median(all).toFixed(0)} µs of CPU a call at the client`);
  }
} finally {
  player.stdin.end();
  await once(player, 'close');
  await stop();
}
