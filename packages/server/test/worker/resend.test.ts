// Results that are asked for again: while they are on their way, and where the disk does not give them back. At a real worker
// that keeps all of them on its disk; its dispatcher is the real port with words of our own.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PART_BYTES, type DispatcherItem, type WorkerItem } from '../../src/protocol/index.ts';
import { DiskOverflow } from '../../src/worker/disk-overflow.ts';
import { KeptResults } from '../../src/worker/kept-results.ts';
import { submission } from '../store/submission.ts';
import { Desk, kind, workerMade } from './desk.ts';

const closers: (() => unknown)[] = [];
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'resend-test-'));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const CODE = Buffer.from('def f(n):\n    return "x" * n\n');
const DIGEST = 'e'.repeat(64);
const code: Said = [{ k: 'code', digest: DIGEST, bytes: [1, 0, CODE.length] }, [CODE]];

type Said = [DispatcherItem, Buffer[]];

/** A task that returns so many characters: each in a delivery of its own, for what waits long is handed back. */
function delivery(number: number, t: string, size: number): Said {
  const header = submission({ digest: DIGEST, form: 'source', max_result_bytes: 2 ** 24 }).packed;
  const args = Buffer.from(JSON.stringify({ args: [size], kwargs: {} }));
  const task = { t, id: t, a: 1, h: 0, args: [1, 0, args.length] as [number, number, number] };
  return [{ k: 'tasks', number, headers: [header], tasks: [task] }, [args]];
}

const endOf =
  (token: string) =>
  (item: WorkerItem): item is Extract<WorkerItem, { k: 'ended' }> =>
    item.k === 'ended' && item.ends.some(({ t }) => t === token);

it('one that is on its way goes once, however often it is asked for, and is read when its turn has come', async () => {
  const desk = await Desk.open();
  closers.push(() => desk.close());
  const disk = new DiskOverflow(directory);
  const read: string[] = [];
  const results = new KeptResults(
    {
      put: (token, ended) => disk.put(token, ended),
      get: (token) => {
        read.push(token);
        return disk.get(token);
      },
      forget: (token) => disk.forget(token),
      close: () => disk.close(),
    },
    0,
  );
  const large = ['a', 'b', 'c'];
  const size = 2.5 * PART_BYTES;
  const words: Said[] = [];
  let began: [string, string[]][] = [];
  let asking = false;
  desk.replies = (items) => {
    if (items.some((item) => item.k === 'register' || (item.k === 'credits' && item.ask))) return;
    const first = items.find((item) => item.k === 'part' && item.offset === 0);
    if (first?.k === 'part') began.push([first.t, [...read]]);
    if (items.some(kind('need_code'))) desk.say(...code);
    else if (asking && first?.k === 'part')
      // It, and what comes behind it.
      desk.say({ k: 'resend', tokens: large.slice(large.indexOf(first.t)) });
    else if (asking && items.some(endOf('c'))) desk.say({ k: 'resend', tokens: ['last'] });
    else desk.say(...(words.shift() ?? ([{ k: 'settled', tokens: [] }, []] satisfies Said)));
  };
  await workerMade('pull', closers, [desk.url], { results });
  for (const [at, token] of [...large, 'last'].entries()) {
    words.push(delivery(at + 1, token, token === 'last' ? 1 : size));
    await desk.hears(endOf(token));
  }
  desk.heard.length = 0;
  began = [];
  read.length = 0;
  asking = true;
  words.push([{ k: 'resend', tokens: large }, []]);
  await desk.hears(endOf('last'));
  expect(began).toEqual([
    ['a', ['a']],
    ['b', ['a', 'b']],
    ['c', ['a', 'b', 'c']],
  ]);
}, 30_000);

it('one that the disk does not give back is lost, with a sentence, and nothing else is', async () => {
  const desk = await Desk.open();
  closers.push(() => desk.close());
  desk.lives = true;
  await workerMade('push', closers, [desk.url], { results: new KeptResults(new DiskOverflow(directory), 0) });
  await desk.hears(kind('register'));
  desk.say(...delivery(1, 'broken', 1));
  await desk.hears(kind('need_code'));
  desk.say(...code);
  await desk.hears(endOf('broken'));
  desk.say(...delivery(2, 'whole', 1));
  await desk.hears(endOf('whole'));
  // What can be neither read as a file nor removed as one.
  const [folder = ''] = readdirSync(directory);
  rmSync(join(directory, folder, 'broken'));
  mkdirSync(join(directory, folder, 'broken'));
  desk.heard.length = 0;
  desk.say({ k: 'resend', tokens: ['broken', 'whole'] });
  await desk.hears(endOf('whole'));
  expect(desk.heard.filter(kind('ended')).flatMap(({ ends }) => ends)).toMatchObject([
    {
      ...{ t: 'broken', is: 'lost' },
      error: { type: 'WorkerLost', message: "worker w kept the task's result on its disk and cannot read it any more" },
    },
    { t: 'whole', is: 'completed' },
  ]);
  desk.heard.length = 0;
  desk.say({ k: 'settled', tokens: ['broken', 'whole'] });
  await desk.hears((item): item is WorkerItem => item.k === 'heartbeat' && item.held.length === 0);
  expect(desk.heard.some(kind('register'))).toBe(false);
}, 30_000);
