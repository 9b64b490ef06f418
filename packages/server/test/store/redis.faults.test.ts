// What the Redis store does when its server is away, slow to come back, full, demoted, or forgets an answer.
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { Redis } from 'ioredis';
import { systemClock } from '../../src/clock.ts';
import { StoreUnavailable, openRedisStore } from '../../src/store/index.ts';
import type { Fence } from '../../src/lifecycle/fence.ts';
import type { RedisOptions } from '../../src/store/index.ts';
import { remedyFor } from '../../src/store/redis/faults.ts';
import { serverFacts, settingWarnings, unfit } from '../../src/store/redis/server-facts.ts';
import type { Store, Submission } from '../../src/store/store.ts';
import { freePort } from '../../../../test/harness/redis.ts';
import { forgetfulProxy } from './forgetful-proxy.ts';
import { startRedis } from './redis-server.ts';
import type { RedisServer } from './redis-server.ts';
import { newId } from '../../src/lifecycle/ids.ts';
import { LANE, NO_LIMITS, completion, newFunction, submission, endsIn } from './submission.ts';
import { listen, sweptUntil, until } from './waiting.ts';

const T = 'default';
const CLAIM = [{ lane: LANE, max: 100 }];

const leftovers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const remove of leftovers.splice(0).reverse()) await remove();
});

async function server(...settings: string[]): Promise<RedisServer> {
  const started = await startRedis(...settings);
  leftovers.push(() => started.remove());
  return started;
}

async function open(url: string, options: Partial<RedisOptions> = {}): Promise<Store & { told: string[] }> {
  const told: string[] = [];
  const store = await openRedisStore({ url, clock: systemClock, onError: (message) => told.push(message), ...options });
  leftovers.push(() => store.close());
  return Object.assign(store, { told });
}

function client(url: string): Redis {
  const redis = new Redis(url);
  leftovers.push(async () => redis.disconnect());
  return redis;
}

describe('10 a server that is away', () => {
  it('at the start: the store opens, says so, refuses within seconds and goes on by itself when it is there', async () => {
    const redis = await server();
    await redis.kill('SIGKILL');
    const store = await open(redis.url);
    expect(await store.health()).toMatchObject({
      ok: false,
      detail: expect.stringContaining('Redis cannot be reached') as string,
    });
    await expect(store.submit(T, 0, [submission()], NO_LIMITS)).rejects.toBeInstanceOf(StoreUnavailable);
    await redis.restart();
    await until(async () => ((await store.health()).ok ? true : undefined));
    expect((await store.submit(T, 0, [submission()], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
  });

  it('for a moment: acts wait for it, listeners are told, nothing is lost with AOF always', async () => {
    const redis = await server('--appendonly', 'yes', '--appendfsync', 'always');
    const store = await open(redis.url, { expectAof: 'always', leaseMs: 60_000 });
    expect((await store.health()).warnings.filter((warning) => warning.includes('append-only'))).toEqual([]);
    const { hints } = await listen(store);
    const [held, waiting] = [submission(), submission()];
    await store.submit(T, 0, [held, waiting], NO_LIMITS);
    const [claimed] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    const before = hints.length;
    await redis.kill('SIGKILL');
    const [, answers] = await Promise.all([redis.restart(), store.states(T, [held.spec.id, waiting.spec.id])]);
    expect(answers).toEqual(['RUNNING', 'QUEUED']);
    await until(() => hints.slice(before).find((hint) => hint.is === 'reconnected'));
    expect(store.told).toEqual([
      expect.stringContaining('The connection to Redis is lost'),
      'The connection to Redis is there again.',
    ]);
    // 3: the owners renew first.
    expect(await store.sweep(T)).toMatchObject({
      abandoned: 0,
      skipped: expect.stringContaining('first lease time') as string,
    });
    expect(await store.settle(T, [completion(claimed!.fence)])).toEqual([{ is: 'accepted', state: 'COMPLETED' }]);
    // What is published before the listener is back is lost, by design: it is told 'reconnected' and reads again.
    await until(async () => {
      await store.submit(T, 0, [submission()], NO_LIMITS);
      return hints.slice(before).find((hint) => hint.is === 'work');
    });
  });
});

describe('10 a subscription', () => {
  it('that the server refuses is told of as a loop that does not come round, until it is there', async () => {
    const redis = await server();
    const admin = client(redis.url);
    await admin.acl('SETUSER', 'default', '-subscribe', '-ssubscribe');
    let later = 0;
    const store = await open(redis.url, { clock: { ...systemClock, mono: () => systemClock.mono() + later } });
    expect((await store.health()).troubles).toEqual([]);
    later = 9_000;
    expect((await store.health()).troubles).toEqual([
      expect.stringMatching(/^the subscription to announcements has not come round for \d+ s$/),
    ]);
    await admin.acl('SETUSER', 'default', '+subscribe', '+ssubscribe');
    await until(async () => ((await store.health()).troubles.length === 0 ? true : undefined));
  });
});

describe('10 a connection', () => {
  it('that died without a word is given up once an act on it has timed out, and the store goes on', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    proxy.fallSilent();
    await expect(store.submit(T, 0, [submission()], NO_LIMITS)).rejects.toThrow('Redis does not answer');
    await until(async () => ((await store.health()).ok ? true : undefined));
    expect((await store.submit(T, 0, [submission()], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
  });

  it('that brings an answer to no question is made anew: which answer belongs to what, nobody could tell', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    await until(() => (store.isReady(0) ? true : undefined));
    proxy.babble('+OK\r\n');
    await until(() => store.told.find((line) => line.includes('is lost')));
    await until(() => store.told.find((line) => line.includes('is there again')));
    expect((await store.submit(T, 0, [submission()], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
  });

  it('that is slow carries large bytes for longer than an act may take, and renewals are not behind them', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url, { leaseMs: 3_000 });
    const [large, held] = [submission({ max_result_bytes: 2 ** 30 }), submission()];
    await store.submit(T, 0, [large, held], NO_LIMITS);
    const { tasks } = await store.claim(T, 'me', CLAIM, 2);
    proxy.slowDown(2_000_000);
    const state = { isSettled: false };
    const json = JSON.stringify('x'.repeat(13_000_000));
    const settling = store.settle(T, [completion(tasks[0]!.fence, json)]).finally(() => (state.isSettled = true));
    const renewed: boolean[][] = [];
    const renewals = tasks.map(({ fence }) => ({ fence, worker: 'w', startedAt: 5 }));
    while (!state.isSettled) {
      renewed.push(await store.renew(T, renewals));
      await store.sweep(T);
    }
    expect(await settling).toMatchObject([{ is: 'accepted' }]);
    expect(renewed.map(([, isHeld]) => isHeld)).not.toContain(false);
    expect((await endsIn(store, T, [large.spec.id]))[0]).toMatchObject({ state: 'COMPLETED' });
  });
});

describe('10 an answer that is lost', () => {
  it('of submit makes no second task', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    const tasks = [submission(), { ...submission(), key: { name: 'k', content: 'c' } }];
    proxy.forgetNextAnswer();
    const answers = await store.submit(T, 0, tasks, NO_LIMITS);
    expect(proxy.forgotten()).toBe(1);
    expect(answers.map((answer) => [answer.is, answer.is === 'accepted' && answer.id])).toEqual(
      tasks.map((task) => ['accepted', task.spec.id]),
    );
    expect((await store.stats(T)).submitted).toBe(2);
  });

  it('of a registration registers it once', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    for (const classic of [true, false]) {
      const fn = newFunction({ name: `classic-${classic}`, digest: (classic ? 'e' : 'f').repeat(64), classic });
      proxy.forgetNextAnswer();
      const { fn: kept, created } = await store.register(T, fn);
      expect([created, kept.version]).toEqual([true, classic ? 0 : 1]);
    }
    expect(proxy.forgotten()).toBe(2);
    expect((await store.listFunctions(T, 10, '')).items).toHaveLength(2);
    expect(await client(redis.url).hvals(`{s0}:${T}:cref`)).toEqual(['1', '1']);
  });

  it('of a deletion is given by its repeat', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    await store.register(T, newFunction());
    await store.register(T, newFunction({ digest: 'd'.repeat(64) }));
    proxy.forgetNextAnswer();
    expect(await store.deleteFunction(T, 'double')).toBe(2);
    expect(proxy.forgotten()).toBe(1);
    expect(await store.deleteFunction(T, 'double')).toBe(0);
  });

  it('of submit is no refusal where large arguments were taken over', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    const task = submission({}, Buffer.alloc(20_000, 'a'));
    proxy.forgetNextAnswer();
    expect((await store.submit(T, 0, [task], NO_LIMITS))[0]).toMatchObject({ is: 'accepted', id: task.spec.id });
    expect((await store.claim(T, 'me', CLAIM, 1)).tasks[0]?.args.length).toBe(20_000);
  });

  it('of settle is a duplicate', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    await store.submit(T, 0, [submission()], NO_LIMITS);
    const [claimed] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    proxy.forgetNextAnswer();
    expect(await store.settle(T, [completion(claimed!.fence)])).toEqual([{ is: 'duplicate', state: 'COMPLETED' }]);
    expect((await store.stats(T)).ended).toEqual({ COMPLETED: 1 });
  });

  it('of what was submitted before under its key is given by its repeat, however large the arguments are', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    const once = (): Submission => ({ ...submission({}, Buffer.alloc(20_000, 'a')), key: { name: 'k', content: 'c' } });
    const first = once();
    await store.submit(T, 0, [first], NO_LIMITS);
    proxy.forgetNextAnswer();
    expect(await store.submit(T, 0, [once()], NO_LIMITS)).toEqual([{ is: 'replayed', id: first.spec.id }]);
    expect(proxy.forgotten()).toBe(1);
    expect(await client(redis.url).keys('*:b:*')).toEqual([]);
  });

  it('of a claim is given by its repeat, token by token, an at-most-once task too', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    const other = await open(redis.url);
    const tasks = [submission(), submission({ at_most_once: true }), submission({}, Buffer.alloc(20_000, 'b'))];
    await store.submit(T, 0, tasks, NO_LIMITS);
    proxy.forgetNextAnswer();
    const lanes = tasks.map(({ lane }) => ({ lane, max: 5 }));
    const { tasks: claimed } = await store.claim(T, 'me', lanes, 10);
    expect(proxy.forgotten()).toBe(1);
    expect(claimed.map(({ fence, args }) => [fence.id, fence.attempt, args.length]).sort()).toEqual(
      tasks.map(({ spec, args }) => [spec.id, 1, args.length]).sort(),
    );
    expect((await other.claim(T, 'another', lanes, 10)).tasks).toEqual([]);
    const answers = await other.settle(
      T,
      claimed.map(({ fence }) => completion(fence)),
    );
    expect(answers.map(({ is }) => is)).toEqual(['accepted', 'accepted', 'accepted']);
  });

  it.each([
    ['', [{ lane: submission({ at_most_once: true }).lane, max: 1 }]],
    [', also without lanes', []],
  ])('of a claim that was given up is given by the next one%s', async (_, next) => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    // Its patience is over as soon as the answer is lost.
    const mono = (): number => systemClock.mono() + (proxy.forgotten() > 0 ? 3_200 : 0);
    const store = await open(proxy.url, { clock: { ...systemClock, mono } });
    const task = submission({ at_most_once: true, expires_at: Date.now() + 60_000 });
    await store.submit(T, 0, [task], NO_LIMITS);
    const lanes = [{ lane: task.lane, max: 1 }];
    proxy.forgetNextAnswer();
    await expect(store.claim(T, 'me', lanes, 1)).rejects.toThrow(StoreUnavailable);
    const now = await until(() => store.now().catch(() => undefined));
    const [again] = await until(async () => {
      const { tasks } = await store.claim(T, 'me', next, next.length).catch(() => ({ tasks: [] }));
      return tasks.length > 0 ? tasks : undefined;
    });
    expect(again!.fence).toMatchObject({ id: task.spec.id, attempt: 1 });
    // It expires when it did before.
    expect(again!.startWithinMs).toBeLessThanOrEqual(task.spec.expires_at - now);
    expect((await store.tasks(T, [task.spec.id]))[0]).toMatchObject({ state: 'RUNNING', abandonments: 0 });
  });

  it('of a claim is given by the next one, however many others were renewed shortly before', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const mono = (): number => systemClock.mono() + (proxy.forgotten() > 0 ? 3_200 : 0);
    const store = await open(proxy.url, { clock: { ...systemClock, mono } });
    const other = await open(redis.url);
    const running = Array.from({ length: 256 }, () => submission());
    await other.submit(T, 0, running, NO_LIMITS);
    const { tasks: held } = await other.claim(T, 'other', [{ lane: running[0]!.lane, max: 256 }], 256);
    const renewals = held.map(({ fence }) => ({ fence, worker: 'w', startedAt: 1 }));
    // Each time in another order, as though others were renewed: their leases end before that of what is claimed next.
    for (let n = 0; n < 80; n += 1) await other.renew(T, [...renewals.slice(n), ...renewals.slice(0, n)]);
    const tasks = Array.from({ length: 8 }, () => submission({ at_most_once: true }));
    await store.submit(T, 0, tasks, NO_LIMITS);
    proxy.forgetNextAnswer();
    await expect(store.claim(T, 'me', [{ lane: tasks[0]!.lane, max: 8 }], 8)).rejects.toThrow(StoreUnavailable);
    // Those that nobody runs any more tell nothing of the others.
    const ids = tasks.map(({ spec }) => spec.id);
    await other.cancel(T, ids.slice(0, 6));
    await until(() => store.now().catch(() => undefined));
    const again = await store.claim(T, 'me', [], 0);
    expect(again.tasks.map(({ fence }) => fence.id)).toEqual(ids.slice(6));
  });
});

describe('large code', () => {
  it('that is gone before its function is written is brought again: no function is without its code', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    const code = Buffer.alloc(20_000, '#');
    const held = proxy.holdNextAct();
    const registered = store.register(T, newFunction({ code }));
    await held.caught;
    const admin = client(redis.url);
    for (const key of await admin.keys('*:b:*')) await admin.del(key);
    held.letGo();
    const { fn, created } = await registered;
    expect([created, fn.version]).toEqual([true, 1]);
    expect(await store.code(T, [fn.digest])).toEqual([code]);
  });
});

describe('large arguments', () => {
  it('that cannot be read keep back none of the others: their task is put back', async () => {
    const redis = await server();
    const store = await open(redis.url);
    const tasks = [
      submission({}, Buffer.alloc(300_000, 'a')),
      submission({}, Buffer.alloc(300_000, 'b')),
      submission(),
    ];
    await store.submit(T, 0, tasks, NO_LIMITS);
    const [bad, ...good] = tasks.map(({ spec }) => spec.id);
    const admin = client(redis.url);
    const args = `{s0}:default:a:${bad}`;
    await admin.rename(args, `${args}:kept`);
    await admin.rpush(args, 'no string');
    const claim = await store.claim(T, 'me', CLAIM, 10);
    expect(claim).toMatchObject({ more: true, owes: false });
    expect(claim.tasks.map(({ fence, args: read }) => [fence.id, read.length])).toEqual([
      [good[0], 300_000],
      [good[1], tasks[2]!.args.length],
    ]);
    await until(async () => ((await store.states(T, [bad!]))[0] === 'QUEUED' ? true : undefined));
    await admin.rename(`${args}:kept`, args);
    const again = await store.claim(T, 'me', CLAIM, 10);
    expect(again.tasks.map(({ fence, args: read }) => [fence.id, read.length])).toEqual([[bad, 300_000]]);
    expect((await store.tasks(T, [bad!]))[0]).toMatchObject({ losses: 0, abandonments: 0 });
  });
});

describe('3 a late end', () => {
  it('that is refused leaves nothing, however large, in place of the accepted one', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const [store, late] = [await open(proxy.url), await open(redis.url)];
    await store.submit(T, 0, [submission()], NO_LIMITS);
    const [first] = (await store.claim(T, 'late', CLAIM, 1)).tasks;
    await store.release(T, [{ fence: first!.fence, reason: 'undelivered', worker: '', message: '' }]);
    const [second] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    const large = (letter: string): string => JSON.stringify(letter.repeat(30_000));
    // Both have brought their bytes when the first one is judged.
    const act = proxy.holdNextAct();
    const accepted = store.settle(T, [completion(second!.fence, large('2'))]);
    await act.caught;
    expect(await late.settle(T, [completion(first!.fence, large('1'))])).toEqual([{ is: 'stale' }]);
    act.letGo();
    expect(await accepted).toMatchObject([{ is: 'accepted' }]);
    expect((await endsIn(store, T, [second!.fence.id]))[0]?.result.json?.toString()).toBe(large('2'));
    expect(await client(redis.url).keys('*:b:*')).toEqual([]);
  });
});

describe('5 a submission that is refused', () => {
  it('leaves none of its large arguments', async () => {
    const redis = await server();
    const store = await open(redis.url);
    const large = Buffer.alloc(20_000, 'a');
    await store.submit(T, 0, [{ ...submission(), key: { name: 'k', content: 'c' } }], NO_LIMITS);
    const full = await store.submit(T, 0, [submission({}, large)], { ...NO_LIMITS, maxTasks: 1 });
    const other = { ...submission({}, large), key: { name: 'k', content: 'other' } };
    const conflict = await store.submit(T, 0, [other, submission({}, large)], NO_LIMITS);
    expect([...full, ...conflict].map(({ is }) => is)).toEqual(['queue_full', 'conflict', 'refused']);
    expect(await client(redis.url).keys('*:b:*')).toEqual([]);
  });
});

describe('3 a sweep', () => {
  it('that arrives late lets leases be: their owners’ renewals stand behind it', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const leaseMs = 2000;
    const [owner, sweeper] = [await open(redis.url, { leaseMs }), await open(proxy.url, { leaseMs })];
    await sweptUntil(sweeper, T, ({ skipped }) => skipped === '');
    await owner.submit(T, 0, [submission()], NO_LIMITS);
    const [held] = (await owner.claim(T, 'owner', CLAIM, 1)).tasks;
    const leaseEnds = (await owner.now()) + leaseMs;
    const act = proxy.holdNextAct();
    const swept = sweeper.sweep(T);
    await act.caught;
    await until(async () => ((await owner.now()) > leaseEnds ? true : undefined));
    act.letGo();
    expect(await swept).toMatchObject({ abandoned: 0 });
    expect(await owner.renew(T, [{ fence: held!.fence, worker: 'w', startedAt: 1 }])).toEqual([true]);
  });

  it('after a time in which writes were refused lets leases be: their owners’ renewals were refused as well', async () => {
    const redis = await server();
    const store = await open(redis.url, { leaseMs: 2000 });
    await sweptUntil(store, T, ({ skipped }) => skipped === '');
    await store.submit(T, 0, [submission()], NO_LIMITS);
    const [held] = (await store.claim(T, 'owner', CLAIM, 1)).tasks;
    const renewals = [{ fence: held!.fence, worker: 'w', startedAt: 1 }];
    const admin = client(redis.url);
    await admin.config('SET', 'min-replicas-to-write', '1');
    const leaseEnds = (await store.now()) + 2000;
    await expect(store.renew(T, renewals)).rejects.toThrow('fewer replicas');
    await until(async () => {
      await expect(store.sweep(T)).rejects.toBeInstanceOf(StoreUnavailable);
      return (await store.now()) > leaseEnds || undefined;
    });
    await admin.config('SET', 'min-replicas-to-write', '0');
    expect(await store.sweep(T)).toMatchObject({
      abandoned: 0,
      skipped: expect.stringContaining('first lease') as string,
    });
    expect(await store.renew(T, renewals)).toEqual([true]);
    await sweptUntil(store, T, ({ abandoned }) => abandoned === 1);
  });
});

describe('3 a clock that is set back', () => {
  it('holds up nobody: what was claimed before is given up one lease time later, unless it is renewed', async () => {
    const redis = await server();
    // Leases an hour long stand in for those that were given an hour ahead of now.
    const ahead = await open(redis.url, { leaseMs: 3_600_000 });
    await ahead.submit(T, 0, [submission(), submission()], NO_LIMITS);
    const { tasks } = await ahead.claim(T, 'me', [{ lane: LANE, max: 2 }], 2);
    const [dead, alive] = tasks.map(({ fence }) => fence) as [Fence, Fence];
    const store = await open(redis.url, { leaseMs: 2_000 });
    const renewing = setInterval(
      () => void store.renew(T, [{ fence: alive, worker: 'w', startedAt: 0 }]).catch(() => undefined),
      200,
    );
    try {
      expect(await sweptUntil(store, T, ({ abandoned }) => abandoned > 0)).toMatchObject({ abandoned: 1 });
    } finally {
      clearInterval(renewing);
    }
    expect(await store.states(T, [dead.id, alive.id])).toEqual(['QUEUED', 'RUNNING']);
  });
});

describe('10 a server that refuses', () => {
  it('at maxmemory takes no more tasks, and lets running work end, large results too', async () => {
    const redis = await server();
    const admin = client(redis.url);
    const store = await open(redis.url);
    const tasks = [submission(), submission()];
    await store.submit(T, 0, tasks, NO_LIMITS);
    await admin.config('SET', 'maxmemory', '1mb');
    await expect(store.submit(T, 0, [submission()], NO_LIMITS)).rejects.toThrow(/maxmemory/);
    expect([(await store.health()).ok, await store.refusal()]).toEqual([true, expect.stringMatching(/maxmemory/)]);
    await expect(store.submit(T, 0, [submission({}, Buffer.alloc(20_000))], NO_LIMITS)).rejects.toThrow(/maxmemory/);
    const claimed = (await store.claim(T, 'me', CLAIM, 2)).tasks;
    expect(await store.renew(T, [{ fence: claimed[0]!.fence, worker: 'w', startedAt: 1 }])).toEqual([true]);
    const large = `"${'x'.repeat(1_000_000)}"`;
    const answers = await store.settle(T, [completion(claimed[0]!.fence), completion(claimed[1]!.fence, large)]);
    expect(answers.map((answer) => answer.is)).toEqual(['accepted', 'accepted']);
    expect((await endsIn(store, T, [claimed[1]!.fence.id]))[0]?.result.json?.toString()).toBe(large);
    await admin.config('SET', 'maxmemory', '0');
    expect(await store.refusal()).toBe('');
    expect((await store.submit(T, 0, [submission()], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
  });

  it('at maxmemory keeps a large result whole where the answer to a piece of it is lost', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url);
    await store.submit(T, 0, [submission()], NO_LIMITS);
    const [claimed] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    await client(redis.url).config('SET', 'maxmemory', '1mb');
    const large = JSON.stringify('x'.repeat(600_000));
    // At maxmemory three acts bring its pieces before the settlement itself.
    proxy.forgetNextAnswer(1);
    expect(await store.settle(T, [completion(claimed!.fence, large)])).toMatchObject([{ is: 'accepted' }]);
    expect(proxy.forgotten()).toBe(1);
    expect((await endsIn(store, T, [claimed!.fence.id]))[0]?.result.json?.toString()).toBe(large);
  });

  it('at maxmemory takes no large result of which a piece is gone', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url, { leaseMs: 60_000 });
    await store.submit(T, 0, [submission()], NO_LIMITS);
    const [claimed] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    const admin = client(redis.url);
    await admin.config('SET', 'maxmemory', '1mb');
    const large = JSON.stringify('x'.repeat(600_000));
    const first = proxy.holdNextAct();
    const settling = expect(store.settle(T, [completion(claimed!.fence, large)])).rejects.toBeInstanceOf(
      StoreUnavailable,
    );
    await first.caught;
    first.letGo();
    const second = proxy.holdNextAct();
    await second.caught;
    for (const key of await admin.keys('*:b:*')) await admin.del(key);
    second.letGo();
    await settling;
    expect(await store.settle(T, [completion(claimed!.fence, large)])).toMatchObject([{ is: 'accepted' }]);
    expect((await endsIn(store, T, [claimed!.fence.id]))[0]?.result.json?.toString()).toBe(large);
  });

  it('at maxmemory lets those in who come now: work goes on under them', async () => {
    const redis = await server();
    const admin = client(redis.url);
    const before = await open(redis.url);
    await before.submit(T, 0, [submission()], NO_LIMITS);
    await admin.config('SET', 'maxmemory', '1mb');
    const store = await open(redis.url);
    const [claimed] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    expect(await store.settle(T, [completion(claimed!.fence)])).toEqual([{ is: 'accepted', state: 'COMPLETED' }]);
  });

  it('to keep what it was asked to keep is noticed while it runs', async () => {
    const redis = await server();
    let later = 0;
    const clock = { wall: () => systemClock.wall(), mono: () => systemClock.mono() + later };
    const store = await open(redis.url, { clock });
    expect((await store.health()).warnings).toEqual([]);
    await client(redis.url).config('SET', 'maxmemory-policy', 'allkeys-lru');
    later = 60_000;
    expect((await store.health()).warnings).toEqual([expect.stringMatching(/may evict tasks/)]);
  });

  it('as a replica is left until it is a master again', async () => {
    const redis = await server();
    const admin = client(redis.url);
    const store = await open(redis.url);
    await admin.replicaof('127.0.0.1', 1);
    await expect(store.submit(T, 0, [submission()], NO_LIMITS)).rejects.toBeInstanceOf(StoreUnavailable);
    await admin.replicaof('NO', 'ONE');
    await until(async () => ((await store.health()).ok ? true : undefined));
    expect((await store.submit(T, 0, [submission()], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
  });

  it('to let us in at the start is no store: what is wrong is said at once', async () => {
    const redis = await server();
    const admin = client(redis.url);
    await admin.ping();
    await admin.config('SET', 'requirepass', 'secret');
    await expect(open(redis.url)).rejects.toThrow('Redis asks for a password; put it into the store’s URL.');
    await expect(open(`${redis.url}?password=wrong`)).rejects.toThrow(
      'Redis refuses the user name or password of the store’s URL.',
    );
  });

  it('to have the database that is named is no store, rather than another one', async () => {
    const redis = await server();
    await expect(open(`${redis.url}?db=99`)).rejects.toThrow('This Redis has no database 99');
    expect(await client(redis.url).dbsize()).toBe(0);
    const store = await open(`${redis.url}?db=3`);
    await store.submit(T, 0, [submission()], NO_LIMITS);
    expect(await client(redis.url).dbsize()).toBe(0);
  });

  it('to let us in is asked again until it does', async () => {
    const redis = await server();
    const admin = client(redis.url);
    await admin.ping();
    const store = await open(redis.url);
    await admin.config('SET', 'requirepass', 'secret');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect(store.submit(T, 0, [submission()], NO_LIMITS)).rejects.toMatchObject({
      name: 'StoreUnavailable',
      message: 'Redis asks for a password; put it into the store’s URL.',
    });
    await admin.config('SET', 'requirepass', '');
    await until(async () => ((await store.health()).ok ? true : undefined));
    expect((await store.submit(T, 0, [submission()], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
  });

  it('to know a function is given the library', async () => {
    const redis = await server();
    const store = await open(redis.url);
    await store.submit(T, 0, [submission()], NO_LIMITS);
    await client(redis.url).function('FLUSH');
    expect((await store.submit(T, 0, [submission()], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
  });
});

describe('1 code of a function that is gone', () => {
  it('stays a lease time: a task that was on its way finds it, and keeps it', async () => {
    const redis = await server();
    const store = await open(redis.url, { leaseMs: 200 });
    const digest = 'c'.repeat(64);
    const kept = async (): Promise<boolean> => (await store.code(T, [digest]))[0] !== undefined;
    const { fn } = await store.register(T, newFunction({ digest }));
    await store.deleteFunction(T, fn.id);
    await store.sweep(T);
    expect(await kept()).toBe(true);
    // A service found the function just before.
    await store.submit(T, 0, [submission({ digest })], NO_LIMITS);
    const score = (): Promise<string | null> => client(redis.url).zscore(`{s0}:${T}:doomed`, digest);
    const doomed = await score();
    await until(async () => {
      await store.sweep(T);
      return (await score()) === doomed ? undefined : true;
    });
    expect(await kept()).toBe(true);
  });
});

describe('11 replicas', () => {
  it('that do not confirm make the act fail, with what to do', async () => {
    const redis = await server();
    const store = await open(redis.url, { waitReplicas: 1 });
    await expect(store.submit(T, 0, [submission()], NO_LIMITS)).rejects.toThrow(
      /0 of 1 replicas .* repeat it with the same key/,
    );
  });

  /** A server, and a replica of it that is in step. */
  async function replicated(): Promise<{ redis: RedisServer; follower: Redis }> {
    const redis = await server('--repl-diskless-sync-delay', '0', '--unixsocketperm', '700');
    const port = await freePort();
    await client(redis.url).config('SET', 'port', String(port));
    const replica = await server('--replicaof', `127.0.0.1 ${port}`);
    const follower = client(replica.url);
    await until(async () =>
      (await follower.info('replication')).includes('master_link_status:up') ? true : undefined,
    );
    return { redis, follower };
  }

  it('of several shards are waited for as long: what may run once, and they do not confirm, is back uncharged', async () => {
    const redis = await server();
    const careful = await open(redis.url, { shards: 2, waitReplicas: 1 });
    const store = await open(redis.url);
    const task = submission({ at_most_once: true });
    await store.submit(T, 0, [task], NO_LIMITS);
    const quotas = [{ lane: task.lane, max: 1 }];
    await expect(careful.claim(T, 'me', quotas, 1)).rejects.toThrow('Only 0 of 1 replicas confirmed');
    expect((await store.tasks(T, [task.spec.id]))[0]).toMatchObject({ state: 'QUEUED', losses: 0, abandonments: 0 });
    expect((await store.claim(T, 'me', quotas, 1)).tasks).toHaveLength(1);
  });

  it('cannot be waited for by a server that has become one of them after the act: it is repeated, or unavailable', async () => {
    const { redis } = await replicated();
    const admin = client(redis.url);
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url, { waitReplicas: 1, leaseMs: 60_000 });
    const task = submission();
    const state = async () => (await admin.getBuffer(`{s0}:${T}:t:${task.spec.id}`))?.[0];
    const demotedAfter = async (act: () => Promise<unknown>, done: (state: number | undefined) => boolean) => {
      const { caught, letGo } = proxy.holdNextWait();
      const acting = confirmed(act);
      await caught;
      await until(async () => (done(await state()) ? true : undefined));
      await admin.replicaof('127.0.0.1', 1);
      letGo();
      await Promise.race([acting, until(async () => ((await store.health()).ok ? undefined : true))]);
      await admin.replicaof('NO', 'ONE');
      await acting;
    };
    await demotedAfter(
      () => store.submit(T, 0, [task], NO_LIMITS),
      (now) => now !== undefined,
    );
    const [claimed] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    const running = await state();
    await demotedAfter(
      () => store.settle(T, [completion(claimed!.fence)]),
      (now) => now !== running,
    );
    expect(await store.stats(T)).toMatchObject({ submitted: 1, ended: { COMPLETED: 1 } });
  });

  it('confirm before an end is announced', async () => {
    const { redis, follower } = await replicated();
    const store = await open(redis.url, { waitReplicas: 1 });
    const { hints } = await listen(store);
    const task = submission();
    await confirmed(() => store.submit(T, 0, [task], NO_LIMITS));
    expect(await follower.exists(`{s0}:default:t:${task.spec.id}`)).toBe(1);
    const [claimed] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    await confirmed(() => store.settle(T, [completion(claimed!.fence)]));
    await until(() => hints.find((hint) => hint.is === 'ends'));
  });
});

/** What a caller does who is told that too few replicas have confirmed in time: the same again, which changes nothing. */
async function confirmed(act: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await act();
      return;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
  }
}

describe('5 several shards', () => {
  const at = (shard: number, priority: number) => submission({ id: newId(Date.now(), shard), priority });

  it('hold each as much as the limits of the queue say', async () => {
    const redis = await server();
    const store = await open(redis.url, { shards: 2 });
    for (const [limit, limits] of [
      ['max_queued_tasks', { maxTasks: 1, maxBytes: 1e6 }],
      ['max_queued_bytes', { maxTasks: 10, maxBytes: at(0, 0).args.length }],
    ] as const) {
      const tenant = `limited-by-${limit}`;
      for (const shard of [0, 1]) {
        expect((await store.submit(tenant, shard, [at(shard, 0)], limits))[0]).toMatchObject({ is: 'accepted' });
        expect((await store.submit(tenant, shard, [at(shard, 0)], limits))[0]).toMatchObject({
          ...{ is: 'queue_full', limit, alone: false },
        });
      }
    }
  });

  it('are claimed from in the order of their best waiting priority', async () => {
    const redis = await server();
    const store = await open(redis.url, { shards: 3 });
    for (const [shard, priority] of [
      [0, 0],
      [1, 9],
      [2, 5],
    ] as const)
      await store.submit(T, shard, [at(shard, priority)], NO_LIMITS);
    const claimed = [];
    for (let n = 0; n < 3; n += 1) claimed.push(...(await store.claim(T, 'me', CLAIM, 1)).tasks);
    expect(claimed.map(({ spec }) => spec.priority)).toEqual([9, 5, 0]);
  });

  it('lose nothing that was claimed when the next one fails', async () => {
    const redis = await server();
    const store = await open(redis.url, { shards: 2 });
    const [good, bad] = [at(0, 9), at(1, 0)];
    await store.submit(T, 0, [good], NO_LIMITS);
    await store.submit(T, 1, [bad], NO_LIMITS);
    // The second shard's script stops in the middle.
    await client(redis.url).set('{s1}:default:lease', 'no index');
    const { tasks } = await store.claim(T, 'me', CLAIM, 10);
    expect(tasks.map(({ fence }) => fence.id)).toEqual([good.spec.id]);
  });

  it('of a server that stands still are not asked one after the other', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    const store = await open(proxy.url, { shards: 3 });
    const tasks = [at(0, 0), at(1, 0), at(2, 0)];
    for (const [shard, task] of tasks.entries()) await store.submit(T, shard, [task], NO_LIMITS);
    const held = proxy.holdNextAct();
    const claiming = expect(store.claim(T, 'me', CLAIM, 10)).rejects.toThrow('does not answer in time');
    await held.caught;
    await claiming;
    held.letGo();
    const states = async (): Promise<(string | undefined)[]> => {
      const ids = tasks.map(({ spec }) => spec.id);
      return (await store.states(T, ids)).sort();
    };
    await until(async () => ((await states()).includes('RUNNING') ? true : undefined));
    expect(await states()).toEqual(['QUEUED', 'QUEUED', 'RUNNING']);
  });

  it('of which one does not answer owe what that handed out, which a claim without lanes gives and nothing else', async () => {
    const redis = await server();
    const proxy = await forgetfulProxy(redis.url);
    leftovers.push(() => proxy.close());
    // Its patience is over as soon as the answer is lost.
    const mono = (): number => systemClock.mono() + (proxy.forgotten() > 0 ? 3_200 : 0);
    const store = await open(proxy.url, { shards: 2, clock: { ...systemClock, mono } });
    const [good, lost, later] = [at(0, 9), at(1, 0), at(1, 0)];
    await store.submit(T, 0, [good], NO_LIMITS);
    await store.submit(T, 1, [lost], NO_LIMITS);
    proxy.forgetNextAnswer(1);
    const claimed = await store.claim(T, 'me', CLAIM, 10);
    expect([claimed.tasks.map(({ fence }) => fence.id), claimed.owes]).toEqual([[good.spec.id], true]);
    const other = await open(redis.url);
    await other.submit(T, 1, [later], NO_LIMITS);
    const owed = await until(async () => {
      const answer = await store.claim(T, 'me', [], 0);
      return answer.owes ? undefined : answer;
    });
    expect(owed.tasks.map(({ fence }) => fence.id)).toEqual([lost.spec.id]);
    expect((await store.tasks(T, [later.spec.id]))[0]).toMatchObject({ state: 'QUEUED' });
    expect(await store.claim(T, 'me', [], 0)).toEqual({ tasks: [], more: false, owes: false });
  });
});

describe('10 the layout', () => {
  it('keeps every key under its shard’s hash tag, and the number of shards for good', async () => {
    const redis = await server();
    const store = await open(redis.url, { shards: 2 });
    await store.submit(T, 1, [{ ...submission({ group: 'g' }), key: { name: 'k', content: 'c' } }], NO_LIMITS);
    await store.fact('a', 'b');
    const keys = await client(redis.url).keys('*');
    expect(keys.length).toBeGreaterThan(5);
    expect(keys.filter((key) => !/^\{s[01]\}:/.test(key))).toEqual([]);
    const other = await open(redis.url, { shards: 5 });
    expect(other.shards).toBe(2);
    expect(other.told).toEqual([expect.stringContaining('2 shards')]);
  });

  it('keeps one key a small task, whatever becomes of it, and entries by the script', async () => {
    const redis = await server();
    const admin = client(redis.url);
    const store = await open(redis.url);
    const batch = Array.from({ length: 100 }, () => submission());
    await store.submit(T, 0, batch, NO_LIMITS);
    const claimed = (await store.claim(T, 'me', CLAIM, 100)).tasks;
    await store.renew(
      T,
      claimed.map(({ fence }) => ({ fence, worker: 'w', startedAt: 1 })),
    );
    await store.settle(
      T,
      claimed.map(({ fence }) => completion(fence)),
    );
    const keys = await admin.keys('{s0}:default:*');
    expect(keys.filter((key) => /:[aehlbkgq]:/.test(key))).toEqual([]);
    expect(keys.filter((key) => key.includes(':t:'))).toHaveLength(100);
    for (const index of ['all', 'lease', 'del']) expect(await admin.zcard(`{s0}:default:${index}`)).toBeLessThan(10);
    expect(await admin.xlen('{s0}:default:ev')).toBe(1);
  });

  it('knows an id that comes twice in one batch', async () => {
    const redis = await server();
    const store = await open(redis.url);
    const [one, two] = [submission(), submission()];
    const answers = await store.submit(T, 0, [one, one, two], NO_LIMITS);
    expect(answers.map((answer) => answer.is === 'accepted' && answer.id)).toEqual(
      [one, one, two].map((task) => task.spec.id),
    );
    expect((await store.stats(T)).states.QUEUED).toBe(2);
    expect((await store.claim(T, 'me', CLAIM, 9)).tasks).toHaveLength(2);
  });

  it('keeps the large end of a pinned task for good', async () => {
    const redis = await server();
    const store = await open(redis.url);
    await store.submit(T, 0, [submission()], NO_LIMITS);
    const [claimed] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    await store.pin(T, claimed!.fence.id, true);
    await store.settle(T, [completion(claimed!.fence, `"${'x'.repeat(20_000)}"`)]);
    expect(await client(redis.url).pttl(`{s0}:default:e:${claimed!.fence.id}`)).toBe(-1);
  });

  it('forgets old events by whole entries, and tells who stood before or in one', async () => {
    const redis = await server();
    const admin = client(redis.url);
    const store = await open(redis.url);
    const tasks = [submission(), submission(), submission()];
    await store.submit('old', 0, tasks, NO_LIMITS);
    const claimed = (await store.claim('old', 'me', CLAIM, 2)).tasks;
    await store.settle(
      'old',
      claimed.map(({ fence }) => completion(fence)),
    );
    // The same entry twice at the beginning of time, as if it had been written then.
    const [[, [, bytes]]] = (await admin.xrangeBuffer('{s0}:old:ev', '-', '+')) as [[Buffer, [Buffer, Buffer]]];
    await admin.del('{s0}:old:ev');
    for (const at of ['1000-0', '1000-1']) await admin.xadd('{s0}:old:ev', at, 'e', bytes, 'n', '2');
    await admin.hset('{s0}:old:n', 'events', '4');
    expect((await store.events('old', '1000-1', 10)).items.map((item) => item.cursor)).toEqual([
      '1000-999',
      '1000-1001',
      '1000-1999',
    ]);
    await store.sweep('old');
    expect(await admin.xlen('{s0}:old:ev')).toBe(0);
    expect(await admin.hget('{s0}:old:n', 'events')).toBe('0');
    for (const lost of ['0-0', '1000-1', '1000-999', '1000-1001'])
      expect(await store.events('old', lost, 10)).toMatchObject({ items: [], cursor: '1000-1999', reset: true });
    await store.cancel('old', [tasks[2]!.spec.id]);
    const page = await store.events('old', '1000-1999', 10);
    expect([page.reset, page.items.map((item) => item.id)]).toEqual([false, [tasks[2]!.spec.id]]);
    for (const none of ['1000-1600', '1000-1999,1-1', '1000'])
      expect(await store.events('old', none, 10)).toMatchObject({ items: [], reset: true });
  });

  it('hears what the log of ends gains, but for what may follow on something that it has not heard', async () => {
    const redis = await server();
    const store = await open(redis.url);
    const heard: string[] = [];
    await store.subscribe((hint) => {
      if (hint.is === 'ends') heard.push(...hint.ends.map(({ id }) => id));
    });
    const tasks = Array.from({ length: 4 }, () => submission());
    await store.submit(T, 0, tasks, NO_LIMITS);
    const ids = tasks.map(({ spec }) => spec.id);
    const cursorAfter = async (id: string): Promise<string> => {
      await store.cancel(T, [id]);
      await expect.poll(() => heard).toContain(id);
      return (await store.events(T, '', 1)).cursor;
    };
    const other = submission();
    await store.submit(T, 0, [other], NO_LIMITS);
    // A log has its name with its first entry.
    await cursorAfter(other.spec.id);
    const first = await cursorAfter(ids[0]!);
    expect(store.announced(T, first, 10)).toBeUndefined();
    const second = await cursorAfter(ids[1]!);
    expect(store.announced(T, first, 10)).toMatchObject({ items: [{ id: ids[1] }], cursor: second, reset: false });
    // As if an entry had been written of which nothing was announced.
    await client(redis.url).hincrby('{s0}:default:n', 'logged', 1);
    const third = await cursorAfter(ids[2]!);
    expect(store.announced(T, second, 10)).toBeUndefined();
    await cursorAfter(ids[3]!);
    expect(store.announced(T, third, 10)!.items.map(({ id }) => id)).toEqual([ids[3]]);
  });

  it('hears of no end in another database of the server, and lives with what is no announcement', async () => {
    const port = await freePort();
    const redis = await server('--port', String(port));
    const [here, there] = [await open(`redis://127.0.0.1:${port}/0`), await open(`redis://127.0.0.1:${port}/1`)];
    const heard: string[] = [];
    await here.subscribe((hint) => {
      if (hint.is === 'ends') heard.push(...hint.ends.map(({ id }) => id));
    });
    const endIn = async (store: Store): Promise<string> => {
      const task = submission();
      await store.submit(T, 0, [task], NO_LIMITS);
      await store.cancel(T, [task.spec.id]);
      await expect.poll(() => heard).toContain(task.spec.id);
      return task.spec.id;
    };
    await endIn(here);
    const { cursor } = await here.events(T, '', 10);
    await endIn(there);
    const ours = await endIn(here);
    // Their second entry is one after our first, as ours would be.
    await endIn(there);
    expect((await here.events(T, cursor, 10)).items.map(({ id }) => id)).toEqual([ours]);
    expect(here.announced(T, cursor, 10)).toBeUndefined();
    const next = (await here.events(T, cursor, 10)).cursor;
    await endIn(there);
    const last = await endIn(here);
    expect(here.announced(T, next, 10)!.items.map(({ id }) => id)).toEqual([last]);
    const admin = client(redis.url);
    for (const nonsense of ['e', 'E', 'Exx', 'w', 'c', '']) await admin.publish('mpcsfaas:ends', nonsense);
    await endIn(here);
  });

  it('carries each accepted id on the channel `tasks`', async () => {
    const redis = await server();
    const store = await open(redis.url);
    const listener = client(redis.url);
    await listener.subscribe('tasks');
    const message = once(listener, 'message');
    const task = submission();
    await store.submit(T, 0, [task], NO_LIMITS);
    expect(await message).toEqual(['tasks', task.spec.id]);
  });
});

describe('10 what a server says of itself', () => {
  it('an old one is refused with a sentence', () => {
    expect(unfit(serverFacts('redis_version:6.2.14\r\nrole:master'))).toBe(
      'The store needs Redis 7 or Valkey; this server is redis 6.2.14.',
    );
    expect(unfit(serverFacts('redis_version:7.0.15\r\nrun_id:a'))).toBe('');
    expect(serverFacts('redis_version:7.2.4\r\nvalkey_version:8.1.0').version).toBe('valkey 8.1.0');
  });

  it('settings that lose tasks are warned about', () => {
    const settings = new Map([
      ['maxmemory-policy', 'allkeys-lru'],
      ['appendonly', 'yes'],
      ['appendfsync', 'everysec'],
    ]);
    expect(settingWarnings(settings, 'always')).toHaveLength(2);
    expect(settingWarnings(settings, 'everysec')).toHaveLength(1);
    expect(settingWarnings(new Map([['maxmemory-policy', 'noeviction']]), 'none')).toEqual([]);
  });

  it('every error has one remedy, a bug has none', () => {
    expect(remedyFor(new Error('ERR Function not found'))?.remedy).toBe('load');
    expect(remedyFor(new Error('LOADING Redis is loading the dataset in memory'))?.remedy).toBe('again');
    expect(remedyFor(new Error("READONLY You can't write against a read only replica."))?.remedy).toBe('reconnect');
    expect(remedyFor(new Error('ERR WAIT cannot be used with replica instances.'))?.remedy).toBe('reconnect');
    expect(remedyFor(new Error('OOM command not allowed'))?.remedy).toBe('refuse');
    expect(remedyFor(new Error('ERR wrong number of arguments'))).toBeUndefined();
  });
});
