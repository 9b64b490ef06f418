// A pull worker with one socket and nothing else, as anybody would write it: while its request is parked it cannot speak.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type LiveClock } from '../../src/clock.ts';
import { openFleetExecutor, type Executor } from '../../src/dispatcher/index.ts';
import { laneOf } from '../../src/lifecycle/lane.ts';
import { packTaskHeader, specOf, unpackTaskHeader, type TaskHeader } from '../../src/lifecycle/spec.ts';
import { LOST_AFTER_MS, LockstepSocket, type DispatcherItem, type WorkerItem } from '../../src/protocol/index.ts';
import type { Ending } from '../../src/tasks/ending.ts';

const FASTER = 10;
/** A dispatcher for whom time passes ten times as fast: ten seconds parked are one. */
const fast: LiveClock = {
  ...systemClock,
  mono: () => systemClock.mono() * FASTER,
  after: (ms, act) => systemClock.after(ms / FASTER, act),
  every: (ms, act) => systemClock.every(ms / FASTER, act),
};
const PATIENCE_MS = 30_000;
const ASK = { k: 'credits', credits: 1, free: 1, got: 0, part_bytes: 0, ask: true } as const;

let executor: Executor;
let socket: LockstepSocket;
let session: string;
let notes: string[];
let endings: Ending[];
let onEnded: () => void;

async function exchange(...items: WorkerItem[]): Promise<DispatcherItem[]> {
  const answer = await socket.exchange({ worker: 'plain', incarnation: 'i', seq: 1, session, items }, [], PATIENCE_MS);
  if (answer === undefined) throw new Error('there was no answer');
  return answer.envelope.items;
}

beforeEach(async () => {
  [session, notes, endings, onEnded] = ['', [], [], () => undefined];
  executor = await openFleetExecutor({
    ...{ mode: 'pull', dispatcherId: 'd', host: '127.0.0.1', port: 0, workerKey: '' },
    ...{ clock: fast, random: Math.random },
    events: {
      ended: (some) => {
        endings.push(...some);
        onEnded();
      },
      capacity: () => undefined,
      fleet: () => undefined,
      printed: () => undefined,
      code: () => Promise.resolve(undefined),
      adopt: (found) => Promise.resolve(found.map(() => undefined)),
      note: (_, sentence) => void notes.push(sentence),
    },
  });
  socket = new LockstepSocket({ url: executor.address, workerKey: '' }, () => undefined);
  const about = { host: 'h', pid: 1, version: '1', slots: 1, labels: [], held: [] };
  const runtimes = [{ runtime: 'python' as const, version: '3.11.2', broken: '' }];
  const [welcome] = await exchange({ k: 'register', mode: 'pull', ...about, runtimes });
  if (welcome?.k !== 'welcome') throw new Error('it was not welcome');
  session = welcome.session;
});
afterEach(async () => {
  socket.close();
  await executor.close();
});

function give(tokens = ['t'], args = Buffer.alloc(0)): void {
  const header = { runtime: 'python', digest: 'd', at_most_once: true, labels: [] as string[] } as TaskHeader;
  const packed = packTaskHeader(header);
  const tasks = tokens.map((token) => {
    const spec = specOf(token, unpackTaskHeader(packed));
    return { fence: { id: token, attempt: 1, token }, spec, packed, lane: laneOf(spec), args, losses: 0, retries: 0 };
  });
  executor.hand(tasks);
}

it('is not taken for dead while its request is parked, however long, and gets an empty answer in time', async () => {
  expect(await exchange(ASK)).toEqual([]);
  expect(await exchange(ASK)).toEqual([]);
  expect(notes).toEqual(['Worker plain has registered.']);
});

it('gets what comes late, and its silence counts from then on', async () => {
  const lost = new Promise<void>((resolve) => (onEnded = resolve));
  const asked = exchange(ASK);
  let given = 0;
  // Later than the silence for which others are taken for dead.
  fast.after(8_000, () => {
    given = fast.mono();
    give();
  });
  expect(await asked).toMatchObject([{ k: 'tasks' }]);
  await lost;
  // By the dispatcher's own time, from when it answered.
  expect(fast.mono() - given).toBeGreaterThan(LOST_AFTER_MS);
  expect(endings).toMatchObject([{ fence: { token: 't' }, outcome: { is: 'lost' } }]);
});

it('that speaks beside its parked request is expected to go on doing so', async () => {
  const beside = new LockstepSocket({ url: executor.address, workerKey: '' }, () => undefined);
  const asked = socket.exchange({ worker: 'plain', incarnation: 'i', seq: 1, session, items: [ASK] }, [], PATIENCE_MS);
  const heartbeat: WorkerItem = {
    ...{ k: 'heartbeat', got: 0, held: [], free: 1, running: 0, waiting: 0, draining: false },
    runtimes: [{ runtime: 'python', version: '3.11.2', broken: '' }],
  };
  try {
    while (executor.offers().every(({ credits }) => credits === 0)) await new Promise(setImmediate);
    await beside.exchange({ worker: 'plain', incarnation: 'i', seq: 2, session, items: [heartbeat] }, [], PATIENCE_MS);
    while (executor.workers().length > 0) await new Promise(setImmediate);
    expect(notes).toContain('Worker plain is lost: nothing heard for 3 s.');
  } finally {
    beside.close();
    socket.abandon();
    await asked;
  }
});

describe('what fits no more into the answer to its request', () => {
  /** Of four the first two are a message. */
  async function giveFour(): Promise<void> {
    const asked = exchange({ ...ASK, credits: 4, free: 4 });
    while (executor.offers().every(({ credits }) => credits < 4)) await new Promise(setImmediate);
    give(['a', 'b', 'c', 'd'], Buffer.alloc(700_000));
    expect(await asked).toMatchObject([{ k: 'tasks', tasks: [{ t: 'a' }, { t: 'b' }] }]);
  }

  it('goes back after two seconds, at-most-once tasks too, before its lease is over', async () => {
    const back = new Promise<void>((resolve) => (onEnded = resolve));
    await giveFour();
    await back;
    expect(endings.map(({ fence, outcome }) => [fence.token, outcome])).toEqual([
      ['c', { is: 'released', reason: 'undelivered' }],
      ['d', { is: 'released', reason: 'undelivered' }],
    ]);
  });

  it('goes back at once where the dispatcher is told to end', async () => {
    await giveFour();
    void executor.drain(0);
    expect(endings.map(({ fence, outcome }) => [fence.token, outcome])).toEqual([
      ['c', { is: 'released', reason: 'drain' }],
      ['d', { is: 'released', reason: 'drain' }],
    ]);
  });
});
