// Errors whose texts are large: together they outgrow a frame, for they stand in the header of their message.
import { afterEach, expect, it } from 'vitest';
import type { WorkerItem } from '../../src/protocol/index.ts';
import { submission } from '../store/submission.ts';
import { Desk, kind, workerOf } from './desk.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const DIGEST = 'f'.repeat(64);
/** A message and a traceback of 256 KiB each: twelve of them are 6 MiB. */
const CODE = Buffer.from('def f():\n    raise ValueError("\\U0001f600" * 65536)\n');
const ARGS = Buffer.from('{"args": [], "kwargs": {}}');
const TOKENS = Array.from({ length: 12 }, (_, n) => `t${n}`);

it('all of them arrive, where they are asked for at once', async () => {
  const desk = await Desk.open();
  closers.push(() => desk.close());
  desk.lives = true;
  await workerOf(closers, desk.url);
  await desk.hears(kind('register'));
  const header = submission({ digest: DIGEST, form: 'source' }).packed;
  const args = [1, 0, ARGS.length] as [number, number, number];
  const hasCome = (token: string): Promise<unknown> =>
    desk.hears(
      (item): item is Extract<WorkerItem, { k: 'ended' }> =>
        item.k === 'ended' && item.ends.some(({ t, is }) => t === token && is === 'failed'),
    );
  // One after the other: what waits long behind another is handed back.
  for (const [at, t] of TOKENS.entries()) {
    desk.say({ k: 'tasks', number: at + 1, headers: [header], tasks: [{ t, id: t, a: 1, h: 0, args }] }, [ARGS]);
    if (at === 0) {
      await desk.hears(kind('need_code'));
      desk.say({ k: 'code', digest: DIGEST, bytes: [1, 0, CODE.length] }, [CODE]);
    }
    await hasCome(t);
  }
  desk.heard.length = 0;
  desk.say({ k: 'resend', tokens: TOKENS });
  for (const token of TOKENS) await hasCome(token);
  expect(desk.heard.some(({ k }) => k === 'register')).toBe(false);
});
