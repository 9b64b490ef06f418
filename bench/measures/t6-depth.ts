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
import { atLeast, atMost, type Figure, type Measure, type Outcome, type Plan } from '../measure.ts';
import { pssOf } from '../memory.ts';
import { noopTask, registerNoop } from '../noop.ts';
import { lines } from '../plot.ts';
import { median } from '../statistics.ts';

const BATCH = 1000;
/** Batches over which a rate is taken, and the warm-up. */
const SAMPLES = 40;
const SAMPLES_QUICK = 10;
/** A minute or two each. */
const ASCENTS = 3;
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
  samples: number;
}

interface AtDepth {
  depth: number;
  /** Tasks a second, and ms. */
  submit: number;
  claim: number;
  list: number;
  stats: number;
  /** What Redis has grown by on the way here from the depth before, bytes a task. */
  redisBytes: number;
  serviceBytes: number;
}

interface Ascent {
  all: AtDepth[];
  /** Bytes a queued task with an idempotency key. */
  keyed: number;
}

function ascentsOf(runs: number): number {
  return Math.min(runs, ASCENTS);
}

export const t6: Measure = {
  id: 'T6',
  title: 'queue depth from 1,000 to 1,000,000',
  played: ({ runs }) =>
    `${ascentsOf(runs)} ascents, each on a new Redis; a sample is of one ascent: of rates the median of ${SAMPLES} batches, of list and stats that of 20 requests`,
  run: async (plan) => {
    const depths = plan.quick ? [1000, 25_000] : [1000, 10_000, 100_000, 1_000_000];
    const restMs = plan.quick ? 1000 : REST_MS;
    const ascents: Ascent[] = [];
    for (let n = 0; n < ascentsOf(plan.runs); n += 1) {
      ascents.push(
        await withService(plan.quick ? SAMPLES_QUICK : SAMPLES, (bench) => ascend(bench, depths, restMs, plan)),
      );
    }
    return outcome(ascents, restMs, plan);
  },
};

async function ascend(bench: Bench, depths: readonly number[], restMs: number, plan: Plan): Promise<Ascent> {
  await submitRates(bench);
  // Before the queue is deep: where Redis doubles its table of keys the next tasks would be charged with all of it.
  const keyed = await bytesOfKeyed(bench);
  const all: AtDepth[] = [];
  let depth = 0;
  for (const wanted of depths) {
    const before = redisBytes(bench.redisPort);
    const from = depth;
    for (; depth < wanted; depth += BATCH) await submitted(bench);
    await atRest(bench.redisPort, restMs);
    const at: AtDepth = {
      depth,
      redisBytes: (redisBytes(bench.redisPort) - before) / (depth - from) - PAYLOAD,
      serviceBytes: pssOf(bench.servicePid),
      claim: median(await claimRates(bench)),
      list: median(await times(bench.client, '/v1/tasks?status=QUEUED&limit=100')),
      stats: median(await times(bench.client, '/v1/stats')),
      submit: median(await submitRates(bench)),
    };
    all.push(at);
    plan.note(`depth ${depth}: submit ${Math.round(at.submit)}/s, claim ${Math.round(at.claim)}/s`);
  }
  return { all, keyed };
}

function outcome(ascents: readonly Ascent[], restMs: number, plan: Plan): Outcome {
  const depths = ascents[0]!.all.map(({ depth }) => depth);
  /** A sample for each ascent. */
  const at = (n: number, of: (at: AtDepth) => number): number[] => ascents.map(({ all }) => of(all[n]!));
  const last = depths.length - 1;
  const figures = depths.flatMap((depth, n): Figure[] => [
    { name: `submit at ${depth}`, unit: 'tasks/s', samples: at(n, ({ submit }) => submit) },
    { name: `claim at ${depth}`, unit: 'tasks/s', samples: at(n, ({ claim }) => claim) },
    { name: `list of 100 at ${depth}`, unit: 'ms', samples: at(n, ({ list }) => list) },
    { name: `stats at ${depth}`, unit: 'ms', samples: at(n, ({ stats }) => stats) },
    { name: `service PSS at ${depth}`, unit: 'MB', samples: at(n, ({ serviceBytes }) => serviceBytes / 1e6) },
  ]);
  const bytes = at(last, ({ redisBytes }) => redisBytes);
  const keyed = ascents.map((ascent) => ascent.keyed);
  figures.push({ name: 'Redis bytes a queued task', unit: 'bytes', samples: bytes });
  figures.push({ name: 'Redis bytes a queued task with a key', unit: 'bytes', samples: keyed });
  /** Each ascent's own ratio. */
  const share = (of: (at: AtDepth) => number): number => median(ascents.map(({ all }) => of(all[last]!) / of(all[0]!)));
  const deepest = depths[last]!;
  const targets = [
    atLeast(
      `submit at ${deepest} ÷ at 1000`,
      '×',
      0.9,
      share(({ submit }) => submit),
    ),
    atLeast(
      `claim at ${deepest} ÷ at 1000`,
      '×',
      0.9,
      share(({ claim }) => claim),
    ),
    atMost(
      `list of 100 at ${deepest} ÷ at 1000`,
      '×',
      1 / 0.9,
      share(({ list }) => list),
    ),
    atMost(
      `stats at ${deepest} ÷ at 1000`,
      '×',
      1 / 0.9,
      share(({ stats }) => stats),
    ),
    atMost('Redis bytes a queued task', 'bytes', 700, median(bytes)),
    atMost('Redis bytes a queued task with an idempotency key', 'bytes', 900, median(keyed)),
  ];
  // Without rest it is what the last batches left.
  if (!plan.quick)
    targets.push(
      atMost(
        'service memory, deepest ÷ shallowest',
        '×',
        1.25,
        share(({ serviceBytes }) => serviceBytes),
      ),
    );
  const per = (name: string, of: (at: AtDepth) => number) => ({
    name,
    points: depths.map((depth, n): [number, number] => [depth, 1e6 / median(at(n, of))]),
  });
  const costs = [per('submit', ({ submit }) => submit), per('claim', ({ claim }) => claim)];
  const axes = { title: 'Cost of a task by queue depth', x: 'tasks waiting', y: 'µs a task', logX: true };
  const notes = [
    `submits: batches of ${BATCH} over one connection, each canceled before the next; claims: the store's own call in batches of 256, ` +
      `given back after${plan.quick ? '; quick: a shallower queue' : ''}`,
    `before claims and memory: ${restMs / 1000} s of rest, and the end of the AOF's rewriting, which falls to one depth and not to another`,
  ];
  return { figures, targets, notes, plots: { 'queue-depth.svg': lines(axes, costs) } };
}

async function withService<T>(samples: number, work: (bench: Bench) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-depth-'));
  const redis = await startBenchRedis();
  const args = ['--redis', redis.url, '--port', String(await freePort()), '--max-queued-tasks', '2000000'];
  const service = start('mpcsfaas', ['service', ...args, '--data-dir', dir]);
  const store = await openRedisStore({ url: redis.url, clock: systemClock, onError: () => undefined });
  try {
    const [, url = ''] = await service.says(/(http:\/\/127\.0\.0\.1:\d+)\/docs/);
    const client = connect(url, 1);
    const id = await registerNoop(client, 'python');
    const bench = { client, store, id, servicePid: service.pid, redisPort: redis.port, samples };
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

/** Tasks a second of a batch; each is taken out again, so that the depth stays. */
async function submitRates(bench: Bench): Promise<number[]> {
  const rates: number[] = [];
  for (let n = 0; n < bench.samples; n += 1) {
    const started = performance.now();
    const ids = await submitted(bench);
    rates.push((BATCH * 1000) / (performance.now() - started));
    await bench.store.cancel('default', ids);
  }
  return rates;
}

/** Claims and gives back, so that the depth stays. */
async function claimRates({ store, samples }: Bench): Promise<number[]> {
  const [lane] = await store.lanes('default');
  const quotas = [{ lane: lane!.lane, max: 256 }];
  const rates: number[] = [];
  for (let n = 0; n < samples + 5; n += 1) {
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
  for (let n = 0; n < bench.samples; n += 1) ids.push(...(await submitted(bench, `key-${n}`)));
  const bytes = (redisBytes(bench.redisPort) - before) / ids.length - PAYLOAD;
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
