// The claim loop on a real store: which lanes it asks for, and when it asks again.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { ClaimLoop } from '../../src/dispatcher/claim-loop.ts';
import type { Offer } from '../../src/dispatcher/executor.ts';
import {
  openEmbeddedStore,
  StoreUnavailable,
  type Claim,
  type ClaimedTask,
  type Store,
} from '../../src/store/index.ts';
import { LANE, NO_LIMITS, submission } from '../store/submission.ts';
import { until } from '../store/waiting.ts';

const TENANT = 'default';
const OTHER = submission({ labels: ['gpu'] }).lane;
const offer = (credits: number): Offer => ({
  runtimes: [{ runtime: 'python', version: '3.11.2', dill: true, broken: '' }] as unknown as Offer['runtimes'],
  labels: ['gpu'],
  slots: 1,
  free: credits,
  credits,
  held: 0,
});

interface Rig {
  store: Store;
  loop: ClaimLoop;
  /** Ids handed out so far. */
  claimed: string[];
  /** Ids that went back. */
  late: string[];
  /** Names of the lanes of each claim. */
  asked: string[][];
  /** What the loop told of. */
  troubles: string[];
  /** The next claim is done, then this; its answer comes with the one after it (docs/decisions/0044). */
  loseAnswer: (then: () => void) => void;
  /** Claims take so long from now on, ms. */
  take: (ms: number) => void;
  /** Renewals fail from now on. */
  breakRenewals: () => void;
  /** What claims fail with from now on, or undefined: they do not. */
  breakWith: (fault: Error | undefined) => void;
  /** There is room for so many from now on. */
  offerRoom: (credits: number) => void;
  submit: (labels?: string[]) => Promise<string>;
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A loop that has room for `credits` until told otherwise; without hints, which a test gives itself. */
async function rig(atFirst = 9): Promise<Rig> {
  let credits = atFirst;
  const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-claims-'));
  const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock, leaseMs: 4_000 });
  const asked: string[][] = [];
  const claimed: string[] = [];
  const late: string[] = [];
  const troubles: string[] = [];
  let broken: Error | undefined;
  let [takes, ahead, areRenewalsBroken] = [0, 0, false];
  let owed: Claim | (() => void) | undefined;
  const watched: Store = {
    ...store,
    claim: async (tenant, claimer, lanes, max) => {
      asked.push(lanes.map(({ lane }) => lane));
      if (broken !== undefined) throw broken;
      const before = owed;
      owed = undefined;
      if (typeof before === 'object') return before;
      const answer = await store.claim(tenant, claimer, lanes, max);
      ahead += takes;
      if (before === undefined) return answer;
      owed = answer;
      before();
      throw new StoreUnavailable('its answer was lost');
    },
    renew: (tenant, renewals) => {
      if (areRenewalsBroken) return Promise.reject(new StoreUnavailable('it is away'));
      return store.renew(tenant, renewals);
    },
  };
  const loop = new ClaimLoop({
    store: watched,
    tenant: TENANT,
    claimer: 'me',
    clock: { ...systemClock, mono: () => systemClock.mono() + ahead },
    random: () => 0.5,
    offers: () => (credits > 0 ? [offer(credits)] : []),
    mayClaim: () => true,
    isFull: () => false,
    onClaimed: (tasks: readonly ClaimedTask[]) => claimed.push(...tasks.map(({ fence }) => fence.id)),
    onLate: (tasks: readonly ClaimedTask[]) => late.push(...tasks.map(({ fence }) => fence.id)),
    onTrouble: (sentence) => troubles.push(sentence),
  });
  const submit = async (labels: string[] = []): Promise<string> => {
    const task = submission({ labels });
    await store.submit(TENANT, 0, [task], NO_LIMITS);
    return task.spec.id;
  };
  closing.push(async () => {
    await loop.stop();
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const breakWith = (fault: Error | undefined): void => {
    broken = fault;
  };
  const offerRoom = (room: number): void => {
    credits = room;
  };
  const take = (ms: number): void => void (takes = ms);
  const breakRenewals = (): void => void (areRenewalsBroken = true);
  const loseAnswer = (then: () => void): void => void (owed = then);
  return { store, loop, claimed, late, asked, troubles, loseAnswer, take, breakRenewals, breakWith, offerRoom, submit };
}

const has = (claimed: readonly string[], id: string) => (): true | undefined => claimed.includes(id) || undefined;

it('C5: does not ask for a lane that it has emptied, whatever wakes it, until a hint names the lane', async () => {
  const { loop, claimed, asked, submit } = await rig();
  const first = await submit();
  loop.start();
  await until(has(claimed, first));
  loop.wake();
  const before = asked.length;
  const second = await submit(['gpu']);
  loop.hint([OTHER]);
  await until(has(claimed, second));
  // The wake-ups came to claims of the other lane only.
  expect(asked.slice(before).every((lanes) => lanes.length === 1 && lanes[0] === OTHER)).toBe(true);
  const third = await submit();
  loop.hint([LANE]);
  await until(has(claimed, third));
});

it('C3: finds what no hint told of, though it is woken all the time', async () => {
  const { loop, claimed, submit } = await rig();
  loop.start();
  await until(has(claimed, await submit()));
  const waking = setInterval(() => loop.wake(), 5);
  closing.push(() => Promise.resolve(clearInterval(waking)));
  // No hint of these: the loop's own look finds them.
  await until(has(claimed, await submit()));
  await until(has(claimed, await submit(['gpu'])));
});

it('C4: what a claim brings late is handed out where it is ours still, and goes back where nobody can tell', async () => {
  const { store, loop, claimed, late, take, breakRenewals, submit } = await rig();
  loop.start();
  take(2_500);
  const ours = await submit();
  await until(has(claimed, ours));
  expect(late).toEqual([]);
  breakRenewals();
  const doubtful = await submit();
  await until(has(late, doubtful));
  expect(claimed).not.toContain(doubtful);
  expect(await store.states(TENANT, [ours])).toEqual(['RUNNING']);
});

it('C2: goes on at once while more waits than one claim may take', async () => {
  const { loop, claimed, asked, submit } = await rig(1);
  const ids = [await submit(), await submit(), await submit()];
  loop.start();
  await until(has(claimed, ids[2]!));
  expect(claimed).toEqual(ids);
  // A lane whose quota was used up may hold more: it is asked once again, and then left alone.
  expect(asked.slice(0, 3)).toEqual([[LANE], [LANE], [LANE]]);
});

it('C6: a fault is told once and does not end it; it says that it is stuck, and claims again when the fault is gone', async () => {
  const { loop, claimed, asked, troubles, breakWith, submit } = await rig();
  breakWith(new TypeError('no such thing'));
  const first = await submit();
  loop.start();
  await until(() => asked.length >= 4 || undefined);
  expect(troubles).toEqual([expect.stringMatching(/fault.*TypeError: no such thing/)]);
  expect(loop.watchdog.trouble(systemClock.mono() + 6_000)).toMatch(/the claim loop has not come round/);
  // Another one is told even so.
  breakWith(new RangeError('too many'));
  await until(() => troubles.length > 1 || undefined);
  expect(troubles[1]).toMatch(/RangeError: too many/);
  breakWith(undefined);
  await until(has(claimed, first));
  await until(() => loop.watchdog.trouble(systemClock.mono() + 4_000) === '' || undefined);
  expect(troubles).toHaveLength(2);
});

it('C7: a claim without an answer is made again where nothing is offered any more, and what comes of it goes back', async () => {
  const { store, loop, claimed, late, asked, loseAnswer, offerRoom, submit } = await rig(1);
  loseAnswer(() => offerRoom(0));
  const id = await submit();
  const unclaimed = await submit(['gpu']);
  loop.start();
  await until(() => asked.length > 1 || undefined);
  await until(has(late, id));
  expect([claimed, late, asked[1]]).toEqual([[], [id], []]);
  expect((await store.tasks(TENANT, [unclaimed]))[0]).toMatchObject({ state: 'QUEUED' });
});

it('C7: a loop that ends asks for what it is owed, and that goes back', async () => {
  const { loop, claimed, late, loseAnswer, submit } = await rig(1);
  const stopping = new Promise<void>((resolve) => loseAnswer(() => void loop.stop().then(resolve)));
  const id = await submit();
  loop.start();
  await stopping;
  expect([claimed, late]).toEqual([[], [id]]);
});
