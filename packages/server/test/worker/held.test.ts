// A worker that holds very much: it can always say what, at its registration too, for it asks for no more than that.
import { afterEach, expect, it } from 'vitest';
import { MAX_HELD, type WorkerItem } from '../../src/protocol/index.ts';
import { submission } from '../store/submission.ts';
import { Desk, kind, workerOf } from './desk.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Of<K extends WorkerItem['k']> = Extract<WorkerItem, { k: K }>;

async function open(port?: number): Promise<Desk> {
  const desk = await Desk.open(port);
  closers.push(() => desk.close());
  return desk;
}

it('as many results as it may hold, which nobody settles', async () => {
  const first = await open();
  const port = Number(first.url.split(':').at(-1));
  first.lives = true;
  await workerOf(closers, first.url);
  await first.hears(kind('heartbeat'));
  // Tasks that are taken back before they began; named at the length of real ones.
  const tokens = Array.from({ length: MAX_HELD }, (_, n) => n.toString(16).padStart(16, '0'));
  const tasks = tokens.map((t) => ({ t, id: t.padStart(36, '0'), a: 1, h: 0, args: [0, 0, 0] as never }));
  const header = submission({ digest: 'e'.repeat(64), form: 'source' }).packed;
  first.say({ k: 'tasks', number: 1, headers: [header], tasks });
  first.say({ k: 'recall', tokens });
  await first.hears(
    (item): item is Of<'heartbeat'> =>
      item.k === 'heartbeat' && item.held.length === MAX_HELD && item.held.every(({ done }) => done === true),
  );
  first.heard.length = 0;
  expect(await first.hears(kind('credits'))).toMatchObject({ credits: 0, free: 0 });

  await first.close();
  // It knows nobody, and is silent to those who speak as if it did.
  const second = await open(port);
  expect((await second.hears(kind('register'))).held).toHaveLength(MAX_HELD);
  second.lives = true;
  second.say({ k: 'settled', tokens: tokens.slice(0, 1) });
  await second.hears((item): item is Of<'credits'> => item.k === 'credits' && item.credits === 1 && item.free === 1);
}, 60_000);
