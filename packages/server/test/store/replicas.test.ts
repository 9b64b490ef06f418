// What waits for replicas, and what does not: with a real replica that stands still.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Redis } from 'ioredis';
import { freePort } from '../../../../test/harness/redis.ts';
import { systemClock } from '../../src/clock.ts';
import { openRedisStore, StoreUnavailable, type Store } from '../../src/store/index.ts';
import { startRedis, type RedisServer } from './redis-server.ts';
import { LANE, NO_LIMITS, completion, newFunction, submission } from './submission.ts';
import { listen, until } from './waiting.ts';

const CLAIM = [{ lane: LANE, max: 100 }];
const ONCE = submission({ at_most_once: true }).lane;

let master: RedisServer;
let replica: RedisServer;
let follower: Redis;
let store: Store;
let tenants = 0;
const tenant = (): string => `t${(tenants += 1)}`;

beforeAll(async () => {
  const port = await freePort();
  master = await startRedis('--port', String(port), '--repl-diskless-sync-delay', '0');
  replica = await startRedis('--replicaof', `127.0.0.1 ${port}`);
  follower = new Redis(replica.url);
  await until(async () => ((await follower.info('replication')).includes('link_status:up') ? true : undefined));
  store = await openRedisStore({ url: master.url, waitReplicas: 1, clock: systemClock, onError: () => undefined });
});
afterAll(async () => {
  await store.close();
  follower.disconnect();
  replica.process.kill('SIGCONT');
  await replica.remove();
  await master.remove();
});

/** While it is done, the replica confirms nothing. */
async function withoutReplica<T>(act: () => Promise<T>): Promise<T> {
  replica.process.kill('SIGSTOP');
  try {
    return await act();
  } finally {
    replica.process.kill('SIGCONT');
  }
}

/**
 * What a caller does who is told that too few have confirmed in time: the same again. A replica that has just been let go on, or
 * whose turn on a busy machine is late, may take longer than the second that it is given.
 */
async function confirmed<T>(act: () => Promise<T>): Promise<T> {
  return until(() =>
    act().catch((fault: unknown) => {
      if (fault instanceof StoreUnavailable) return undefined;
      throw fault;
    }),
  );
}

/** A task's record as the replica has it: its state in the first byte, in the second whether it is pinned. */
function onReplica(tenant: string, id: string): Promise<Buffer | null> {
  return follower.getBuffer(`{s0}:${tenant}:t:${id}`);
}

const UNCONFIRMED =
  /^Only 0 of 1 replicas confirmed the write: it may have been accepted, repeat it with the same key\.$/;

describe('with --wait-replicas', () => {
  it('a submission is acknowledged when they have it; else its repeat is the same task', async () => {
    const T = tenant();
    const task = submission();
    const refused = withoutReplica(() => store.submit(T, 0, [task], NO_LIMITS));
    await expect(refused).rejects.toThrow(UNCONFIRMED);
    const [answer] = await confirmed(() => store.submit(T, 0, [task], NO_LIMITS));
    expect(answer).toMatchObject({ is: 'accepted', id: task.spec.id });
    expect(await follower.exists(`{s0}:${T}:t:${task.spec.id}`)).toBe(1);
    expect((await store.stats(T)).submitted).toBe(1);
  });

  it('a submission to a server that has forgotten the functions waits for them as well', async () => {
    const admin = new Redis(master.url);
    const refused = withoutReplica(async () => {
      await admin.function('FLUSH');
      return store.submit(tenant(), 0, [submission()], NO_LIMITS);
    });
    await expect(refused).rejects.toThrow(UNCONFIRMED);
    admin.disconnect();
  });

  it('a repeat that changes nothing waits for them as well, on whatever connection', async () => {
    const T = tenant();
    const task = submission();
    await withoutReplica(async () => {
      await expect(store.submit(T, 0, [task], NO_LIMITS)).rejects.toThrow(UNCONFIRMED);
      const other = await openRedisStore({
        ...{ url: master.url, waitReplicas: 1, clock: systemClock, onError: () => undefined },
      });
      await expect(other.submit(T, 0, [task], NO_LIMITS)).rejects.toThrow(UNCONFIRMED);
      await other.close();
    });
  });

  it('an end is announced when they have it, also where its repeat is a duplicate', async () => {
    const T = tenant();
    await confirmed(() => store.submit(T, 0, [submission()], NO_LIMITS));
    const [task] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    const { hints, stop } = await listen(store);
    await withoutReplica(async () => {
      await expect(store.settle(T, [completion(task!.fence)])).rejects.toBeInstanceOf(StoreUnavailable);
      // Ends of acts that nobody waits for are announced no sooner.
      const [late] = [submission({ expires_at: Date.now() - 1 })];
      await expect(store.submit(T, 0, [late], NO_LIMITS)).rejects.toThrow(UNCONFIRMED);
      expect((await store.sweep(T)).expired).toBe(1);
      expect(hints.filter((hint) => hint.is === 'ends')).toEqual([]);
    });
    const repeated = await confirmed(() => store.settle(T, [completion(task!.fence)]));
    expect(repeated).toEqual([{ is: 'duplicate', state: 'COMPLETED' }]);
    await until(() => {
      const told = hints.flatMap((hint) => (hint.is === 'ends' ? hint.ends : []));
      return told.some(({ id }) => id === task!.fence.id) && told.some(({ kind }) => kind === 'expired')
        ? true
        : undefined;
    });
    await stop();
  });

  it('an at-most-once task is handed out when they know of its claim; else it is back, uncharged', async () => {
    const T = tenant();
    const task = { ...submission({ at_most_once: true }), lane: ONCE };
    const other = submission();
    await confirmed(() => store.submit(T, 0, [task, other], NO_LIMITS));
    const lanes = [...CLAIM, { lane: ONCE, max: 1 }];
    const claimed = await withoutReplica(() => store.claim(T, 'me', lanes, 10));
    expect(claimed.tasks.map(({ lane }) => lane)).toEqual([LANE]);
    await expect(withoutReplica(() => store.claim(T, 'me', lanes, 10))).rejects.toThrow(UNCONFIRMED);
    expect((await store.tasks(T, [task.spec.id]))[0]).toMatchObject({ state: 'QUEUED', losses: 0, abandonments: 0 });
    const [again] = (await confirmed(() => store.claim(T, 'me', lanes, 10))).tasks;
    expect(again).toMatchObject({ fence: { id: task.spec.id }, lane: ONCE });
    expect((await onReplica(T, task.spec.id))?.[0]).toBe(3);
  });

  it('a registration is acknowledged when they have it; else its repeat is the same version', async () => {
    const T = tenant();
    const fn = newFunction({ name: `registered-${T}` });
    await expect(withoutReplica(() => store.register(T, fn))).rejects.toThrow(UNCONFIRMED);
    await expect(withoutReplica(() => store.register(T, fn))).rejects.toThrow(UNCONFIRMED);
    const again = await confirmed(() => store.register(T, fn));
    expect(again).toMatchObject({ created: false, fn: { version: 1 } });
    expect(await follower.exists(`{s0}:${T}:f:${again.fn.id}`)).toBe(1);
  });

  it('a cancel is answered when they have it; else its repeat tells how the task ended', async () => {
    const T = tenant();
    const task = submission();
    await confirmed(() => store.submit(T, 0, [task], NO_LIMITS));
    const { hints, stop } = await listen(store);
    await withoutReplica(async () => {
      await expect(store.cancel(T, [task.spec.id])).rejects.toThrow(UNCONFIRMED);
      await expect(store.cancel(T, [task.spec.id])).rejects.toThrow(UNCONFIRMED);
      expect(hints.filter((hint) => hint.is === 'ends')).toEqual([]);
    });
    expect(await confirmed(() => store.cancel(T, [task.spec.id]))).toEqual([{ is: 'ended', state: 'CANCELED' }]);
    expect((await onReplica(T, task.spec.id))?.[0]).toBe(6);
    await until(() => hints.find((hint) => hint.is === 'ends'));
    await stop();
  });

  it('a pin is answered when they have it, and so is the end of one', async () => {
    const T = tenant();
    const task = submission();
    await confirmed(() => store.submit(T, 0, [task], NO_LIMITS));
    for (const pinned of [true, false]) {
      await expect(withoutReplica(() => store.pin(T, task.spec.id, pinned))).rejects.toThrow(UNCONFIRMED);
      expect(await confirmed(() => store.pin(T, task.spec.id, pinned))).toBe(true);
      expect((await onReplica(T, task.spec.id))?.[1]).toBe(pinned ? 1 : 0);
    }
  });

  it('what does not wait is not held up by what does, and what waits waits together', async () => {
    const T = tenant();
    const both = [submission(), submission()];
    await confirmed(() => store.submit(T, 0, both, NO_LIMITS));
    const [task] = (await store.claim(T, 'me', CLAIM, 1)).tasks;
    await withoutReplica(async () => {
      const from = performance.now();
      let answered = 0;
      const waiting = Array.from({ length: 50 }, () =>
        store.submit(T, 0, [submission()], NO_LIMITS).finally(() => (answered += 1)),
      );
      const all = Promise.allSettled(waiting);
      await Promise.all([
        store.renew(T, [{ fence: task!.fence, worker: 'w', startedAt: 1 }]),
        store.claim(T, 'me', CLAIM, 1),
        store.states(T, [task!.fence.id]),
      ]);
      expect(answered).toBe(0);
      expect((await all).every(({ status }) => status === 'rejected')).toBe(true);
      // One after the other they would take 50 s.
      expect(performance.now() - from).toBeLessThan(20_000);
    });
  });
});
