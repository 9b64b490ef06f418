// Tasks that may not wait for their start for ever, at a real worker. Its dispatcher is the real port with words of our own.
import { afterEach, expect, it } from 'vitest';
import { submission } from '../store/submission.ts';
import { Desk, kind, workerOf } from './desk.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const DIGEST = 'e'.repeat(64);
const ARGS = Buffer.from('{"args": [], "kwargs": {}}');

it('a worker gives back what was not started in its time, whether it came at once or in parts', async () => {
  const desk = await Desk.open();
  closers.push(() => desk.close());
  desk.lives = true;
  await workerOf(closers, desk.url);
  await desk.hears(kind('register'));
  const header = submission({ digest: DIGEST, form: 'source', args_as: 'json', result_as: 'json' }).packed;
  const here = [1, 0, ARGS.length] as [number, number, number];
  const task = (t: string) => ({ t, id: t, a: 1, h: 0 });
  desk.say(
    {
      k: 'tasks',
      number: 1,
      headers: [header],
      tasks: [
        { ...task('late'), args: here, within: 0 },
        { ...task('late in parts'), args: { parts: ARGS.length }, within: 0 },
        { ...task('ahead'), args: here, within: 3_600_000 },
      ],
    },
    [ARGS],
  );
  await desk.hears(kind('need_code'));
  desk.say({ k: 'part', t: 'late in parts', of: 'args', offset: 0, total: ARGS.length, bytes: here }, [ARGS]);
  const code = Buffer.from('def f(): return 1\n');
  desk.say({ k: 'code', digest: DIGEST, bytes: [1, 0, code.length] }, [code]);
  const endOf = (token: string) =>
    desk.hears((item): item is Extract<typeof item, { k: 'ended' }> =>
      item.k === 'ended' ? item.ends.some(({ t }) => t === token) : false,
    );
  for (const token of ['late', 'late in parts', 'ahead', 'free']) {
    // By itself: behind one that takes its time it would go back for that.
    if (token === 'free')
      desk.say({ k: 'tasks', number: 2, headers: [header], tasks: [{ ...task(token), args: here }] }, [ARGS]);
    const end = (await endOf(token)).ends.find(({ t }) => t === token);
    const late = { at: 0, is: 'released', reason: 'handed_back' };
    expect(end).toMatchObject(token.startsWith('late') ? late : { is: 'completed' });
  }
});
