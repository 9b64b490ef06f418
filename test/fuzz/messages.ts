// Messages of the worker link that are almost right, of either side, and some that are not at all.
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { MAX_FRAME_BYTES } from '../../packages/server/src/protocol/messages.ts';
import type { DispatcherItem, WorkerItem } from '../../packages/server/src/protocol/messages.ts';
import { almost, damaged } from './mutations.ts';

const packr = new Packr({ useRecords: false });
const TOKEN = 'a'.repeat(16);
const ID = '01930000-0000-7000-8000-000000000010';
const DIGEST = 'd'.repeat(64);
const RUNTIME = { runtime: 'javascript' as const, version: '24.0.0', broken: '' };
const HELD = { t: TOKEN, id: ID, a: 1, at: 1_700_000_000_000 };
const ERROR = { type: 'E', message: 'm', traceback: 't', bases: ['B'], details: { exit_code: 1 } };
const LOGS = { head: [1, 0, 2], tail: [1, 2, 2], total: 9 } as const;

// Of JavaScript only: so it is never given the Python tasks by which the fuzzing sees that all is well.
const OF_WORKERS = [
  ...[
    {
      k: 'register',
      mode: 'push',
      host: 'h',
      pid: 1,
      version: '0',
      slots: 2,
      runtimes: [RUNTIME],
      labels: ['a=b'],
      held: [HELD],
    },
    { k: 'heartbeat', held: [HELD], got: 1, free: 1, running: 1, waiting: 0, runtimes: [RUNTIME], draining: false },
    { k: 'credits', credits: 4, free: 2, got: 0, part_bytes: 0, ask: true },
    { k: 'ended', ends: [{ ...HELD, is: 'completed', json: [1, 0, 2], pickle: { parts: 9 } }] },
    {
      k: 'ended',
      ends: [{ ...HELD, is: 'failed', kind: 'raised', error: ERROR, logs: { stdout: LOGS, stderr: LOGS } }],
    },
    {
      k: 'ended',
      ends: [
        { ...HELD, is: 'lost', error: ERROR },
        { ...HELD, is: 'released', reason: 'drain' },
      ],
    },
    { k: 'printed', t: TOKEN, stream: 'stdout', offset: 0, bytes: [1, 0, 3] },
    { k: 'need_code', digests: [DIGEST] },
    { k: 'part', t: TOKEN, of: 'json', offset: 0, total: 9, bytes: [1, 0, 3] },
  ],
] as unknown as WorkerItem[];

const HEADER = {
  ...{
    tenant: 'default',
    function_id: ID,
    function_name: 'f',
    function_version: 1,
    runtime: 'javascript',
    digest: DIGEST,
  },
  ...{ form: 'source', entry: '', python: '', args_as: 'json', result_as: 'json', priority: 0, timeout_ms: 500 },
  ...{ memory_bytes: 0, max_result_bytes: 1000, max_attempts: 3, at_most_once: false, not_before: 0, expires_at: 0 },
  ...{ result_ttl_ms: 1000, group: '', tags: ['a'], isolation: 'warm', labels: [], traceparent: '', classic: false },
};
const OF_DISPATCHERS = [
  { k: 'welcome', session: 's', dispatcher: 'd' },
  {
    k: 'tasks',
    number: 1,
    headers: [packr.pack(HEADER)],
    tasks: [{ t: TOKEN, id: ID, a: 1, h: 0, args: [1, 0, 2], within: 9 }],
  },
  { k: 'code', digest: DIGEST, bytes: [1, 0, 3] },
  { k: 'no_code', digest: DIGEST, gone: true, message: 'm' },
  { k: 'part', t: TOKEN, of: 'args', offset: 0, total: 9, bytes: [1, 0, 3] },
  { k: 'settled', tokens: [TOKEN] },
  { k: 'resend', tokens: [TOKEN] },
  { k: 'drop', tokens: [TOKEN] },
  { k: 'recall', tokens: [TOKEN] },
  { k: 'refused', message: 'm' },
] as unknown as DispatcherItem[];

/** Who speaks: `w` as the envelope names it. */
export interface Speaker {
  worker: string;
  session: () => string;
}

/** Headers that promise far more than they have. */
const promises = fc.constantFrom(
  ...['ddffffffff', 'dfffffffff', 'c6ffffffff', 'dbffffffff', 'c9ffffffff01', 'd8' + '00'.repeat(17), 'c1', ''].map(
    (hex) => Buffer.from(hex, 'hex'),
  ),
  Buffer.alloc(100_000, 0x91),
  Buffer.alloc(100_000, 0x81),
  Buffer.concat([Buffer.from('81a16ddd00ffffff', 'hex'), Buffer.alloc(1000, 0xc0)]),
);

function headers(items: readonly object[], { worker, session }: Speaker): fc.Arbitrary<Buffer> {
  const envelope = fc
    .tuple(fc.array(almost(items), { maxLength: 4 }), fc.nat({ max: 100_000 }), fc.boolean())
    .map(([m, n, registered]) => ({ v: 1, w: worker, i: 'abcd', n, s: registered ? session() : '', m }));
  const spoiled = fc
    .tuple(envelope, almost([{ v: 1, w: worker, i: 'abcd', n: 7, s: '', m: [] }]))
    .map(([whole, odd]) => ({ ...(odd as object), m: whole.m }));
  const packed = fc
    .oneof({ weight: 4, arbitrary: envelope }, { weight: 1, arbitrary: spoiled })
    .map((head) => packr.pack(head));
  return fc.oneof(
    { weight: 20, arbitrary: damaged(packed) },
    { weight: 1, arbitrary: promises },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  );
}

const payload = fc.oneof(
  { weight: 20, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.constantFrom(70_000, 1_100_000, MAX_FRAME_BYTES).map((size) => Buffer.alloc(size)) },
);

function messages(items: readonly object[], speaker: Speaker): fc.Arbitrary<Buffer[]> {
  return fc
    .tuple(headers(items, speaker), fc.array(payload, { maxLength: 3 }))
    .map(([header, payloads]) => [header, ...payloads]);
}

/** What a worker that has lost its mind would say. */
export const fromWorker = (speaker: Speaker): fc.Arbitrary<Buffer[]> => messages(OF_WORKERS, speaker);
/** What a dispatcher would; the headers of its tasks are bytes within, and wrong by themselves. */
export function fromDispatcher(speaker: Speaker): fc.Arbitrary<Buffer[]> {
  const strange = fc.sample(damaged(almost([HEADER]).map((header) => packr.pack(header))), { seed: 1, numRuns: 60 });
  const tasks = strange.map((header, at) => ({
    ...{ k: 'tasks', number: at, headers: [header] },
    tasks: [{ t: `${TOKEN}${at}`, id: ID, a: 1, h: 0, args: [1, 0, 2] }],
  }));
  return messages([...OF_DISPATCHERS, ...OF_DISPATCHERS, ...OF_DISPATCHERS, ...tasks], speaker);
}
