// `node bench/retention.ts [--tasks N] [--store redis|embedded]`: N finished tasks fall due for deletion at the same moment,
// under a running system. Printed: how long the sweep takes, and what a single call takes meanwhile and before.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../packages/server/src/clock.ts';
import { openEmbeddedStore, openRedisStore, type Store } from '../packages/server/src/store/index.ts';
import { submission } from '../packages/server/test/store/submission.ts';
import { freePort } from '../test/harness/redis.ts';
import { startBenchRedis } from './redis.ts';
import { start, type Program } from '../test/harness/program.ts';
import { connect, type Client } from './http.ts';
import { registerNoop } from './noop.ts';
import { quantile } from './statistics.ts';

const TENANT = 'default';
const BATCH = 256;
const TRIAL = 10_000;
const DAY_MS = 86_400_000;
/** For the programs to start, and a while of calls before. */
const STARTING_MS = 20_000;
/** Tasks end some ms after their time to live was told, each by another few. */
const AFTER_MS = 2000;
const NO_LIMITS = { maxTasks: 10_000_000, maxBytes: 1e12 };

const { values } = parseArgs({
  options: { tasks: { type: 'string', default: '1000000' }, store: { type: 'string' } },
});
const count = Number(values.tasks);
for (const kind of ['embedded', 'redis'] as const) if ((values.store ?? kind) === kind) await measure(kind);

async function measure(kind: 'embedded' | 'redis'): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-retention-'));
  const redis = kind === 'redis' ? await startBenchRedis() : undefined;
  const programs: Program[] = [];
  try {
    const store =
      redis === undefined
        ? await openEmbeddedStore({ dataDir: dir, sync: 'normal', clock: systemClock })
        : await openRedisStore({ url: redis.url, clock: systemClock, onError: () => undefined });
    const filling = performance.now();
    // A part of them, which stays, tells how long all will take.
    await fill(store, TRIAL, Date.now() + DAY_MS);
    const dueAt = Math.ceil(Date.now() + ((performance.now() - filling) / TRIAL) * count * 1.5 + STARTING_MS);
    await fill(store, count, dueAt);
    // Falls due when all the others have: they are gone before it.
    const last = await fill(store, 1, dueAt + AFTER_MS);
    await store.close();
    console.log(`${kind}: ${count} finished tasks made in ${seconds(filling)} s`);
    if (Date.now() > dueAt) throw new Error('they fell due while they were made: this machine is too slow for so many');

    const port = String(await freePort());
    const python = ['--python', '/usr/bin/python3', '--slots', '2'];
    const at = redis === undefined ? ['--data-dir', dir] : ['--redis', redis.url];
    const first = redis === undefined ? ['up', '--port', port, ...at, ...python] : ['service', '--port', port, ...at];
    const service = start('mpcsfaas', first);
    programs.push(service);
    const [, url = ''] = await service.says(/(http:\/\/127\.0\.0\.1:\d+)\/docs/);
    if (redis !== undefined) {
      const dispatcher = start('mpcsfaas', ['dispatcher', '--mode', 'local', ...at, ...python, '--data-dir', dir]);
      programs.push(dispatcher);
      await dispatcher.says(/is ready/);
    }
    const client = connect(url, 1);
    const noop = await registerNoop(client, 'python');
    for (let warm = 0; warm < 500; warm += 1) await call(client, noop);
    const before = await calls(client, noop, () => Promise.resolve(Date.now() < dueAt - 500));
    const began = performance.now();
    const during = await calls(
      client,
      noop,
      async () => (await client.send('GET', `/v1/tasks/${last}`)).status === 200,
    );
    console.log(`${kind}: swept in ${seconds(began)} s`);
    tell(`${kind}: a call before`, before);
    tell(`${kind}: a call meanwhile`, during);
    client.close();
  } finally {
    for (const program of programs.reverse()) await program.stop();
    await redis?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Tasks that have ended, all due for deletion at `dueAt`, Unix ms. Answers the last one's id. */
async function fill(store: Store, count: number, dueAt: number): Promise<string> {
  let last = '';
  for (let made = 0; made < count; made += BATCH) {
    const size = Math.min(BATCH, count - made);
    const tasks = Array.from({ length: size }, () => submission({ result_ttl_ms: dueAt - Date.now(), form: 'source' }));
    last = tasks.at(-1)!.spec.id;
    await store.submit(TENANT, 0, tasks, NO_LIMITS);
    const claimed = await store.claim(TENANT, 'bench', [{ lane: tasks[0]!.lane, max: size }], size);
    await store.settle(
      TENANT,
      claimed.tasks.map(({ fence }) => ({
        ...{ fence, worker: 'w', startedAt: Date.now(), logs: null },
        ...{ is: 'end' as const, state: 'COMPLETED' as const, result: { json: Buffer.from('1') } },
      })),
    );
  }
  return last;
}

async function call(client: Client, noop: string): Promise<void> {
  await client.json(`/v1/call/${noop}`, { args: [1] });
}

/** How long each of single calls took, ms, one after the other, while `going`, which is asked twice a second. */
async function calls(client: Client, noop: string, going: () => Promise<boolean>): Promise<number[]> {
  const took: number[] = [];
  for (let askedAt = 0; ;) {
    if (performance.now() - askedAt > 500) {
      if (!(await going())) return took;
      askedAt = performance.now();
    }
    const from = performance.now();
    await call(client, noop);
    took.push(performance.now() - from);
  }
}

function tell(what: string, took: readonly number[]): void {
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => quantile(took, share).toFixed(1));
  console.log(`${what}: p50 ${p50} ms, p99 ${p99} ms, at most ${most} ms (${took.length})`);
}

function seconds(from: number): string {
  return ((performance.now() - from) / 1000).toFixed(1);
}
