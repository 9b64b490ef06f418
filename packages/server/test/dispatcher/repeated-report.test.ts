// A pull worker repeats a report that got no answer, as it was: what it does not name may have come since.
import { beforeEach, expect, it } from 'vitest';
import type { LiveClock } from '../../src/clock.ts';
import { Deliveries, openFleetExecutor, type Executor } from '../../src/dispatcher/index.ts';
import { laneOf } from '../../src/lifecycle/lane.ts';
import { packTaskHeader, specOf, unpackTaskHeader, type TaskHeader } from '../../src/lifecycle/spec.ts';
import type { HeldToken, WorkerItem, WorkerPortOptions } from '../../src/protocol/index.ts';

let now: number;
let executor: Executor;
let released: string[];
let say: (...items: WorkerItem[]) => void;

beforeEach(async () => {
  now = 1_000;
  released = [];
  const clock: LiveClock = {
    wall: () => now,
    mono: () => now,
    after: () => () => undefined,
    every: () => () => undefined,
    turn: () => undefined,
  };
  let port!: WorkerPortOptions;
  let session = '';
  const options = { mode: 'push' as const, dispatcherId: 'd', host: 'h', port: 1, workerKey: '' };
  const events = {
    ended: (endings: { fence: { token: string } }[]) => released.push(...endings.map(({ fence }) => fence.token)),
    capacity: () => undefined,
    fleet: () => undefined,
    printed: () => undefined,
    code: () => Promise.resolve(undefined),
    adopt: () => Promise.resolve([]),
    note: () => undefined,
  };
  executor = await openFleetExecutor(
    { ...options, clock, random: () => 0, events },
    {
      deliveries: new Deliveries(),
      openPort: async (opened) => {
        port = opened;
        const send = (_: Buffer, { items }: { items: { k: string; session?: string }[] }): void => {
          for (const item of items) if (item.k === 'welcome') session = item.session!;
        };
        return { address: '', send, close: async () => undefined };
      },
    },
  );
  say = (...items) => port.onMessage(Buffer.from('p'), { worker: 'w', incarnation: 'i', seq: 1, session, items }, []);
  const about = { host: 'h', pid: 1, version: '1', slots: 1, labels: [], held: [] };
  say({ k: 'register', mode: 'push', ...about, runtimes: [{ runtime: 'python', version: '3.11.2', broken: '' }] });
  say({ k: 'credits', credits: 1, free: 1, got: 0, part_bytes: 0, ask: false });
  const packed = packTaskHeader({
    runtime: 'python',
    digest: 'd',
    at_most_once: false,
    labels: [] as string[],
  } as unknown as TaskHeader);
  const spec = specOf('a', unpackTaskHeader(packed));
  const fence = { id: 'a', attempt: 1, token: 'a' };
  executor.hand([{ fence, spec, packed, lane: laneOf(spec), args: Buffer.alloc(0), losses: 0, retries: 0 }]);
});

const heartbeat = (got: number, held: HeldToken[]): WorkerItem => ({
  ...{ k: 'heartbeat', got, held, free: 0, running: 0, waiting: 0, runtimes: [], draining: false },
});

it('takes nothing back that was acknowledged since, however late it comes', () => {
  say({ k: 'credits', credits: 0, free: 0, got: 1, part_bytes: 0, ask: false });
  now += 2_500;
  say(heartbeat(0, []));
  expect(released).toEqual([]);
  say(heartbeat(1, []));
  expect(released).toEqual(['a']);
});

it('takes back what nothing has acknowledged for two seconds', () => {
  now += 2_500;
  say(heartbeat(0, []));
  expect(released).toEqual(['a']);
});
