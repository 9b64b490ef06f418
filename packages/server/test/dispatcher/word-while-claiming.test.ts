// A pull worker's request is used for a word while tasks are claimed for it: they wait for its next one, and keep their order.
import { expect, it } from 'vitest';
import type { LiveClock } from '../../src/clock.ts';
import { Deliveries, openFleetExecutor } from '../../src/dispatcher/index.ts';
import { laneOf } from '../../src/lifecycle/lane.ts';
import { packTaskHeader, specOf, unpackTaskHeader, type TaskHeader } from '../../src/lifecycle/spec.ts';
import type { DispatcherItem, WorkerItem, WorkerPortOptions } from '../../src/protocol/index.ts';
import type { ClaimedTask } from '../../src/store/index.ts';

const idle = (): (() => undefined) => () => undefined;
const CLOCK: LiveClock = { wall: () => 1_000, mono: () => 1_000, after: idle, every: idle, turn: () => undefined };

function claimed(id: string, atMostOnce: boolean): ClaimedTask {
  const header = { runtime: 'python', digest: 'd', at_most_once: atMostOnce, labels: [] as string[] };
  const packed = packTaskHeader(header as unknown as TaskHeader);
  const spec = specOf(id, unpackTaskHeader(packed));
  const fence = { id, attempt: 1, token: id };
  return { fence, spec, packed, lane: laneOf(spec), args: Buffer.alloc(0), losses: 0, retries: 0 };
}

it.each([
  [false, [], ['b']],
  [true, ['b'], []],
])('at most once: %s', async (atMostOnce, backAgain, deliveredThen) => {
  const released: string[] = [];
  const delivered: string[] = [];
  let port!: WorkerPortOptions;
  let session = '';
  const executor = await openFleetExecutor(
    {
      ...{ mode: 'pull', dispatcherId: 'd', host: 'h', port: 1, workerKey: '', clock: CLOCK, random: () => 0 },
      events: {
        ended: (endings) => released.push(...endings.map(({ fence }) => fence.token)),
        capacity: () => undefined,
        fleet: () => undefined,
        printed: () => undefined,
        code: () => Promise.resolve(undefined),
        adopt: () => Promise.resolve([]),
        note: () => undefined,
      },
    },
    {
      deliveries: new Deliveries(),
      openPort: async (opened) => {
        port = opened;
        const send = (_: Buffer, { items }: { items: readonly DispatcherItem[] }): void => {
          for (const item of items) {
            if (item.k === 'welcome') session = item.session;
            if (item.k === 'tasks') delivered.push(...item.tasks.map(({ t }) => t));
          }
        };
        return { address: '', send, close: async () => undefined };
      },
    },
  );
  let seq = 0;
  const say = (...items: WorkerItem[]): void => {
    seq += 1;
    port.onMessage(Buffer.from('p'), { worker: 'w', incarnation: 'i', seq, session, items }, []);
  };
  const about = { host: 'h', pid: 1, version: '1', slots: 2, labels: [], held: [] };
  const ask = (credits: number, got: number): void =>
    say({ k: 'credits', credits, free: credits, got, part_bytes: 0, ask: true });
  say({ k: 'register', mode: 'pull', ...about, runtimes: [{ runtime: 'python', version: '3.11.2', broken: '' }] });
  ask(2, 0);
  executor.hand([claimed('a', false)]);
  expect(delivered).toEqual(['a']);
  ask(1, 1);
  executor.drop(['a']);
  executor.hand([claimed('b', atMostOnce)]);
  expect(released).toEqual(backAgain);
  ask(1, 1);
  expect(delivered).toEqual(['a', ...deliveredThen]);
  await executor.close();
});
