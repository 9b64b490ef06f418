// BullMQ: addBulk, two worker processes, return values received through QueueEvents, at its best concurrency.
// usage: bullmq.ts [CONCURRENCY, which is then its only one]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Queue, QueueEvents } from 'bullmq';
import type { Score } from '../contest.ts';
import { connected, QUEUE } from './bullmq-queue.ts';

const CONCURRENCIES = process.argv[2] === undefined ? [16, 50, 100, 300] : [Number(process.argv[2])];
const CHUNK = 500;
const IN_THE_AIR = 4;

const workers = [1, 2].map(() => fork(fileURLToPath(new URL('bullmq-worker.ts', import.meta.url))));
await Promise.all(workers.map((worker) => once(worker, 'message')));
// Its log of events is cut at 10,000 unless told otherwise: a reader that lags on a busy machine would miss ends.
const queue = new Queue(QUEUE, { ...connected(), streams: { events: { maxLen: 1_000_000 } } });
// From the first event on: `ready` does not mean that it reads already, and jobs may have ended before it does.
const events = new QueueEvents(QUEUE, { ...connected(), lastEventId: '0' });
await events.waitUntilReady();

/** Calls in progress by their number, which is also what they return. */
const waiting = new Map<number, () => void>();
let made = 0;
events.on('completed', ({ returnvalue }) => {
  const n = Number(returnvalue);
  const done = waiting.get(n);
  waiting.delete(n);
  done?.();
});

/** A chunk resolves when each of its numbers has come back. */
async function chunk(): Promise<void> {
  const numbers = Array.from({ length: CHUNK }, () => (made += 1));
  const ends = numbers.map((n) => new Promise<void>((resolve) => waiting.set(n, resolve)));
  const opts = { removeOnComplete: true, removeOnFail: true };
  await queue.addBulk(numbers.map((n) => ({ name: 'echo', data: { n }, opts })));
  await Promise.all(ends);
}

async function run(seconds: number): Promise<Score> {
  const started = performance.now();
  let tasks = 0;
  const lane = async (): Promise<void> => {
    do {
      await chunk();
      tasks += CHUNK;
    } while (performance.now() - started < seconds * 1000);
  };
  await Promise.all(Array.from({ length: IN_THE_AIR }, lane));
  return { tasks, seconds: (performance.now() - started) / 1000, wrong: waiting.size };
}

let best = { concurrency: 0, rate: 0 };
for (const concurrency of CONCURRENCIES) {
  for (const worker of workers) worker.send(concurrency);
  const { tasks, seconds } = await run(1);
  if (tasks / seconds > best.rate) best = { concurrency, rate: tasks / seconds };
}
for (const worker of workers) worker.send(best.concurrency);
const how =
  `two worker processes of concurrency ${best.concurrency} (best of ${CONCURRENCIES.join(', ')}), JavaScript processor ` +
  `in-process, addBulk of ${CHUNK}, ${IN_THE_AIR} in the air, results by QueueEvents, removeOnComplete`;
console.log(JSON.stringify({ how }));
for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await run(Number(line))));
for (const worker of workers) worker.disconnect();
await Promise.all(workers.map((worker) => once(worker, 'exit')));
await queue.close();
await events.close();
process.exit(0);
