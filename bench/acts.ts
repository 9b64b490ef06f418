// What Redis itself spends on a task in each act, in batches: `node bench/acts.ts [--tasks 20000] [--batch 100] [--rounds 5] [--waiting 0]`.
// `--waiting N`: so many others wait all the while, and those that wait longest are claimed.
// The time is what Redis says its functions took (`usec` of FCALL), so neither we nor the network are in it.
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { systemClock } from '../packages/server/src/clock.ts';
import { openRedisStore, type ClaimedTask, type Submission } from '../packages/server/src/store/index.ts';
import { NO_LIMITS, completion, submission } from '../packages/server/test/store/submission.ts';
import { startBenchRedis } from './redis.ts';
import { median } from './statistics.ts';

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '20000' },
    batch: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
    waiting: { type: 'string', default: '0' },
  },
});
const [count = 0, size = 0, rounds = 0, waiting = 0] = [values.tasks, values.batch, values.rounds, values.waiting].map(
  Number,
);
const TENANT = 'default';

const server = await startBenchRedis();
const store = await openRedisStore({ url: server.url, clock: systemClock, onError: console.error });
const redis = new Redis(server.url);
const batches = Math.ceil(count / size);
const spent = { submit: [] as number[], claim: [] as number[], settle: [] as number[] };
try {
  for (let n = 0; n < waiting; n += size) await store.submit(TENANT, 0, some(), NO_LIMITS);
  for (let round = 0; round <= rounds; round += 1) {
    const claimed: ClaimedTask[][] = [];
    const made = Array.from({ length: batches }, some);
    const submit = await microseconds(async () => {
      for (const tasks of made) await store.submit(TENANT, 0, tasks, NO_LIMITS);
    });
    const quotas = [{ lane: made[0]![0]!.lane, max: size }];
    const claim = await microseconds(async () => {
      for (let n = 0; n < batches; n += 1) claimed.push((await store.claim(TENANT, 'bench', quotas, size)).tasks);
    });
    const settle = await microseconds(async () => {
      for (const tasks of claimed)
        await store.settle(
          TENANT,
          tasks.map(({ fence }) => completion(fence)),
        );
    });
    // The first round is the warm-up.
    if (round === 0) continue;
    spent.submit.push(submit);
    spent.claim.push(claim);
    spent.settle.push(settle);
  }
  for (const [act, each] of Object.entries(spent)) {
    console.log(`${act.padEnd(8)} ${(median(each) / (batches * size)).toFixed(2).padStart(6)} µs a task`);
  }
} finally {
  redis.disconnect();
  await store.close();
  await server.stop();
}

function some(): Submission[] {
  return Array.from({ length: size }, () => submission());
}

/** How long Redis was in functions meanwhile. */
async function microseconds(work: () => Promise<void>): Promise<number> {
  const before = await inFunctions();
  await work();
  return (await inFunctions()) - before;
}

async function inFunctions(): Promise<number> {
  const stats = await redis.info('commandstats');
  return Number(/cmdstat_fcall:calls=\d+,usec=(\d+)/.exec(stats)?.[1] ?? 0);
}
