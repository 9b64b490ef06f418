// The Redis store behind sentinels: what they say is followed, what a failover has forgotten is fenced off.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSentinels, type DataServer, type SentinelSet } from '../../../../test/harness/sentinel.ts';
import { systemClock } from '../../src/clock.ts';
import { inspectRedis, LEASE_MS, openRedisStore, StoreUnavailable, type Store } from '../../src/store/index.ts';
import { LANE, NO_LIMITS, completion, submission } from './submission.ts';
import { listen, sweptUntil, until } from './waiting.ts';

const T = 'default';
const CLAIM = [{ lane: LANE, max: 100 }];

let sentinels: SentinelSet;
const leftovers: (() => Promise<void>)[] = [];
beforeAll(async () => {
  sentinels = await startSentinels();
});
afterAll(async () => {
  for (const remove of leftovers.splice(0)) await remove();
  await sentinels.stop();
});

async function open(
  url: string,
  waitReplicas = 0,
  leaseMs = LEASE_MS,
  clock = systemClock,
): Promise<Store & { told: string[] }> {
  const told: string[] = [];
  const onError = (message: string): number => told.push(message);
  const store = await openRedisStore({ url, waitReplicas, leaseMs, clock, onError });
  leftovers.push(() => store.close());
  return Object.assign(store, { told });
}

/** The one that is not the master, whichever that is by now: a disk that stands still makes sentinels replace it unasked. */
async function replicaOf(set: SentinelSet): Promise<DataServer> {
  const master = await set.master();
  return set.servers.find((one) => one !== master)!;
}

/** Whatever it takes. */
async function patiently<R>(act: () => Promise<R>): Promise<R> {
  return until(async () => {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      return undefined;
    }
  });
}

describe('behind sentinels', () => {
  it('a master that they do not know is no store', async () => {
    const url = sentinels.url.replace(/main$/, 'other');
    await expect(open(url)).rejects.toThrow('The sentinels know no master named other.');
    expect(await inspectRedis(url, 'none')).toMatchObject({
      ok: false,
      detail: expect.stringContaining('other') as string,
    });
    expect(await inspectRedis(sentinels.url, 'always')).toMatchObject({ ok: true, warnings: [] });
  });

  it('a token that the new master has forgotten is stale, though the attempt has the same number', async () => {
    const store = await open(sentinels.url);
    const { hints } = await listen(store);
    const [master, replica] = [await sentinels.master(), await replicaOf(sentinels)];
    const task = submission();
    await store.submit(T, 0, [task], NO_LIMITS);
    await until(async () => ((await replica.admin.exists(`{s0}:default:t:${task.spec.id}`)) === 1 ? true : undefined));
    // From here on the replica hears nothing of its master.
    replica.signal('SIGSTOP');
    await master.admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
    const [before] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    const announced = sentinels.nextSwitch();
    await master.kill();
    replica.signal('SIGCONT');
    const { at } = await announced;
    const told = hints.length;
    // The owners renew first: nobody sweeps.
    const swept = await patiently(() => store.sweep(T));
    expect(performance.now() - at).toBeLessThan(2000);
    expect(swept).toMatchObject({ abandoned: 0, skipped: expect.stringContaining('first lease time') as string });
    expect(await store.states(T, [task.spec.id])).toEqual(['QUEUED']);
    const [after] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    expect(after!.fence.attempt).toBe(before!.fence.attempt);
    expect(await store.settle(T, [completion(before!.fence)])).toEqual([{ is: 'stale' }]);
    expect(await store.settle(T, [completion(after!.fence)])).toEqual([{ is: 'accepted', state: 'COMPLETED' }]);
    await until(() => hints.slice(told).find((hint) => hint.is === 'ends'));
    await until(() => hints.find((hint) => hint.is === 'reconnected'));
    expect(store.told).toContainEqual(
      expect.stringContaining(`The sentinels have moved main to 127.0.0.1:${replica.port}`),
    );
    await master.restart();
    // Sentinels would see to that in some seconds.
    await master.admin.replicaof('127.0.0.1', replica.port);
    await sentinels.untilReplicas(1);
  });

  it('what was acknowledged during a failover is at the new master, where replicas were waited for', async () => {
    // The old one lives on, and takes writes for a moment that nobody will ever see.
    const store = await open(sentinels.url, 1);
    const [announced, old] = [sentinels.nextSwitch(), await sentinels.master()];
    await sentinels.failover();
    const { port } = await announced;
    const task = submission();
    const acknowledged = patiently(() => store.submit(T, 0, [task], NO_LIMITS));
    await old.admin.replicaof('127.0.0.1', port);
    await acknowledged;
    const server = sentinels.servers.find((one) => one.port === port)!;
    expect(await server.admin.exists(`{s0}:default:t:${task.spec.id}`)).toBe(1);
  });

  it('nor is a confirmation one while they replace a master that lives: other replicas go on confirming to it', async () => {
    const three = await startSentinels({ replicas: 2 });
    leftovers.push(() => three.stop());
    const store = await open(three.url, 1);
    const acknowledged: string[] = [];
    const announced = three.nextSwitch();
    // As long as the failover takes, and on until the new master has taken some.
    const load = (async () => {
      for (let after = 0; after < 20; after += three.switches.length > 0 ? 1 : 0) {
        const task = submission();
        await store.submit(T, 0, [task], NO_LIMITS).then(
          () => acknowledged.push(task.spec.id),
          (error: unknown) => {
            if (!(error instanceof StoreUnavailable)) throw error;
          },
        );
      }
    })();
    await until(() => (acknowledged.length > 0 ? true : undefined));
    await three.failover();
    await announced;
    await load;
    const states = await patiently(() => store.states(T, acknowledged));
    expect(states.filter((state) => state !== 'QUEUED')).toEqual([]);
  });

  it('after one that they give up nobody’s lease is swept for one lease time: owners could not renew meanwhile', async () => {
    const own = await startSentinels({ failoverTimeoutMs: 2_000 });
    leftovers.push(() => own.stop());
    const leaseMs = 1_000;
    const store = await open(own.url, 1, leaseMs);
    const { hints } = await listen(store);
    await sweptUntil(store, T, ({ skipped }) => skipped === '');
    const task = submission();
    await patiently(() => store.submit(T, 0, [task], NO_LIMITS));
    // Its lease is over when the failover is.
    const [held] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    const before = own.switches.length;
    // It is chosen, for it answered a moment ago, and cannot become the master.
    (await replicaOf(own)).signal('SIGSTOP');
    await own.failover();
    await until(async () => (/replacing the master/.test(await store.refusal()) ? true : undefined));
    const told = hints.length;
    const swept = await patiently(() => store.sweep(T));
    expect(own.switches.slice(before)).toEqual([]);
    expect(swept).toMatchObject({ abandoned: 0, skipped: expect.stringContaining('first lease time') as string });
    expect(await store.renew(T, [{ fence: held!.fence, worker: 'w', startedAt: 1 }])).toEqual([true]);
    expect(hints.slice(told)).toContainEqual({ is: 'reconnected' });
    // For one lease time, and no longer.
    await sweptUntil(store, T, ({ abandoned }) => abandoned === 1);
  });

  it('one whose sentinels fall silent is taken for over in the end: the master is asked again', async () => {
    const own = await startSentinels();
    leftovers.push(() => own.stop());
    let later = 0;
    const store = await open(own.url, 1, LEASE_MS, { ...systemClock, mono: () => systemClock.mono() + later });
    const replica = await replicaOf(own);
    replica.signal('SIGSTOP');
    await own.failover();
    await until(async () => (/replacing the master/.test(await store.refusal()) ? true : undefined));
    own.signal('SIGSTOP');
    expect(await store.refusal()).toMatch(/replacing the master/);
    later = 20_000;
    await until(async () => ((await store.refusal()) === '' ? true : undefined));
    replica.signal('SIGCONT');
    own.signal('SIGCONT');
  });

  it('says that it could not follow while no sentinel answers, and starts without one', async () => {
    const store = await open(sentinels.url);
    expect((await store.health()).troubles).toEqual([]);
    sentinels.signal('SIGSTOP');
    const late = await open(sentinels.url);
    expect(await late.health()).toMatchObject({ ok: false, detail: expect.stringContaining('sentinels') as string });
    await until(async () => ((await store.health()).troubles.length > 0 ? true : undefined));
    expect((await store.health()).troubles).toEqual([
      expect.stringMatching(/^asking the sentinels .* has not come round/),
    ]);
    // What is there goes on.
    await store.submit(T, 0, [submission()], NO_LIMITS);
    sentinels.signal('SIGCONT');
    await until(async () => ((await late.health()).ok ? true : undefined));
    await until(async () => ((await store.health()).troubles.length === 0 ? true : undefined));
  });
});
