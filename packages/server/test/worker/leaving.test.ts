// A worker whose arguments are still on their way when it is told to end, or when its connection goes. Its dispatcher is
// the real port with words of our own.
import { afterEach, describe, expect, it } from 'vitest';
import { Desk, kind, named, workerMade, workerOf } from './desk.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('a worker that is told to end', () => {
  it('gives back at once what is still arriving, and says which deliveries it got', async () => {
    const desk = await Desk.open();
    closers.push(() => desk.close());
    const worker = await workerOf(closers, desk.url);
    await desk.hears(kind('register'));
    desk.deliver(1, 'first');
    desk.firstPart('first');
    await desk.hears(named('first'));
    const stopped = worker.stop(60_000);
    const { ends } = await desk.hears(kind('ended'));
    expect(ends).toMatchObject([{ t: 'first', at: 0, is: 'released', reason: 'drain' }]);
    // One that had left before this was heard.
    desk.heard.length = 0;
    desk.deliver(2, 'second');
    const crossed = await desk.hears(kind('ended'));
    expect(crossed.ends).toMatchObject([{ t: 'second', at: 0, is: 'released', reason: 'drain' }]);
    desk.heard.length = 0;
    desk.say({ k: 'settled', tokens: ['first', 'second'] });
    await desk.hears(kind('goodbye'));
    await stopped;
    expect(desk.heard.findLast(kind('heartbeat'))).toMatchObject({ got: 2, held: [], draining: true });
  });
});

describe.each(['pull', 'push'] as const)('a %s worker whose dispatcher says nothing any more', (mode) => {
  it('leaves soon when it has nothing to hand back', async () => {
    const desk = await Desk.open();
    closers.push(() => desk.close());
    // However long its runners take to end, which may just be starting.
    let from = Infinity;
    const worker = await workerMade(mode, closers, [desk.url], {}, () => (from = performance.now()));
    // It was welcomed, and this is what it gets no answer to.
    await desk.hears(kind('heartbeat'));
    await worker.stop(60_000);
    // One second of waiting.
    expect(performance.now() - from).toBeLessThan(3_000);
  });
});

describe('a connection that goes', () => {
  it('takes with it what was still arriving: the next dispatcher is told that it is given back', async () => {
    const first = await Desk.open();
    await workerOf(closers, first.url);
    await first.hears(kind('register'));
    first.deliver(1, 'first');
    first.firstPart('first');
    await first.hears(named('first'));
    const port = Number(first.url.split(':').pop());
    first.say({ k: 'goodbye' });
    await first.close();
    const next = await Desk.open(port);
    closers.push(() => next.close());
    const { held } = await next.hears(kind('register'));
    expect(held).toMatchObject([{ t: 'first', at: 0, done: true }]);
    next.say({ k: 'resend', tokens: ['first'] });
    const { ends } = await next.hears(kind('ended'));
    expect(ends).toMatchObject([{ t: 'first', is: 'released', reason: 'undelivered' }]);
  });
});
