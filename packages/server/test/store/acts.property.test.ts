// Any sequence of acts: both stores keep to the table of moves, and both give the same answers.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Fence } from '../../src/lifecycle/fence.ts';
import { newId } from '../../src/lifecycle/ids.ts';
import { isLegal } from '../../src/lifecycle/moves.ts';
import type { Act } from '../../src/lifecycle/moves.ts';
import { openEmbeddedStore, openRedisStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/store.ts';
import { startRedis } from './redis-server.ts';
import { completion, loss, retry, submission, endsIn } from './submission.ts';

/** One step. Numbers pick a task, or one of the fences given out (current or void), the newest being 0. */
type Step =
  | {
      act: 'submit';
      priority: number;
      once: boolean;
      attempts: number;
      when: 'now' | 'later' | 'in time' | 'too late';
      key: number | null;
      again: boolean;
      /** So many tasks in one call. */
      many: number;
    }
  | { act: 'claim'; claimer: string; lanes: [number, number]; max: number }
  | { act: 'renew' | 'release' | 'end' | 'fail' | 'loss'; fence: number }
  | { act: 'retry'; fence: number; later: boolean }
  | { act: 'cancel'; task: number }
  | { act: 'abandon'; claimer: string }
  | { act: 'pin'; task: number; pinned: boolean }
  | { act: 'sweep' };

const claimer = fc.constantFrom('a', 'b');
const pick = fc.nat(7);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      act: fc.constant('submit' as const),
      priority: fc.constantFrom(0, 0, 0, 0, -100, 7, 100),
      once: fc.constantFrom(false, false, true),
      attempts: fc.integer({ min: 1, max: 3 }),
      when: fc.constantFrom<'now' | 'later' | 'in time' | 'too late'>('now', 'now', 'later', 'in time', 'too late'),
      key: fc.constantFrom(null, null, null, null, null, 0, 1, 2),
      again: fc.constantFrom(false, false, false, true),
      many: fc.constantFrom(1, 1, 4),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('claim' as const),
      claimer,
      lanes: fc.tuple(fc.constantFrom(4, 1, 0), fc.constantFrom(4, 1, 0)),
      max: fc.constantFrom(1, 1, 1, 2, 5),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constantFrom('renew' as const, 'release' as const, 'end' as const, 'fail' as const, 'loss' as const),
      fence: pick,
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('retry' as const), fence: pick, later: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('cancel' as const), task: pick }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('abandon' as const), claimer }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('pin' as const), task: pick, pinned: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ act: 'sweep' as const }) },
);

/** Which moves of the table a step may make. */
const MOVES_OF: Record<Step['act'], readonly Act[]> = {
  submit: [],
  claim: ['claim', 'expire'],
  renew: ['renew'],
  release: ['release'],
  end: ['settle'],
  fail: ['settle'],
  loss: ['settle'],
  retry: ['settle'],
  cancel: ['cancel'],
  abandon: ['expire'],
  pin: [],
  sweep: ['promote', 'expire'],
};

const LANES = [submission().lane, submission({ at_most_once: true }).lane] as const;
const HOUR = 3_600_000;

/** The life of one tenant in one store. Ids differ between stores, so answers speak of tasks and fences by number. */
class Life {
  readonly #store: Store;
  readonly #tenant: string;
  readonly #ids: string[] = [];
  readonly #submitted: Parameters<Store['submit']>[2][number][][] = [];
  readonly #fences: Fence[] = [];

  constructor(store: Store, tenant: string) {
    this.#store = store;
    this.#tenant = tenant;
  }

  #named(answer: unknown): unknown {
    const text = JSON.stringify(answer, (key, value: unknown) =>
      key === 'submittedAt' || key === 'token' ? undefined : value,
    );
    return JSON.parse(this.#ids.reduce((named, id, n) => named.replaceAll(id, `task ${n}`), text)) as unknown;
  }

  async take(step: Step): Promise<unknown> {
    const [store, t] = [this.#store, this.#tenant];
    const fence = 'fence' in step ? this.#fences.at(-1 - (step.fence % Math.max(1, this.#fences.length))) : undefined;
    const id = 'task' in step ? this.#ids.at(-1 - (step.task % Math.max(1, this.#ids.length))) : undefined;
    switch (step.act) {
      case 'submit':
        return this.#submit(step);
      case 'claim': {
        const lanes = step.lanes.map((max, i) => ({ lane: LANES[i]!, max }));
        const claimed = (await store.claim(t, step.claimer, lanes, step.max)).tasks;
        this.#fences.push(...claimed.map((task) => task.fence));
        return this.#named(
          claimed.map(({ fence: { id: of, attempt }, losses, retries, lane, startWithinMs }) => ({
            of,
            attempt,
            losses,
            retries,
            lane,
            mayExpire: startWithinMs !== undefined,
          })),
        );
      }
      case 'abandon':
        return store.abandon(t, step.claimer);
      case 'sweep':
        // Only what a sweep does of itself, not when leases are looked at or anything is due: clocks differ.
        return this.#named({ ...(await store.sweep(t)), skipped: '', nextMs: 0 });
      case 'cancel':
        return id === undefined ? null : store.cancel(t, [id]);
      case 'pin':
        return id === undefined ? null : store.pin(t, id, step.pinned);
      case 'renew':
        return fence === undefined ? null : store.renew(t, [{ fence, worker: 'w', startedAt: 5 }]);
      case 'release':
        return fence === undefined ? null : store.release(t, [{ fence, reason: 'drain', worker: 'w', message: 'm' }]);
      case 'end':
        return fence === undefined ? null : store.settle(t, [completion(fence)]);
      case 'fail': {
        const error = { type: 'E', message: 'm', traceback: '' };
        const end = {
          is: 'end',
          state: 'FAILED',
          kind: 'raised',
          error,
          worker: 'w',
          startedAt: 5,
          logs: null,
        } as const;
        return fence === undefined ? null : store.settle(t, [{ ...end, fence }]);
      }
      case 'loss':
        return fence === undefined ? null : store.settle(t, [loss(fence)]);
      case 'retry':
        return fence === undefined ? null : store.settle(t, [retry(fence, step.later ? HOUR : 0)]);
    }
  }

  async #submit(step: Step & { act: 'submit' }): Promise<unknown> {
    const last = this.#submitted.at(-1);
    if (step.again && last !== undefined)
      return this.#named(await this.#store.submit(this.#tenant, 0, last, { maxTasks: 20, maxBytes: 1e9 }));
    const now = await this.#store.now();
    const tasks = Array.from({ length: step.many }, (_, n) => this.#task(step, now, n));
    this.#submitted.push(tasks);
    return this.#named(await this.#store.submit(this.#tenant, 0, tasks, { maxTasks: 20, maxBytes: 1e9 }));
  }

  #task(step: Step & { act: 'submit' }, now: number, n: number): Parameters<Store['submit']>[2][number] {
    const task = submission({
      // The order of ids is the order of submission, also within one millisecond.
      id: newId(now - HOUR + this.#ids.length, 0),
      // A batch of four has two of one priority, one of another, and one more of the first.
      priority: n === 2 ? -step.priority : step.priority,
      at_most_once: step.once,
      max_attempts: step.attempts,
      not_before: step.when === 'later' ? now + HOUR : 0,
      expires_at: step.when === 'too late' ? 1 : step.when === 'in time' ? now + 2 * HOUR : 0,
    });
    this.#ids.push(task.spec.id);
    return step.key === null || n > 0
      ? task
      : { ...task, key: { name: `k${step.key}`, content: String(step.key % 2) } };
  }

  /** All that can be read, without times. */
  async look(): Promise<{ states: (string | undefined)[]; seen: unknown }> {
    const [store, t] = [this.#store, this.#tenant];
    const records = await store.tasks(t, this.#ids);
    const told = records.map((record) => {
      if (record === undefined) return null;
      const { spec: _spec, submittedAt: _s, claimedAt, endedAt, dueAt, history, ...rest } = record;
      const notes = history.map(({ at: _at, ...note }) => note);
      return { ...rest, claimed: claimedAt > 0, ended: endedAt > 0, due: dueAt > 0, notes };
    });
    const ends = (await endsIn(store, t, this.#ids)).map((end) => end && { ...end, endedAt: 0 });
    const { lanes, ...counters } = await store.stats(t);
    const depths = lanes.map(({ lane, waiting }) => [lane, waiting]).sort();
    const { ids } = await store.list(t, {}, 100, '');
    const seen = this.#named({ told, ends, counters, depths, ids });
    return { states: records.map((record) => record?.state), seen };
  }
}

describe('2, S1–S7: any sequence of acts', () => {
  const closers: (() => Promise<void>)[] = [];
  let stores: Store[] = [];
  let lives = 0;

  beforeAll(async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
    const redis = await startRedis();
    const onError = (message: string): never => {
      throw new Error(message);
    };
    const common = { clock: systemClock, leaseMs: HOUR };
    stores = [
      await openEmbeddedStore({ dataDir, sync: 'normal', ...common }),
      await openRedisStore({ url: redis.url, onError, ...common }),
    ];
    closers.push(
      () => rm(dataDir, { recursive: true, force: true }),
      () => redis.remove(),
    );
  });
  afterAll(async () => {
    for (const store of stores) await store.close();
    for (const close of closers) await close();
  });

  it('moves tasks as the table says, and the same in both stores', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), async (steps) => {
        lives += 1;
        const [embedded, redis] = stores.map((store) => new Life(store, `life-${lives}`)) as [Life, Life];
        let before: (string | undefined)[] = [];
        for (const taken of steps) {
          const [answer, other] = await Promise.all([embedded.take(taken), redis.take(taken)]);
          expect(other).toEqual(answer);
          const [now, there] = await Promise.all([embedded.look(), redis.look()]);
          expect(there.seen).toEqual(now.seen);
          for (const [n, to] of now.states.entries()) {
            const from = before[n];
            if (from === undefined || from === to) continue;
            const legal = MOVES_OF[taken.act].some((act) => isLegal(from as never, act, to as never));
            expect(legal, `${taken.act} took a task from ${from} to ${to}`).toBe(true);
          }
          before = now.states;
        }
      }),
      { numRuns: 150 },
    );
  });
});
