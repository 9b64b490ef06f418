// A pull worker that dies before it ever spoke beside its parked request, as one does that is killed in its first second.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openFleetExecutor, type Executor } from '../../src/dispatcher/index.ts';
import { LockstepSocket, PARK_MS, type DispatcherItem, type WorkerItem } from '../../src/protocol/index.ts';

let executor: Executor;
let socket: LockstepSocket;
let session: string;
let lost: Promise<true>;

beforeEach(async () => {
  session = '';
  const { promise, resolve } = Promise.withResolvers<true>();
  lost = promise;
  executor = await openFleetExecutor({
    ...{ mode: 'pull', dispatcherId: 'd', host: '127.0.0.1', port: 0, workerKey: '' },
    ...{ clock: systemClock, random: Math.random },
    events: {
      ended: () => undefined,
      capacity: () => undefined,
      fleet: () => undefined,
      printed: () => undefined,
      code: () => Promise.resolve(undefined),
      adopt: (found) => Promise.resolve(found.map(() => undefined)),
      note: (_, sentence) => {
        if (sentence === 'Worker w is lost: nothing heard for 3 s.') resolve(true);
      },
    },
  });
  socket = new LockstepSocket({ url: executor.address, workerKey: '' }, () => undefined);
});
afterEach(async () => {
  socket.close();
  await executor.close();
});

async function exchange(...items: WorkerItem[]): Promise<DispatcherItem[] | undefined> {
  const said = { worker: 'w', incarnation: 'i', seq: 1, session, items };
  return (await socket.exchange(said, [], 2 * PARK_MS))?.envelope.items;
}

it('is lost while its request is parked, where it said at its registration that it beats beside it', async () => {
  const about = { host: 'h', pid: 1, version: '1', slots: 1, labels: [], held: [] };
  const runtimes = [{ runtime: 'python' as const, version: '3.11.2', broken: '' }];
  const answer = await exchange({ k: 'register', mode: 'pull', ...about, runtimes, beats: true });
  if (answer?.[0]?.k !== 'welcome') throw new Error('it was not welcome');
  session = answer[0].session;
  const asked = exchange({ k: 'credits', credits: 1, free: 1, got: 0, part_bytes: 0, ask: true });
  const answered = asked.then(() => false);
  expect(await Promise.race([lost, answered])).toBe(true);
  socket.abandon();
  await asked;
}, 20_000);
