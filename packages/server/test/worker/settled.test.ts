// A worker that is told that an attempt is settled which has not ended: it was taken for dead, and its loss is in the store.
import { afterEach, expect, it } from 'vitest';
import type { WorkerItem } from '../../src/protocol/index.ts';
import { submission } from '../store/submission.ts';
import { Desk, kind, workerOf } from './desk.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const DIGEST = 'e'.repeat(64);
const CODE = Buffer.from('import time\ndef f(seconds):\n    time.sleep(seconds)\n');

it('its code goes on no more: the slot is there for the next attempt', async () => {
  const desk = await Desk.open();
  closers.push(() => desk.close());
  desk.lives = true;
  await workerOf(closers, desk.url);
  await desk.hears(kind('register'));
  const header = submission({ digest: DIGEST, form: 'source', timeout_ms: 0 }).packed;
  const give = (number: number, t: string, seconds: number): void => {
    const args = Buffer.from(JSON.stringify({ args: [seconds], kwargs: {} }));
    const task = { t, id: t, a: 1, h: 0, args: [1, 0, args.length] as [number, number, number] };
    desk.say({ k: 'tasks', number, headers: [header], tasks: [task] }, [args]);
  };
  give(1, 'lost', 3_600);
  await desk.hears(kind('need_code'));
  desk.say({ k: 'code', digest: DIGEST, bytes: [1, 0, CODE.length] }, [CODE]);
  await desk.hears((item): item is WorkerItem => item.k === 'heartbeat' && item.held.some(({ at }) => at > 0));
  desk.heard.length = 0;
  desk.say({ k: 'settled', tokens: ['lost'] });
  await desk.hears(
    (item): item is WorkerItem => item.k === 'heartbeat' && item.held.length === 0 && item.running === 0,
  );
  desk.heard.length = 0;
  give(2, 'next', 0);
  const { ends } = await desk.hears(kind('ended'));
  expect(ends).toMatchObject([{ t: 'next', is: 'completed' }]);
  desk.heard.length = 0;
  const { held } = await desk.hears(kind('heartbeat'));
  expect(held.map(({ t }) => t)).toEqual(['next']);
}, 30_000);
