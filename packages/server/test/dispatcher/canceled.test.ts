// A cancel while the answer of its task's claim is on the way: nobody here has the task yet whom it could be taken from.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Canceled } from '../../src/dispatcher/canceled.ts';
import { openFleetExecutor, startDispatcher, type Dispatcher } from '../../src/dispatcher/index.ts';
import { FreeSocket, type TaskItem, type WorkerItem } from '../../src/protocol/index.ts';
import { openEmbeddedStore, type Hint, type Store } from '../../src/store/index.ts';
import { NO_LIMITS, submission } from '../store/submission.ts';
import { until } from '../store/waiting.ts';

const TENANT = 'default';
let dataDir: string;
let store: Store;
let dispatcher: Dispatcher;
let socket: FreeSocket;
/** What a worker in words of our own was sent. */
let sent: TaskItem[];
/** The first claim that finds something is done; its answer comes when `goOn` is called. */
let claimed: Promise<true>;
let goOn: () => void;
/** As if the store had announced it. */
let announce: (hint: Hint) => void;
/** Ids that the dispatcher was told are canceled. */
let told: string[];

beforeEach(async () => {
  [sent, told] = [[], []];
  dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-canceled-'));
  store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
  const { promise: goesOn, resolve } = Promise.withResolvers<true>();
  goOn = () => resolve(true);
  const { promise, resolve: isClaimed } = Promise.withResolvers<true>();
  claimed = promise;
  const slow: Store = {
    ...store,
    claim: async (...asked) => {
      const answer = await store.claim(...asked);
      if (answer.tasks.length === 0) return answer;
      isClaimed(true);
      await goesOn;
      return answer;
    },
    subscribe: (onHint) => {
      announce = (hint) => {
        onHint(hint);
        if (hint.is === 'canceled') told.push(...hint.ids);
      };
      return store.subscribe(announce);
    },
  };
  dispatcher = await startDispatcher({
    ...{ store: slow, tenant: TENANT, version: '1', claimer: '', clock: systemClock, random: Math.random },
    logLimits: { headBytes: 100, tailBytes: 100 },
    log: () => undefined,
    openExecutor: (dispatcherId, events) =>
      openFleetExecutor({
        ...{ mode: 'push', dispatcherId, host: '127.0.0.1', port: 0, workerKey: '' },
        ...{ clock: systemClock, random: Math.random, events },
      }),
  });
  let session = '';
  const say = (...items: WorkerItem[]): void =>
    socket.send({ worker: 'w', incarnation: 'i', seq: 1, session, items }, []);
  const { promise: welcome, resolve: isWelcome } = Promise.withResolvers<true>();
  socket = new FreeSocket(
    { url: dispatcher.address, workerKey: '' },
    ({ envelope: { items } }) => {
      for (const item of items) {
        if (item.k === 'tasks') sent.push(...item.tasks);
        if (item.k !== 'welcome') continue;
        session = item.session;
        isWelcome(true);
      }
    },
    () => undefined,
  );
  const about = { host: 'h', pid: 1, version: '1', slots: 8, labels: [], held: [] };
  say({ k: 'register', mode: 'push', ...about, runtimes: [{ runtime: 'python', version: '3.11.2', broken: '' }] });
  await welcome;
  say({ k: 'credits', credits: 8, free: 8, got: 0, part_bytes: 0, ask: false });
});
afterEach(async () => {
  await socket.close(0);
  await dispatcher.stop(0);
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function submitted(): Promise<string> {
  const task = submission({ form: 'source' });
  await store.submit(TENANT, 0, [task], NO_LIMITS);
  return task.spec.id;
}
const arrives = (id: string): Promise<TaskItem> => until(() => sent.find((task) => task.id === id));

it('the task is not handed out', async () => {
  const id = await submitted();
  await claimed;
  await store.cancel(TENANT, [id]);
  await until(() => told.includes(id) || undefined);
  goOn();
  await arrives(await submitted());
  expect(sent.map((task) => task.id)).not.toContain(id);
  expect(await store.states(TENANT, [id])).toEqual(['CANCELED']);
});

it('a task of which that was said and is not so is handed out all the same', async () => {
  const id = await submitted();
  await claimed;
  announce({ is: 'canceled', ids: [id] });
  goOn();
  // It was given back, and claimed once more.
  expect(await arrives(id)).toMatchObject({ a: 2 });
});

it('what was said is believed once, and for some seconds; of very much the newest is known', () => {
  let now = 0;
  const canceled = new Canceled({ mono: () => now, wall: () => now });
  canceled.heard(['a', 'b']);
  expect([canceled.takes('a'), canceled.takes('a'), canceled.takes('c')]).toEqual([true, false, false]);
  now = 60_000;
  expect(canceled.takes('b')).toBe(false);
  canceled.heard(Array.from({ length: 100_000 }, (_, n) => String(n)));
  expect([canceled.takes('0'), canceled.takes('99999')]).toEqual([false, true]);
});
