// What Redis itself spends on a task in each act, in batches: `node bench/acts.ts [--tasks 20000] [--batch 100] [--rounds 5] [--waiting 0]`.
// `--waiting N`: so many others wait all the while, and those that wait longest are claimed.
// The time is what Redis says its functions took (`usec` of FCALL), so neither we nor the network are in it; beside it, the CPU of
// the client's side: what the store costs a service or a dispatcher.
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

interface Spent {
  redis: number;
  client: number;
}

const server = await startBenchRedis();
const store = await openRedisStore({ url: server.url, clock: systemClock, onError: console.error });
const redis = new Redis(server.url);
const batches = Math.ceil(count / size);
const spent = { submit: [] as Spent[], claim: [] as Spent[], settle: [] as Spent[] };
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
    const aTask = (us: number[]): string => (median(us) / (batches * size)).toFixed(2).padStart(6);
    const client = aTask(each.map((one) => one.client));
    console.log(`${act.padEnd(8)} ${aTask(each.map((one) => one.redis))} µs a task, the client's side ${client}`);
  }
} finally {
  redis.disconnect();
  await store.close();
  await server.stop();
}

/** Tasks of one request share their header. */
function some(): Submission[] {
  const { packed } = submission();
  return Array.from({ length: size }, () => ({ ...submission(), packed }));
}

/** How long Redis was in functions meanwhile, and the CPU of this process. */
async function microseconds(work: () => Promise<void>): Promise<Spent> {
  const before = await inFunctions();
  const cpu = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { redis: (await inFunctions()) - before, client: user + system };
}

async function inFunctions(): Promise<number> {
  const stats = await redis.info('commandstats');
  return Number(/cmdstat_fcall:calls=\d+,usec=(\d+)/.exec(stats)?.[1] ?? 0);
}
