// T6: what a deep queue costs: submits, claims, lists, statistics, and memory. Redis; nobody runs the tasks meanwhile.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../packages/server/src/clock.ts';
import { openRedisStore, type Store } from '../../packages/server/src/store/index.ts';
import { freePort } from '../../test/harness/redis.ts';
import { startBenchRedis } from '../redis.ts';
import { start } from '../../test/harness/program.ts';
import { connect, type Client } from '../http.ts';
import { atLeast, atMost, type Figure, type Measure, type Plan } from '../measure.ts';
import { pssOf } from '../memory.ts';
import { noopTask, registerNoop } from '../noop.ts';
import { lines } from '../plot.ts';
import { median } from '../statistics.ts';

const BATCH = 1000;
/** Batches over which rates are taken, and the warm-up. */
const SAMPLES = 20;
/** As long as a program that was busy takes to give back what it does not need. */
const REST_MS = 15_000;
/** The argument bytes of a no-op: they are the caller's, not ours. */
const PAYLOAD = 8;

interface Bench {
  client: Client;
  store: Store;
  id: string;
  servicePid: number;
  redisPort: number;
}

interface AtDepth {
  depth: number;
  submits: number[];
  claims: number[];
  list: number[];
  stats: number[];
  redisBytes: number;
  serviceBytes: number;
}

export const t6: Measure = {
  id: 'T6',
  title: 'queue depth from 1,000 to 1,000,000',
  run: async (plan) => {
    const depths = plan.quick ? [1000, 25_000] : [1000, 10_000, 100_000, 1_000_000];
    const restMs = plan.quick ? 1000 : REST_MS;
    return withService(async (bench) => {
      await warmUp(bench);
      // Before the queue is deep: where Redis doubles its table of keys the next tasks would be charged with all of it.
      const keyed = await bytesOfKeyed(bench);
      const all: AtDepth[] = [];
      let depth = 0;
      for (const wanted of depths) {
        const rates: number[] = [];
        // The first depth is too small to time a batch on the way to it: what follows it counts for it.
        while (depth < wanted) {
          rates.push(await submit(bench));
          depth += BATCH;
        }
        await atRest(bench.redisPort, restMs);
        const memory = redisBytes(bench.redisPort);
        const serviceBytes = pssOf(bench.servicePid);
        const claims = await claimRates(bench.store);
        const list = await times(bench.client, '/v1/tasks?status=QUEUED&limit=100');
        const stats = await times(bench.client, '/v1/stats');
        const before = depth;
        while (rates.length < SAMPLES) {
          rates.push(await submit(bench));
          depth += BATCH;
        }
        all.push({
          depth: before,
          submits: rates.slice(-SAMPLES),
          claims,
          list,
          stats,
          redisBytes: memory,
          serviceBytes,
        });
        plan.note(
          `depth ${before}: submit ${Math.round(median(rates.slice(-SAMPLES)))}/s, claim ${Math.round(median(claims))}/s`,
        );
      }
      return outcome(all, keyed, restMs, plan);
    });
  },
};

function outcome(
  all: readonly AtDepth[],
  keyed: number,
  restMs: number,
  plan: Plan,
): Awaited<ReturnType<Measure['run']>> {
  const first = all[0]!;
  const last = all.at(-1)!;
  const bytes = (last.redisBytes - first.redisBytes) / (last.depth - first.depth) - PAYLOAD;
  const figures = all.flatMap(({ depth, submits, claims, list, stats, serviceBytes }): Figure[] => [
    { name: `submit at ${depth}`, unit: 'tasks/s', samples: submits },
    { name: `claim at ${depth}`, unit: 'tasks/s', samples: claims },
    { name: `list of 100 at ${depth}`, unit: 'ms', samples: list },
    { name: `stats at ${depth}`, unit: 'ms', samples: stats },
    { name: `service PSS at ${depth}`, unit: 'MB', samples: [serviceBytes / 1e6] },
  ]);
  figures.push({ name: 'Redis bytes a queued task', unit: 'bytes', samples: [bytes] });
  figures.push({ name: 'Redis bytes a queued task with a key', unit: 'bytes', samples: [keyed] });
  const share = (of: (at: AtDepth) => number[]): number => median(of(last)) / median(of(first));
  const targets = [
    atLeast(
      `submit at ${last.depth} ÷ at 1000`,
      '×',
      0.9,
      share((at) => at.submits),
    ),
    atLeast(
      `claim at ${last.depth} ÷ at 1000`,
      '×',
      0.9,
      share((at) => at.claims),
    ),
    atMost(
      `list of 100 at ${last.depth} ÷ at 1000`,
      '×',
      1 / 0.9,
      share((at) => at.list),
    ),
    atMost(
      `stats at ${last.depth} ÷ at 1000`,
      '×',
      1 / 0.9,
      share((at) => at.stats),
    ),
    atMost('Redis bytes a queued task', 'bytes', 700, bytes),
    atMost('Redis bytes a queued task with an idempotency key', 'bytes', 900, keyed),
  ];
  // Without rest it is what the last batches left.
  if (!plan.quick)
    targets.push(atMost('service memory, deepest ÷ shallowest', '×', 1.25, last.serviceBytes / first.serviceBytes));
  const per = (name: string, of: (at: AtDepth) => number[]) => ({
    name,
    points: all.map((at): [number, number] => [at.depth, 1e6 / median(of(at))]),
  });
  const costs = [per('submit', (at) => at.submits), per('claim', (at) => at.claims)];
  const axes = { title: 'Cost of a task by queue depth', x: 'tasks waiting', y: 'µs a task', logX: true };
  const notes = [
    `submits: batches of ${BATCH} over one connection; claims: the store's own call in batches of 256, given back after; ` +
      `rates are medians of batches${plan.quick ? '; quick: a shallower queue' : ''}`,
    `before claims and memory: ${restMs / 1000} s of rest, and the end of the AOF's rewriting, which falls to one depth and not to another`,
  ];
  return { figures, targets, notes, plots: { 'queue-depth.svg': lines(axes, costs) } };
}

async function withService<T>(work: (bench: Bench) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-depth-'));
  const redis = await startBenchRedis();
  const args = ['--redis', redis.url, '--port', String(await freePort()), '--max-queued-tasks', '2000000'];
  const service = start('mpcsfaas', ['service', ...args, '--data-dir', dir]);
  const store = await openRedisStore({ url: redis.url, clock: systemClock, onError: () => undefined });
  try {
    const [, url = ''] = await service.says(/(http:\/\/127\.0\.0\.1:\d+)\/docs/);
    const client = connect(url, 1);
    const id = await registerNoop(client, 'python');
    const bench = { client, store, id, servicePid: service.pid, redisPort: redis.port };
    const result = await work(bench);
    client.close();
    return result;
  } finally {
    await store.close();
    await service.stop();
    await redis.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function submitted({ client, id }: Bench, key?: string): Promise<string[]> {
  const body = JSON.stringify({ tasks: Array.from({ length: BATCH }, (_, n) => noopTask(id, 'python', n % 256)) });
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  const { status, bytes } = await client.send('POST', '/v1/tasks/batch', body, headers);
  if (status !== 201) throw new Error(`submit: ${status} ${bytes.toString('utf8', 0, 300)}`);
  return (JSON.parse(bytes.toString('utf8')) as { task_ids: string[] }).task_ids;
}

/** Tasks a second of one batch. */
async function submit(bench: Bench): Promise<number> {
  const started = performance.now();
  await submitted(bench);
  return (BATCH * 1000) / (performance.now() - started);
}

async function warmUp(bench: Bench): Promise<void> {
  for (let n = 0; n < SAMPLES; n += 1) {
    await bench.store.cancel('default', await submitted(bench));
  }
}

/** Claims and gives back, so that the depth stays. */
async function claimRates(store: Store): Promise<number[]> {
  const [lane] = await store.lanes('default');
  const quotas = [{ lane: lane!.lane, max: 256 }];
  const rates: number[] = [];
  for (let n = 0; n < SAMPLES + 5; n += 1) {
    const started = performance.now();
    const { tasks: claimed } = await store.claim('default', 'bench', quotas, 256);
    rates.push((claimed.length * 1000) / (performance.now() - started));
    if (claimed.length !== 256) throw new Error(`claimed ${claimed.length} of 256`);
    const back = claimed.map(({ fence }) => ({ fence, reason: 'drain' as const, worker: '', message: '' }));
    await store.release('default', back);
  }
  return rates.slice(5);
}

async function times(client: Client, path: string): Promise<number[]> {
  const all: number[] = [];
  for (let n = 0; n < 25; n += 1) {
    const started = performance.now();
    await client.read(path);
    all.push(performance.now() - started);
  }
  return all.slice(5);
}

async function bytesOfKeyed(bench: Bench): Promise<number> {
  const before = redisBytes(bench.redisPort);
  const ids: string[] = [];
  for (let n = 0; n < SAMPLES; n += 1) ids.push(...(await submitted(bench, `key-${n}`)));
  const bytes = (redisBytes(bench.redisPort) - before) / (SAMPLES * BATCH) - PAYLOAD;
  await bench.store.cancel('default', ids);
  return bytes;
}

async function atRest(redisPort: number, restMs: number): Promise<void> {
  await sleep(restMs);
  while (!/aof_rewrite_in_progress:0/.test(redisInfo(redisPort, 'persistence'))) await sleep(100);
}

function redisInfo(port: number, section: string): string {
  return execFileSync('redis-cli', ['-p', String(port), 'info', section], { encoding: 'utf8' });
}

function redisBytes(port: number): number {
  const info = redisInfo(port, 'memory');
  const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
  // Client and AOF buffers come and go; they are no task's.
  return (
    read('used_memory_dataset') + read('used_memory_overhead') - read('mem_clients_normal') - read('mem_aof_buffer')
  );
}
