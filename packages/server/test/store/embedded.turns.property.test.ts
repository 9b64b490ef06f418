// Any acts of one turn: they are answered, and leave the store, as if each had had a turn of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Fence } from '../../src/lifecycle/fence.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import type { ClaimedTask, Store, Submission } from '../../src/store/store.ts';
import { NO_LIMITS, completion, loss, retry, submission } from './submission.ts';

const TENANTS = ['one', 'two'];
const LANES = [submission().lane, submission({ at_most_once: true }).lane];
const START = Date.now();

/** Numbers pick what came lately, the newest being 0. */
type Step =
  | { act: 'submit'; tenant: number; tasks: NewTask[]; again: number | null; bad: boolean }
  | { act: 'claim'; tenant: number; max: number; lanes: number }
  | { act: 'end' | 'loss' | 'retry' | 'release' | 'renew'; fence: number; bytes: number }
  | { act: 'cancel' | 'pin'; task: number }
  | { act: 'sweep'; tenant: number };

interface NewTask {
  bytes: number;
  once: boolean;
  priority: number;
  delayed: boolean;
  expires: boolean;
  key: number | null;
}

const tenant = fc.nat(1);
const bytes = fc.constantFrom(0, 9, 300, 700, 70_000);
const newTask: fc.Arbitrary<NewTask> = fc.record({
  bytes,
  once: fc.boolean(),
  priority: fc.constantFrom(0, 0, 0, 5, -5),
  delayed: fc.constantFrom(false, false, false, true),
  expires: fc.constantFrom(false, false, false, true),
  key: fc.constantFrom(null, null, null, 0, 1),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('submit' as const),
      tenant,
      tasks: fc.array(newTask, { minLength: 1, maxLength: 4 }),
      again: fc.constantFrom(null, null, null, 0, 1, 5),
      bad: fc.constantFrom(false, false, false, false, true),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('claim' as const),
      tenant,
      max: fc.constantFrom(1, 3, 9),
      lanes: fc.nat(2),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constantFrom('end' as const, 'end', 'loss', 'retry', 'release', 'renew'),
      fence: fc.nat(6),
      bytes,
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constantFrom('cancel' as const, 'pin'), task: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('sweep' as const), tenant }) },
);

/** What was given to both stores alike, and the fences that each gave for it. */
class History {
  readonly tasks: { tenant: string; task: Submission }[] = [];
  readonly fences: { tenant: string; of: [Fence, Fence] }[] = [];

  /** What a step does to the store of that number. Undefined where there is nothing yet to do it to. */
  call(one: Step): ((store: Store, number: 0 | 1) => Promise<unknown>) | undefined {
    switch (one.act) {
      case 'submit':
        return this.#submit(one);
      case 'claim': {
        const lanes = LANES.filter((_, n) => one.lanes === 2 || one.lanes === n).map((lane) => ({
          lane,
          max: one.max,
        }));
        return (store) => store.claim(TENANTS[one.tenant]!, 'me', lanes, one.max);
      }
      case 'sweep':
        return (store) => store.sweep(TENANTS[one.tenant]!);
      case 'cancel':
      case 'pin': {
        const known = this.tasks.at(-1 - one.task);
        if (known === undefined) return undefined;
        const { id } = known.task.spec;
        return (store) => (one.act === 'pin' ? store.pin(known.tenant, id, true) : store.cancel(known.tenant, [id]));
      }
      default: {
        const held = this.fences.at(-1 - one.fence);
        if (held === undefined) return undefined;
        return (store, number) => onFence(store, held.tenant, held.of[number], one);
      }
    }
  }

  #submit(one: Step & { act: 'submit' }): (store: Store) => Promise<unknown> {
    const name = TENANTS[one.tenant]!;
    const tasks = one.tasks.map(taskOf);
    for (const task of one.bad ? [] : tasks) this.tasks.push({ tenant: name, task });
    const known = one.again === null ? undefined : this.tasks.at(-1 - one.again);
    if (known?.tenant === name) tasks.push(known.task);
    // Its score is no whole number: the row is refused.
    if (one.bad) tasks.push(submission({ priority: 0.5 }));
    return (store) => store.submit(name, 0, tasks, NO_LIMITS);
  }
}

function taskOf({ bytes: size, once, priority, delayed, expires, key }: NewTask): Submission {
  const times = { not_before: delayed ? START + 3_600_000 : 0, expires_at: expires ? 1 : 0 };
  const task = submission({ at_most_once: once, priority, ...times }, Buffer.alloc(size, 'a'));
  return key === null ? task : { ...task, key: { name: `key ${key}`, content: 'same' } };
}

function onFence(
  store: Store,
  owner: string,
  fence: Fence,
  { act, bytes: size }: { act: string; bytes: number },
): Promise<unknown> {
  switch (act) {
    case 'end':
      return store.settle(owner, [completion(fence, '1'.repeat(size))]);
    case 'loss':
      return store.settle(owner, [loss(fence)]);
    case 'retry':
      return store.settle(owner, [retry(fence, size > 100 ? 1000 : 0)]);
    case 'release':
      return store.release(owner, [{ fence, reason: 'handed_back', worker: '', message: '' }]);
    default:
      return store.renew(owner, [{ fence, worker: 'w', startedAt: 7 }]);
  }
}

/** Without what is random, and what only says when. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (name, part: unknown) =>
      ['token', 'nextMs', 'packed'].includes(name) ? null : part,
    ),
  );
}

async function answerOf(answer: Promise<unknown>): Promise<unknown> {
  try {
    return plain(await answer);
  } catch {
    return 'rejected';
  }
}

/** All that can be read of both tenants. */
async function stateOf(store: Store, { tasks }: History): Promise<unknown> {
  const all = TENANTS.map(async (name) => {
    const mine = tasks.filter(({ tenant: owner }) => owner === name).map(({ task }) => task.spec.id);
    const ends = await store.progress(name, mine);
    expect(await store.progress(name, mine)).toEqual(ends);
    const { items } = await store.events(name, '0', 1000);
    const stats = await store.stats(name);
    return {
      ends,
      stats: { ...stats, lanes: stats.lanes.toSorted((a, b) => (a.lane < b.lane ? -1 : 1)) },
      records: await store.tasks(name, mine),
      args: (await Promise.all(mine.map((id) => store.args(name, id)))).map((args) => args?.length),
      listed: await store.list(name, {}, 1000, ''),
      events: items.map(({ id, state }) => [id, state]),
    };
  });
  return plain(await Promise.all(all));
}

it(
  'acts of one turn do what they do one by one, and so they are found after a start',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 8 }), async (turns) => {
        const dirs = await Promise.all([0, 1].map(() => mkdtemp(join(tmpdir(), 'mpcsfaas-turns-'))));
        // One time for both, so that what they write down is the same.
        const clock = { ...systemClock, wall: () => START };
        const open = (n: 0 | 1): Promise<Store> => openEmbeddedStore({ dataDir: dirs[n]!, sync: 'normal', clock });
        const stores: [Store, Store] = [await open(0), await open(1)];
        const history = new History();
        try {
          for (const steps of turns) {
            const calls = steps.flatMap((one) => history.call(one) ?? []);
            const together = calls.map((call) => call(stores[0], 0));
            const raw = await Promise.allSettled(together);
            const answers = await Promise.all(together.map(answerOf));
            for (const [n, call] of calls.entries()) {
              const alone = call(stores[1], 1);
              expect(answers[n]).toEqual(await answerOf(alone));
              const [settled] = await Promise.allSettled([alone]);
              const claims = [raw[n], settled].map((one) => (one?.status === 'fulfilled' ? tasksIn(one.value) : []));
              for (const [at, { fence, spec }] of claims[0]!.entries()) {
                const owner = history.tasks.find(({ task }) => task.spec.id === spec.id)!.tenant;
                history.fences.push({ tenant: owner, of: [fence, claims[1]![at]!.fence] });
              }
            }
            expect(await stateOf(stores[0], history)).toEqual(await stateOf(stores[1], history));
          }
          const before = await stateOf(stores[0], history);
          await stores[0].close();
          stores[0] = await open(0);
          expect(await stateOf(stores[0], history)).toEqual(before);
        } finally {
          await Promise.all(stores.map((store) => store.close()));
          await Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true })));
        }
      }),
      { numRuns: 80 },
    );
  },
);

/** Of a claim's answer. */
function tasksIn(answer: unknown): ClaimedTask[] {
  return typeof answer === 'object' && answer !== null && 'tasks' in answer
    ? (answer as { tasks: ClaimedTask[] }).tasks
    : [];
}
