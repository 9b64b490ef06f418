// A fleet's dispatcher and a worker that speaks over a real socket in words of our own: what becomes of what it was sent.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as zmq from 'zeromq';
import { systemClock } from '../../src/clock.ts';
import type { Adoption } from '../../src/dispatcher/executor.ts';
import { openFleetExecutor, type Executor } from '../../src/dispatcher/index.ts';
import { laneOf } from '../../src/lifecycle/lane.ts';
import { packTaskHeader, specOf, unpackTaskHeader, type TaskHeader } from '../../src/lifecycle/spec.ts';
import {
  FreeSocket,
  PART_BYTES,
  type DispatcherItem,
  type EndedItem,
  type Envelope,
  type HeldToken,
  type WorkerItem,
} from '../../src/protocol/index.ts';
import { packHeader } from '../../src/protocol/envelope.ts';
import type { ClaimedTask } from '../../src/store/index.ts';
import type { Ending } from '../../src/tasks/ending.ts';
import { held } from '../memory.ts';

let executor: Executor;
let socket: FreeSocket;
let session: string;
let endings: Ending[];
let heard: DispatcherItem[];
let notes: string[];
/** What the store answers of attempts that a worker holds and its dispatcher does not know. */
let adoption: Adoption;
let looks: Set<() => void>;

const look = (): void => {
  for (const one of [...looks]) one();
};

/** Resolves when `condition` holds; looked at after everything that is heard or ended. */
function until(condition: () => boolean): Promise<void> {
  if (condition()) return Promise.resolve();
  return new Promise((resolve) => {
    const one = (): void => {
      if (!condition()) return;
      looks.delete(one);
      resolve();
    };
    looks.add(one);
  });
}

const registration: WorkerItem = {
  ...{ k: 'register', mode: 'push', host: 'h', pid: 1, version: '1', slots: 8, labels: [], held: [] },
  runtimes: [{ runtime: 'python', version: '3.11.2', broken: '' }],
};
const say = (...items: WorkerItem[]): void => sayWith([], ...items);
const sayWith = (payloads: Buffer[], ...items: WorkerItem[]): void =>
  socket.send({ worker: 'w', incarnation: 'i', seq: 1, session, items }, payloads);

beforeEach(async () => {
  [session, endings, heard, notes, looks] = ['', [], [], [], new Set()];
  adoption = undefined;
  executor = await openFleetExecutor({
    mode: 'push',
    dispatcherId: 'd',
    host: '127.0.0.1',
    port: 0,
    workerKey: '',
    clock: systemClock,
    random: Math.random,
    events: {
      ended: (some) => {
        endings.push(...some);
        look();
      },
      capacity: look,
      fleet: look,
      printed: () => undefined,
      code: () => Promise.resolve(undefined),
      adopt: (found) => Promise.resolve(found.map(() => adoption)),
      note: (_, sentence) => void notes.push(sentence),
    },
  });
  socket = new FreeSocket(
    { url: executor.address, workerKey: '' },
    ({ envelope: { items } }) => {
      for (const item of items) if (item.k === 'welcome') session = item.session;
      heard.push(...items);
      look();
    },
    () => undefined,
  );
  say(registration);
  await until(() => session !== '');
  say({ k: 'credits', credits: 8, free: 8, got: 0, part_bytes: 0, ask: false });
  await until(() => executor.offers()[0]!.free === 8);
});
afterEach(async () => {
  await socket.close(0);
  await executor.close();
});

const header = { runtime: 'python', digest: 'd', at_most_once: true, labels: [] as string[] } as TaskHeader;

/** Gives at-most-once tasks to the worker, one a delivery; resolves when their deliveries have come. */
async function give(tokens: string[], args = Buffer.alloc(0), more: Partial<TaskHeader> = {}): Promise<void> {
  const packed = packTaskHeader({ ...header, ...more });
  for (const token of tokens) {
    const spec = specOf(token, unpackTaskHeader(packed));
    const fence = { id: token, attempt: 1, token };
    const task: ClaimedTask = { fence, spec, packed, lane: laneOf(spec), args, losses: 0, retries: 0 };
    executor.hand([task]);
  }
  await until(() => heard.filter(({ k }) => k === 'tasks').length === tokens.length);
}

const heartbeat = (got: number, held: HeldToken[]): WorkerItem => ({
  ...{ k: 'heartbeat', got, held, free: 0, running: 0, waiting: 0, runtimes: [], draining: true },
});
const outcomes = (): string[] => endings.map(({ fence, outcome }) => `${fence.token} ${outcome.is}`).sort();

describe('a worker that leaves', () => {
  it('never began what it says it never got; the rest of what it was sent is lost', async () => {
    await give(['a', 'b', 'c']);
    say(heartbeat(1, [{ t: 'a', id: 'a', a: 1, at: 5 }]), { k: 'goodbye' });
    await until(() => endings.length === 3);
    expect(outcomes()).toEqual(['a lost', 'b released', 'c released']);
  });

  it('may have begun all it was sent, where it does not say', async () => {
    await give(['a', 'b']);
    say({ k: 'goodbye' });
    await until(() => endings.length === 2);
    expect(outcomes()).toEqual(['a lost', 'b lost']);
  });

  it('cannot have begun what has not left us whole', async () => {
    // More than the window of parts, which it never opens.
    await give(['a', 'b'], Buffer.alloc(16 * PART_BYTES));
    say({ k: 'goodbye' });
    await until(() => endings.length === 2);
    expect(outcomes()).toEqual(['a released', 'b released']);
  });
});

it('what was given up with its worker is not adopted when that comes back: it drops it, and it is settled then', async () => {
  await give(['a', 'b']);
  const spec = specOf('a', unpackTaskHeader(packTaskHeader(header)));
  // While the store takes no ends the token stays the current one.
  adoption = { spec, retries: 0 };
  say({ k: 'goodbye' });
  await until(() => endings.length === 2);
  const held = [{ t: 'a', id: 'a', a: 1, at: 5, done: true as const }];
  socket.send({ worker: 'w', incarnation: 'i', seq: 2, session: '', items: [{ ...registration, held }] }, []);
  await until(() => heard.some(({ k }) => k === 'drop') || executor.attempts > 0);
  expect(executor.attempts).toBe(0);
  say({ k: 'ended', ends: [{ t: 'b', id: 'b', a: 1, at: 5, is: 'released', reason: 'drain' }] });
  await until(() => heard.filter(({ k }) => k === 'drop').length === 2 || executor.attempts > 0);
  expect(heard.filter(({ k }) => k === 'drop')).toEqual([
    { k: 'drop', tokens: ['a'] },
    { k: 'drop', tokens: ['b'] },
  ]);
  executor.settled(['a', 'b']);
  say(heartbeat(0, held));
  await until(() => heard.some(({ k }) => k === 'settled') || executor.attempts > 0);
  expect([executor.attempts, outcomes()]).toEqual([0, ['a lost', 'b lost']]);
});

it('a registration that comes twice makes one session: what was given since is not taken back for not being in it', async () => {
  const first = session;
  await give(['a']);
  socket.send({ worker: 'w', incarnation: 'i', seq: 1, session: '', items: [registration] }, []);
  await until(() => heard.filter(({ k }) => k === 'welcome').length === 2);
  expect([session, heard.some(({ k }) => k === 'drop'), outcomes()]).toEqual([first, false, []]);
  say({ k: 'ended', ends: [{ t: 'a', id: 'a', a: 1, at: 5, is: 'released', reason: 'handed_back' }] });
  await until(() => endings.length === 1);
  expect(outcomes()).toEqual(['a released']);
});

it('whoever sends what cannot be read, and reads nothing, is neither answered nor logged each time', async () => {
  const stranger = new zmq.Dealer({ linger: 0, receiveHighWaterMark: 100_000, receiveTimeout: 100 });
  stranger.connect(executor.address);
  for (let n = 0; n < 5_000; n += 1) await stranger.send(['', 'not a header']);
  const wrong: Envelope<WorkerItem> = { worker: 'x', incarnation: 'i', seq: 1, session: 'none', items: [] };
  for (let n = 0; n < 5_000; n += 1) await stranger.send(['', packHeader(wrong)]);
  // Its messages are heard in their order: whoever is answered this has been heard out. It is not answered at first.
  const answers: Buffer[][] = [];
  while (!answers.some((frames) => frames[1]!.includes('this dispatcher serves push workers'))) {
    const pull = { ...registration, mode: 'pull' } as WorkerItem;
    await stranger.send(['', packHeader({ ...wrong, session: '', items: [pull] })]);
    await stranger.receive().then(
      (frames) => answers.push(frames),
      () => undefined,
    );
  }
  stranger.close();
  // Ten a second; a slow machine takes some seconds for them.
  expect(answers.length).toBeGreaterThan(1);
  expect(answers.length).toBeLessThan(500);
  const told = notes.filter((sentence) => sentence.includes('was refused'));
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThan(500);
  await give(['served']);
});

it('whoever gives a call back says whether it had begun, whatever a heartbeat said before', async () => {
  await give(['a']);
  say(heartbeat(1, [{ t: 'a', id: 'a', a: 1, at: 5 }]));
  say({ k: 'ended', ends: [{ t: 'a', id: 'a', a: 1, at: 0, is: 'released', reason: 'drain' }] });
  await until(() => endings.length === 1);
  expect(endings[0]).toMatchObject({ startedAt: 0, outcome: { is: 'released', reason: 'drain' } });
});

describe('what a worker says of a result', () => {
  const done = (t: string): EndedItem => ({ t, id: t, a: 1, at: 5, is: 'completed', json: [1, 0, 7] });
  const ended = (...ends: EndedItem[]): WorkerItem => ({ k: 'ended', ends });
  const LIMITS = { max_result_bytes: 7, result_as: 'json' } as const;

  it.each([
    ['is JSON', '{"a":1}', {}, { is: 'completed' }],
    ['is none', 'not js]', {}, { kind: 'result_not_json', message: /not JSON \(at byte 1 of 7\)/ }],
    ['is JSON and more', '5],"x":', {}, { kind: 'result_not_json', message: /at byte 1/ }],
    [
      'is longer than it may be',
      '{"a":1}',
      { max_result_bytes: 6 },
      { kind: 'result_too_large', message: /7 bytes .* 6/ },
    ],
    ['is JSON where a pickle was asked for', '{"a":1}', { result_as: 'pickle' }, { is: 'completed' }],
  ] as const)('that %s', async (_, json, more, wanted) => {
    await give(['a'], undefined, { ...LIMITS, ...more });
    sayWith([Buffer.from(json)], ended(done('a')));
    await until(() => endings.length === 1);
    const { outcome } = endings[0]!;
    if ('is' in wanted) expect(outcome).toEqual({ is: 'completed', result: { json: Buffer.from(json) } });
    else {
      expect(outcome).toMatchObject({ is: 'failed', kind: wanted.kind });
      expect(outcome).toHaveProperty('error.message', expect.stringMatching(wanted.message));
    }
  });

  it.each([
    ['json', 'result_not_json'],
    ['pickle', 'result_not_serializable'],
  ] as const)('that is not there, where %s was asked for', async (form, kind) => {
    await give(['a'], undefined, { ...LIMITS, result_as: form });
    say(ended({ t: 'a', id: 'a', a: 1, at: 5, is: 'completed', json: [0, 0, 0], pickle: [0, 0, 0] }));
    await until(() => endings.length === 1);
    expect(endings[0]!.outcome).toMatchObject({ is: 'failed', kind });
  });

  it('takes no form of no bytes for one', async () => {
    await give(['a'], undefined, LIMITS);
    sayWith([Buffer.from('{"a":1}')], ended({ ...done('a'), pickle: [0, 0, 0] } as EndedItem));
    await until(() => endings.length === 1);
    expect(endings[0]!.outcome).toEqual({ is: 'completed', result: { json: Buffer.from('{"a":1}') } });
  });

  it('is refused as a whole where a part of it cannot be, and may be said anew', async () => {
    await give(['a', 'b'], undefined, LIMITS);
    const beside = { ...done('b'), json: [1, 3, 7] } as EndedItem;
    sayWith([Buffer.from('{"a":1}')], ended(done('a'), beside));
    await until(() => heard.some(({ k }) => k === 'refused'));
    expect(heard.find(({ k }) => k === 'refused')).toMatchObject({
      message: expect.stringMatching(/ends\.json/) as string,
    });
    expect(endings).toEqual([]);
    sayWith([Buffer.from('{"a":1}')], ended(done('a'), done('b')));
    await until(() => endings.length === 2);
    expect(outcomes()).toEqual(['a completed', 'b completed']);
  });
});

describe('a payload in parts that is more than its task may bring', () => {
  const TOTAL = 2 ** 31;
  const LIMITS = { result_as: 'json', max_result_bytes: 4 * PART_BYTES } as const;
  const neighbour: EndedItem = { t: 'b', id: 'b', a: 1, at: 5, is: 'completed', json: [2, 0, 7] };
  const bytes = [Buffer.alloc(PART_BYTES), Buffer.from('{"a":1}')];
  /** Its first part, and its end, in one message with a neighbour's. */
  async function endsWith(of: 'json' | 'pickle', end: EndedItem): Promise<Ending> {
    await give(['a', 'b'], undefined, LIMITS);
    sayWith(
      bytes,
      { k: 'part', t: 'a', of, offset: 0, total: TOTAL, bytes: [1, 0, PART_BYTES] },
      { k: 'ended', ends: [end, neighbour] },
    );
    await until(() => endings.length === 2 || heard.some(({ k }) => k === 'refused'));
    expect(heard.filter(({ k }) => k === 'refused')).toEqual([]);
    expect(endings[1]).toMatchObject({ fence: { token: 'b' }, outcome: { is: 'completed' } });
    return endings[0]!;
  }

  it('ends it as too large, where it is its result', async () => {
    const { outcome } = await endsWith('json', {
      ...{ t: 'a', id: 'a', a: 1, at: 5, is: 'completed' },
      json: { parts: TOTAL },
    });
    expect(outcome).toMatchObject({ is: 'failed', kind: 'result_too_large' });
    expect(outcome).toHaveProperty('error.message', expect.stringContaining(`${TOTAL} bytes`));
  });

  it('is left out, where it is the pickle of what was raised', async () => {
    const error = { type: 'ValueError', message: 'no', traceback: '' };
    const { outcome } = await endsWith('pickle', {
      ...{ t: 'a', id: 'a', a: 1, at: 5, is: 'failed', kind: 'raised', error },
      pickle: { parts: TOTAL },
    });
    expect(outcome).toEqual({ is: 'failed', kind: 'raised', error });
  });
});

describe('the parts of a result', () => {
  const SIZE = 48 * PART_BYTES;
  const LARGE = { result_as: 'pickle', max_result_bytes: SIZE } as const;
  const part = (t: string, offset: number): void =>
    sayWith([Buffer.alloc(PART_BYTES)], { k: 'part', t, of: 'pickle', offset, total: SIZE, bytes: [1, 0, PART_BYTES] });
  const parts = (t: string): void => {
    for (let offset = 0; offset < SIZE; offset += PART_BYTES) part(t, offset);
  };
  const ended = (t: string): WorkerItem => ({
    k: 'ended',
    ends: [{ t, id: t, a: 1, at: 5, is: 'completed', pickle: { parts: SIZE } }],
  });
  /** Resolves when all that was said before has been taken: the answer to a question comes after it. */
  const taken = async (): Promise<void> => {
    const answers = (): number => heard.filter(({ k }) => k === 'no_code').length;
    const before = answers();
    say({ k: 'need_code', digests: ['of nothing'] });
    await until(() => answers() > before);
  };
  let before: number;
  const kept = (): number => held().buffers - before;
  beforeEach(async () => {
    await give(['a'], undefined, LARGE);
    before = held().buffers;
  });

  it('may come twice: a report that got no answer is repeated', async () => {
    for (let offset = 0; offset < SIZE; offset += PART_BYTES) {
      part('a', offset);
      part('a', offset);
    }
    say(ended('a'));
    await until(() => endings.length === 1 || heard.some(({ k }) => k === 'refused'));
    expect(heard.filter(({ k }) => k === 'refused')).toEqual([]);
    expect(outcomes()).toEqual(['a completed']);
  });

  it('that is there already are let go with it', async () => {
    // A heartbeat names it as done while its parts are on their way: they are asked for, and come, a second time.
    say(heartbeat(1, [{ t: 'a', id: 'a', a: 1, at: 5, done: true }]));
    await until(() => heard.some(({ k }) => k === 'resend'));
    parts('a');
    say(ended('a'));
    parts('a');
    say(ended('a'));
    await taken();
    expect(outcomes()).toEqual(['a completed']);
    endings = [];
    executor.settled(['a']);
    await expect.poll(kept).toBeLessThan(SIZE / 2);
  });

  it('that are on their way when it is settled are not put together', async () => {
    parts('a');
    say(ended('a'));
    await until(() => endings.length === 1);
    endings = [];
    part('a', 0);
    await taken();
    executor.settled(['a']);
    part('a', PART_BYTES);
    await taken();
    await expect.poll(kept).toBeLessThan(SIZE / 2);
    expect(heard.some(({ k }) => k === 'refused')).toBe(false);
  });

  it.each([['some'], ['all']])('of a task that is canceled are let go, where %s have come', async (what) => {
    if (what === 'all') parts('a');
    else part('a', 0);
    await taken();
    expect(kept()).toBeGreaterThan(SIZE / 2);
    executor.dropTasks(['a']);
    await expect.poll(kept).toBeLessThan(SIZE / 2);
  });

  it('of an attempt that is taken back are let go', async () => {
    part('a', 0);
    await taken();
    expect(kept()).toBeGreaterThan(SIZE / 2);
    say(heartbeat(1, []));
    await until(() => endings.length === 1);
    await expect.poll(kept).toBeLessThan(SIZE / 2);
  });

  it('that its end does not refer to are let go', async () => {
    part('a', 0);
    say({ k: 'ended', ends: [{ t: 'a', id: 'a', a: 1, at: 0, is: 'released', reason: 'drain' }] });
    await until(() => endings.length === 1);
    await expect.poll(kept).toBeLessThan(SIZE / 2);
  });
});
