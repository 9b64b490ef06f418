// The Redis store on a Cluster of three nodes: the whole suite, and what is its own: a shard on its way to another node.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type RedisCluster } from '../../../../test/harness/cluster.ts';
import { systemClock } from '../../src/clock.ts';
import { openRedisStore, StoreUnavailable, type Hint, type RedisOptions, type Store } from '../../src/store/index.ts';
import { slotOfTag } from '../../src/store/redis/cluster-view.ts';
import { describeStore } from './conformance.ts';
import { LANE, NO_LIMITS, completion, submission } from './submission.ts';
import { listen, sweptUntil, until } from './waiting.ts';
import { newId } from '../../src/lifecycle/ids.ts';

const SHARDS = 4;

describeStore('the Redis store, on a Cluster', async ({ leaseMs }) => {
  const cluster = await startCluster();
  const onError = (message: string): never => {
    throw new Error(message);
  };
  const store = await openRedisStore({ url: cluster.url, shards: SHARDS, clock: systemClock, leaseMs, onError });
  return {
    store,
    remove: async () => {
      await store.close();
      await cluster.stop();
    },
  };
});

describe('a shard on its way to another node', () => {
  let cluster: RedisCluster;
  const leftovers: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(async () => {
    for (const remove of leftovers.splice(0)) await remove();
    await cluster.stop();
  });

  const T = 'default';
  const CLAIM = [{ lane: LANE, max: 1000 }];
  const slotOf = (shard: number): number => slotOfTag(`{s${shard}}`);
  const in_ = (shard: number) => submission({ id: newId(Date.now(), shard) });
  async function open(options: Partial<RedisOptions> = {}): Promise<Store & { told: string[] }> {
    const told: string[] = [];
    const onError = (message: string): number => told.push(message);
    const store = await openRedisStore({ url: cluster.url, shards: SHARDS, clock: systemClock, onError, ...options });
    leftovers.push(() => store.close());
    return Object.assign(store, { told });
  }
  async function elsewhere(shard: number) {
    const owner = await cluster.ownerOf(slotOf(shard));
    return cluster.nodes.find((node) => node !== owner)!;
  }

  it('stands still as a whole, the others go on, and it goes on by itself where it arrives', async () => {
    const store = await open({ leaseMs: 2000 });
    await sweptUntil(store, T, ({ skipped }) => skipped === '');
    const { hints } = await listen(store);
    const tasks = Array.from({ length: 100 }, () => in_(0));
    await store.submit(T, 0, tasks, NO_LIMITS);
    const [held] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    const other = in_(1);
    let sweeping: Promise<unknown> | undefined;
    await cluster.moveSlot(slotOf(0), await elsewhere(0), async () => {
      // Half of its keys are over: nothing is done to either half.
      const refused = Promise.all([
        expect(store.submit(T, 0, [in_(0)], NO_LIMITS)).rejects.toThrow(/is moving this shard/),
        expect(store.settle(T, [completion(held!.fence)])).rejects.toBeInstanceOf(StoreUnavailable),
      ]);
      await store.submit(T, 1, [other], NO_LIMITS);
      const claimed = await store.claim(T, 'me', CLAIM, 1000);
      expect(claimed.tasks.map(({ fence }) => fence.id)).toEqual([other.spec.id]);
      await store.submit(T, 1, [in_(1)], NO_LIMITS);
      expect((await store.lanes(T)).map(({ waiting }) => waiting)).toEqual([1]);
      await store.claim(T, 'me', CLAIM, 1000);
      await refused;
      // Asked for while nothing can be written, and done where the shard arrives: the owners could not renew meanwhile.
      sweeping = store.sweep(T);
    });
    await sweeping;
    const before = hints.length;
    expect(await store.settle(T, [completion(held!.fence)])).toEqual([{ is: 'accepted', state: 'COMPLETED' }]);
    await until(() => hints.slice(before).find((hint) => hint.is === 'ends'));
    // The owners renew first.
    expect((await store.sweep(T)).skipped).toMatch(/first lease time/);
    const rest = await store.claim(T, 'me', CLAIM, 1000);
    // The others' leases have run out meanwhile, for nobody renewed them.
    const here = rest.tasks.map(({ fence }) => fence.id).filter((id) => tasks.some(({ spec }) => spec.id === id));
    expect(here.sort()).toEqual(
      tasks
        .map(({ spec }) => spec.id)
        .filter((id) => id !== held!.fence.id)
        .sort(),
    );
    expect((await store.stats(T)).states).toMatchObject({ QUEUED: 0, RUNNING: 101 });
    // What was refused midway has left nothing behind.
    expect((await store.stats(T)).submitted).toBe(102);
  });

  it('under load: every acknowledged task ends once, whoever listens hears of it', async () => {
    const tenant = 'load';
    const [service, dispatcher] = [await open(), await open()];
    const { hints } = await listen(service);
    const acknowledged: string[] = [];
    const accepted: string[] = [];
    const state = { isOver: false, isSubmitted: false };
    const trying = async <R>(act: () => Promise<R>): Promise<R> => {
      for (;;) {
        try {
          return await act();
        } catch (error) {
          if (!(error instanceof StoreUnavailable)) throw error;
        }
      }
    };
    const submitting = (async () => {
      for (let n = 0; !state.isOver; n += 1) {
        const shard = n % SHARDS;
        const batch = Array.from({ length: 5 }, () => in_(shard));
        const answers = await trying(() => service.submit(tenant, shard, batch, NO_LIMITS));
        acknowledged.push(...answers.flatMap((answer) => (answer.is === 'accepted' ? [answer.id] : [])));
      }
      state.isSubmitted = true;
    })();
    const working = (async () => {
      while (!state.isSubmitted || accepted.length < acknowledged.length) {
        const { tasks } = await trying(() => dispatcher.claim(tenant, 'd', CLAIM, 20));
        const answers = await trying(() =>
          dispatcher.settle(
            tenant,
            tasks.map(({ fence }) => completion(fence)),
          ),
        );
        accepted.push(...tasks.flatMap(({ fence }, i) => (answers[i]!.is === 'stale' ? [] : [fence.id])));
        await trying(() => dispatcher.sweep(tenant));
      }
    })();
    for (const shard of [0, 1, 0, 2]) {
      const before = accepted.length;
      await cluster.moveSlot(slotOf(shard), await elsewhere(shard));
      // It goes on, on every shard.
      await until(() => (accepted.length > before + 50 ? true : undefined));
    }
    state.isOver = true;
    await Promise.all([submitting, working]);
    expect(new Set(accepted)).toEqual(new Set(acknowledged));
    expect(accepted.length).toBe(acknowledged.length);
    const { ended, submitted } = await service.stats(tenant);
    expect([ended['COMPLETED'], submitted]).toEqual([acknowledged.length, acknowledged.length]);
    for (const shard of [0, 1, 2]) {
      const task = in_(shard);
      const before = hints.length;
      await service.submit(tenant, shard, [task], NO_LIMITS);
      await service.cancel(tenant, [task.spec.id]);
      // Of its end, or that the channel has moved meanwhile and all is to be read again.
      const hears = (hint: Hint): boolean =>
        hint.is === 'reconnected' || (hint.is === 'ends' && hint.ends.some(({ id }) => id === task.spec.id));
      await until(() => hints.slice(before).find(hears));
    }
  });

  it('away and back before anybody looked: whoever listened there hears of it again', async () => {
    const [listener, other] = [await open({ topics: ['ends'] }), await open()];
    const { hints } = await listen(listener);
    const home = await cluster.ownerOf(slotOf(3));
    await cluster.moveSlot(slotOf(3), await elsewhere(3));
    await cluster.moveSlot(slotOf(3), home);
    await until(async () => {
      const task = in_(3);
      await other.submit(T, 3, [task], NO_LIMITS);
      await other.cancel(T, [task.spec.id]);
      return hints.find(({ is }) => is === 'ends');
    });
  });

  it('is not looked for in silence: where no look succeeds that is said, until one does', async () => {
    const acl = (rule: string) =>
      Promise.all(cluster.nodes.map(({ admin }) => admin.acl('SETUSER', 'looker', 'on', '>secret', '~*', '&*', rule)));
    let later = 0;
    const clock = { ...systemClock, mono: () => systemClock.mono() + later };
    await acl('+@all');
    const store = await open({ url: cluster.url.replace('//', '//looker:secret@'), clock });
    const told = async () => {
      const { ok, troubles } = await store.health();
      // What is there goes on.
      expect(ok).toBe(true);
      return troubles.filter((sentence) => sentence.includes('Cluster'));
    };
    await acl('-cluster');
    // Nothing has moved: nobody looks.
    later += 60_000;
    expect(await told()).toEqual([]);
    await cluster.moveSlot(slotOf(2), await elsewhere(2));
    // The node that had it says where it went.
    await store.submit(T, 2, [in_(2)], NO_LIMITS);
    expect(await told()).toEqual([]);
    later += 6_000;
    expect(await told()).toEqual([
      expect.stringMatching(/^looking where the shards of the Cluster are has not come round for \d+ s$/),
    ]);
    await acl('+@all');
    await until(async () => ((await told()).length === 0 ? true : undefined));
    later += 60_000;
    expect(await told()).toEqual([]);
  });

  it('is found where it was before anybody knew', async () => {
    const store = await open();
    await cluster.moveSlot(slotOf(3), await elsewhere(3));
    const task = in_(3);
    await store.submit(T, 3, [task], NO_LIMITS);
    expect(await store.states(T, [task.spec.id])).toEqual(['QUEUED']);
  });
});

describe('an address', () => {
  it('of a Cluster is not that of one Redis, and the other way round', async () => {
    const cluster = await startCluster();
    try {
      const told = { clock: systemClock, onError: () => undefined };
      const [node] = cluster.nodes;
      await expect(openRedisStore({ url: `redis://127.0.0.1:${node!.port}`, ...told })).rejects.toThrow(
        'This Redis is a node of a Cluster: name it as redis+cluster://',
      );
    } finally {
      await cluster.stop();
    }
  });
});
