// Code that a worker asked for and that does not come: it asks again, whoever is there, and no call waits for ever.
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { PART_BYTES, type WorkerItem } from '../../src/protocol/index.ts';
import { WantedCode } from '../../src/worker/wanted-code.ts';
import { Desk, kind, workerOf } from './desk.ts';
import { held } from '../memory.ts';
import { submission } from '../store/submission.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(port = 0): Promise<Desk> {
  const desk = await Desk.open(port);
  closers.push(() => desk.close());
  return desk;
}

/** A task of a function that the worker has not seen. */
function deliver(desk: Desk): void {
  const headers = [submission({ digest: 'd' }).packed];
  desk.say({ k: 'tasks', number: 1, headers, tasks: [{ t: 'one', id: 'one', a: 1, h: 0, args: [2, 0, 0] as never }] }, [
    Buffer.alloc(0),
    Buffer.alloc(0),
  ]);
}

const done = (item: WorkerItem): item is Extract<WorkerItem, { k: 'heartbeat' }> =>
  item.k === 'heartbeat' && item.held.some((token) => token.t === 'one' && token.done === true);
const released = (item: WorkerItem): item is Extract<WorkerItem, { k: 'ended' }> =>
  item.k === 'ended' && item.ends.some(({ is }) => is === 'released');

describe('the dispatcher that was asked for code', () => {
  it('goes away: another one that is there is asked', async () => {
    const [first, second] = [await open(), await open()];
    await workerOf(closers, first.url, second.url);
    await Promise.all([first.hears(kind('register')), second.hears(kind('register'))]);
    deliver(first);
    await first.hears(kind('need_code'));
    first.say({ k: 'goodbye' });
    expect(await second.hears(kind('need_code'))).toEqual({ k: 'need_code', digests: ['d'] });
  });

  it('goes away in the midst of it: what came of it is let go', async () => {
    const [first, second] = [await open(), await open()];
    await workerOf(closers, first.url, second.url);
    await Promise.all([first.hears(kind('register')), second.hears(kind('register'))]);
    deliver(first);
    await first.hears(kind('need_code'));
    // What other tests left in this process is let go of a moment after it is collected.
    let before = held().buffers;
    for (let last = Infinity; before < last; before = held().buffers) {
      last = before;
      await turn();
    }
    const total = 64 * PART_BYTES;
    const part = { k: 'part', t: 'd', of: 'code', offset: 0, total, bytes: [2, 0, PART_BYTES] as never } as const;
    first.say(part, [Buffer.alloc(0), Buffer.alloc(PART_BYTES)]);
    await first.hears((item): item is WorkerItem => item.k === 'credits' && item.part_bytes === PART_BYTES);
    expect(held().buffers - before).toBeGreaterThan(total / 2);
    first.say({ k: 'goodbye' });
    await second.hears(kind('need_code'));
    await expect.poll(() => held().buffers - before).toBeLessThan(total / 2);
  });

  it('goes away, and there is no other: the call is given back', async () => {
    const desk = await open();
    await workerOf(closers, desk.url);
    await desk.hears(kind('register'));
    deliver(desk);
    await desk.hears(kind('need_code'));
    desk.heard.length = 0;
    desk.say({ k: 'goodbye' });
    await desk.hears(done);
    desk.say({ k: 'resend', tokens: ['one'] });
    const { ends } = await desk.hears(released);
    expect(ends).toMatchObject([{ t: 'one', reason: 'no_code' }]);
  });

  it('says nothing, for the question was lost on the way: it is asked again', async () => {
    const desk = await open();
    desk.lives = true;
    await workerOf(closers, desk.url);
    await desk.hears(kind('register'));
    deliver(desk);
    await desk.hears(kind('need_code'));
    desk.heard.length = 0;
    expect(await desk.hears(kind('need_code'))).toEqual({ k: 'need_code', digests: ['d'] });
    // In the same session.
    expect(desk.heard.some(kind('register'))).toBe(false);
  });
});

describe('what is awaited', () => {
  it('is overdue by the last part that came, and asked for once', () => {
    const wanted = new WantedCode();
    wanted.asked('a', 'here', 0);
    wanted.asked('b', 'here', 0);
    wanted.asked('c', 'there', 0);
    wanted.moved('b', 5);
    expect(wanted.takeUnanswered('here', 4)).toEqual(['a']);
    expect(wanted.takeUnanswered('here', 4)).toEqual([]);
    wanted.answered('b');
    expect(wanted.takeUnanswered('here')).toEqual([]);
    expect(wanted.takeUnanswered('there')).toEqual(['c']);
  });
});
