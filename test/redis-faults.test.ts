// Redis dies, loads, pauses, resets its connections and is demoted, under load: no loop stops in silence, and no more is lost
// than docs/guarantees.md says of its setting.
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { endsOf, get, post, recordOf, registerSource } from './harness/http.ts';
import { startRedis } from './harness/redis.ts';
import { startLoad, type SteadyLoad } from './harness/steady-load.ts';
import { startSystem, type System } from './harness/system.ts';

const DOUBLE = 'def double(n):\n    return n * 2\n';

let system: System | undefined;
let admin: Redis | undefined;
afterEach(async () => {
  admin?.disconnect();
  await system?.stop();
  [system, admin] = [undefined, undefined];
});

async function begin(appendfsync: 'always' | 'everysec' | 'no-aof') {
  system = await startSystem({ form: 'redis pull', workers: 1, appendfsync });
  await registerSource(system.url, 'double', DOUBLE);
  admin = new Redis(system.redis!.url, { retryStrategy: () => 50 }).on('error', () => undefined);
  return { system, redis: system.redis!, admin };
}

async function expectNothingLost(url: string, load: SteadyLoad): Promise<void> {
  await load.stop();
  const got = load.done.flatMap(({ ids }) => ids.map((id) => load.ends.get(id)?.value));
  expect(got).toEqual(load.done.flatMap(({ values }) => values.map((value) => value * 2)));
  const { body } = await get<{ submitted: number; ended: Record<string, number> }>(`${url}/v1/stats`);
  expect(body.ended).toEqual({ COMPLETED: body.submitted });
  // What a dispatcher reports is up to a second old.
  const ready = async (): Promise<unknown> => {
    const { status, body: told } = await get(`${url}/readyz`);
    return [status, told];
  };
  await expect.poll(ready, { timeout: 20_000 }).toMatchObject([200, { warnings: [], troubles: [] }]);
}

describe('with AOF always', () => {
  it('nothing is lost, and work goes on after each fault', { timeout: 300_000 }, async () => {
    const { system, redis, admin } = await begin('always');
    const load = startLoad([system.url], 'double');
    await load.goesOn(5);
    const after = async (fault: string, happens: () => Promise<unknown>): Promise<void> => {
      await within(60_000, fault, happens());
      await within(60_000, `after ${fault}`, load.goesOn(10)).catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${await sayingsOf(system, load.open())}`);
      });
    };
    await after('a crash', () => redis.crashAndRestart());
    await after('loading', async () => {
      // Each of many commands in its log takes a moment to load: clients are told LOADING meanwhile. No more commands than the
      // keys that there are: all that a load has done since the start would take half a minute.
      await Promise.all(Array.from({ length: 6000 }, (_, n) => admin.set(`filler:${n}`, '')));
      await rewritten(admin);
      await redis.kill();
      await Promise.all([redis.restart('--key-load-delay', '500'), untilLoading(redis.port)]);
    });
    for (const type of ['normal', 'pubsub']) {
      await after(`closing all of type ${type}`, () => admin.call('CLIENT', 'KILL', 'TYPE', type));
    }
    await after('a pause of writes', () => admin.call('CLIENT', 'PAUSE', 1500, 'WRITE'));
    await after('a pause longer than any command is waited for', () => admin.call('CLIENT', 'PAUSE', 6500, 'ALL'));
    await after('being a replica', async () => {
      await admin.replicaof('127.0.0.1', 1);
      expect(await post(`${system.url}/v1/tasks`, { function: 'double', args: [1] })).toMatchObject({ status: 503 });
      await admin.replicaof('NO', 'ONE');
    });
    await within(60_000, 'the end of all', expectNothingLost(system.url, load));
  });
});

/** What `happening` gives, if it does within `ms`; otherwise an error that names it. */
async function within<T>(ms: number, name: string, happening: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = globalThis.setTimeout(() => reject(new Error(`${name}: nothing within ${ms} ms`)), ms);
  });
  return await Promise.race([happening, late]).finally(() => clearTimeout(timer));
}

/** What a system that stands still says of itself: its readiness, the tasks that wait, and its programs' last words. */
async function sayingsOf({ url, service, dispatcher, workers }: System, open: string[]): Promise<string> {
  const asked = ['/readyz', '/v1/stats', ...open.map((id) => `/v1/tasks/${id}`)];
  const answers = asked.map((path) =>
    get<unknown>(url + path).then(
      ({ status, body }) => `${path}: ${status} ${JSON.stringify(body)}`,
      (fault: unknown) => `${path}: ${String(fault)}`,
    ),
  );
  const words = [service, dispatcher, ...workers].map((program) => program.output().slice(-2000));
  return [...(await Promise.all(answers)), ...words].join('\n');
}

async function rewritten(admin: Redis): Promise<void> {
  // As commands: a snapshot in front of them is read without a look at who asks meanwhile.
  await admin.config('SET', 'aof-use-rdb-preamble', 'no');
  await admin.bgrewriteaof();
  const isUnderWay = /aof_rewrite_(in_progress|scheduled):1/;
  while (isUnderWay.test(await admin.info('persistence'))) await setTimeout(20);
}

/** Until all that was answered is in its log: while an fsync is under way Redis keeps what comes to itself, 2 s at most. */
async function written(admin: Redis): Promise<void> {
  await admin.call('CLIENT', 'PAUSE', 10_000, 'WRITE');
  const isAll = /aof_buffer_length:0\b[^]*aof_pending_bio_fsync:0\b/;
  while (!isAll.test(await admin.info('persistence'))) await setTimeout(20);
}

async function untilLoading(port: number): Promise<void> {
  const link = new Redis(port, '127.0.0.1', { enableReadyCheck: false, retryStrategy: () => 20 }).on(
    'error',
    () => undefined,
  );
  try {
    for (;;) {
      const fault: unknown = await link.get('x').catch((error: unknown) => error);
      if (fault instanceof Error && fault.message.startsWith('LOADING')) return;
      if (!(fault instanceof Error)) throw new Error('it has loaded already');
    }
  } finally {
    link.disconnect();
  }
}

describe('with AOF every second', () => {
  it('nothing that is in its log is lost when the process dies', async () => {
    const { system, redis, admin } = await begin('everysec');
    const load = startLoad([system.url], 'double');
    await load.goesOn(10);
    await written(admin);
    await redis.crashAndRestart();
    await load.goesOn(10);
    await expectNothingLost(system.url, load);
  });
});

describe('without AOF', () => {
  it('everything is gone when it dies; whoever asks is told, and what comes then runs', async () => {
    const { system, redis } = await begin('no-aof');
    const { body } = await post<{ task_ids: string[] }>(`${system.url}/v1/tasks/batch`, {
      tasks: [1, 2, 3].map((n) => ({ function: 'double', args: [n] })),
    });
    expect((await endsOf(system.url, body.task_ids)).size).toBe(3);
    await redis.crashAndRestart();
    let answer = await get<{ code: string }>(`${system.url}/v1/tasks/${body.task_ids[0]}`);
    while (answer.status === 503) answer = await get(`${system.url}/v1/tasks/${body.task_ids[0]}`);
    expect(answer.status).toBe(404);
    await registerSource(system.url, 'double', DOUBLE);
    const load = startLoad([system.url], 'double');
    await load.goesOn(5);
    await expectNothingLost(system.url, load);
  });
});

it('code that cannot be had for the moment costs its calls no attempt, be it their only one', async () => {
  const redis = await startRedis();
  const admin = new Redis(redis.url);
  const permit = (...rules: string[]): Promise<unknown> =>
    admin.acl('SETUSER', 'dispatcher', 'on', '>secret', 'resetkeys', '&*', '+@all', ...rules);
  // All but the bytes of functions.
  await permit('~[^{]*', '~{s0}:[^d]*', '~{s0}:default:', '~{s0}:default:[^c]*', '~{s0}:default:cref*');
  const system = await startSystem({
    form: 'redis push',
    workers: 1,
    storeUrl: redis.url,
    dispatcherArgs: ['--redis', redis.url.replace('//', '//dispatcher:secret@')],
  });
  try {
    const { url } = system;
    await registerSource(url, 'once', 'def once(n):\n    return n + 1\n');
    const { body } = await post<{ task_id: string }>(`${url}/v1/tasks`, {
      function: 'once',
      args: [1],
      options: { at_most_once: true, max_attempts: 1 },
    });
    const released = async (): Promise<string[]> =>
      (await recordOf(url, body.task_id)).attempts.map(({ reason }) => reason);
    await expect.poll(released, { timeout: 20_000 }).toContain('no_code');
    await permit('~*');
    const end = (await endsOf(url, [body.task_id])).get(body.task_id);
    expect([end?.status, end?.value]).toEqual(['COMPLETED', 2]);
    const kept = await recordOf(url, body.task_id);
    expect([kept.losses, new Set(kept.attempts.map(({ reason }) => reason))]).toEqual([0, new Set(['no_code'])]);
  } finally {
    admin.disconnect();
    await system.stop();
    await redis.stop();
  }
});
