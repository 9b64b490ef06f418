// A deep queue: a service on a Redis of its own that nobody takes tasks from, and what an act costs at a depth.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../packages/server/src/clock.ts';
import { openRedisStore, type Store } from '../../packages/server/src/store/index.ts';
import { start } from '../../test/harness/program.ts';
import { freePort } from '../../test/harness/redis.ts';
import type { SystemOptions } from '../../test/harness/system.ts';
import { connect, type Client } from '../http.ts';
import { pssOf } from '../memory.ts';
import { noopTask, registerNoop } from '../noop.ts';
import { startBenchRedis } from '../redis.ts';
import { median } from '../statistics.ts';

/** Tasks that are submitted at once. */
export const BATCH = 1000;
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

/** What it came to at a depth. */
export interface AtDepth {
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

/** A way from the empty queue to the deepest. */
export interface Ascent {
  all: AtDepth[];
  /** Bytes a queued task with an idempotency key. */
  keyed: number;
}

/** How an ascent is made. */
export interface Way {
  depths: readonly number[];
  /** Batches over which a rate is taken, and those of the warm-up. */
  samples: number;
  /** Rest at each depth before claims and memory, ms. */
  restMs: number;
  /** AOF everysec unless said. */
  appendfsync?: SystemOptions['appendfsync'];
}

/** From an empty queue to the last of the depths; `told` hears of each. */
export function ascent(way: Way, told: (at: AtDepth) => void): Promise<Ascent> {
  return withService(way, (bench) => ascend(bench, way, told));
}

async function ascend(bench: Bench, { depths, restMs }: Way, told: (at: AtDepth) => void): Promise<Ascent> {
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
    told(at);
  }
  return { all, keyed };
}

async function withService<T>({ samples, appendfsync }: Way, work: (bench: Bench) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-depth-'));
  const redis = await startBenchRedis(appendfsync);
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
