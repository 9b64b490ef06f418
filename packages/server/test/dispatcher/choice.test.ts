// The choice of worker: fits, prefers the few that know the function, never gives what was not granted.
import { describe, expect, it } from 'vitest';
import { Choice, type Candidate } from '../../src/dispatcher/choice.ts';
import { quotasOf, serves } from '../../src/dispatcher/quotas.ts';
import { laneOf, parseLane } from '../../src/lifecycle/lane.ts';

const python = laneOf({ runtime: 'python', python: '', labels: [], at_most_once: false });
const javascript = laneOf({ runtime: 'javascript', python: '', labels: [], at_most_once: false });

function worker(id: string, free: number, credits: number, change: Partial<Candidate> = {}): Candidate {
  return {
    id,
    free,
    credits,
    held: 0,
    labels: [],
    runtimes: [{ runtime: 'python', version: '3.11.2', broken: '' }],
    ...change,
  };
}

describe('serves', () => {
  const demand = { runtime: 'python' as const, python: '', labels: [], atMostOnce: false };
  it.each([
    ['any Python', worker('a', 1, 1), demand, true],
    ['its minor version', worker('a', 1, 1), { ...demand, python: '3.11' }, true],
    ['another minor version', worker('a', 1, 1), { ...demand, python: '3.1' }, false],
    ['a runtime that is missing', worker('a', 1, 1), { ...demand, runtime: 'javascript' as const }, false],
    ['a label it has', worker('a', 1, 1, { labels: ['gpu', 'zone=a'] }), { ...demand, labels: ['gpu'] }, true],
    ['a label’s key', worker('a', 1, 1, { labels: ['zone=a'] }), { ...demand, labels: ['zone'] }, true],
    ['a label’s key and value', worker('a', 1, 1, { labels: ['zone=a'] }), { ...demand, labels: ['zone=a'] }, true],
    ['another value', worker('a', 1, 1, { labels: ['zone=a'] }), { ...demand, labels: ['zone=b'] }, false],
    ['the beginning of a value', worker('a', 1, 1, { labels: ['z=a=b'] }), { ...demand, labels: ['z=a'] }, false],
    ['the beginning of a key', worker('a', 1, 1, { labels: ['zone=a'] }), { ...demand, labels: ['zo'] }, false],
    ['a label it lacks', worker('a', 1, 1), { ...demand, labels: ['gpu'] }, false],
    [
      'a broken runtime',
      worker('a', 1, 1, { runtimes: [{ runtime: 'python', version: '3.11.2', broken: 'no dill' }] }),
      demand,
      false,
    ],
  ])('%s', (_, candidate, wanted, expected) => {
    expect(serves(candidate, wanted)).toBe(expected);
  });
});

describe('lanes', () => {
  it('are read back as they were made', () => {
    const spec = { runtime: 'python' as const, python: '3.11', labels: ['b|,x', 'a'], at_most_once: true };
    expect(parseLane(laneOf(spec))).toEqual({
      runtime: 'python',
      python: '3.11',
      labels: ['a', 'b|,x'],
      atMostOnce: true,
    });
  });
});

describe('quotas', () => {
  const once = laneOf({ runtime: 'python', python: '', labels: [], at_most_once: true });
  it('never pass what is offered, lane by lane', () => {
    const offers = [
      worker('a', 1, 5),
      worker('b', 0, 3, { runtimes: [{ runtime: 'javascript', version: '24.0.0', broken: '' }] }),
    ];
    expect(quotasOf(offers, [python, javascript, once])).toEqual({
      quotas: [
        { lane: python, max: 5 },
        { lane: javascript, max: 3 },
        { lane: once, max: 1 },
      ],
      max: 8,
    });
  });
  it('ask for a free slot at once, for prefetch when a third of it has run dry', () => {
    const claimed = (free: number, credits: number, held: number): number =>
      quotasOf([worker('a', free, credits, { held })], [python]).max;
    expect([claimed(1, 1, 100), claimed(0, 9, 20), claimed(0, 10, 20), claimed(0, 1, 0)]).toEqual([1, 0, 10, 1]);
  });
  it('leave out lanes that nobody serves', () => {
    expect(quotasOf([worker('a', 1, 1)], [javascript]).quotas).toEqual([]);
  });
});

describe('the choice', () => {
  const random = (): number => 0.5;

  it('prefers a free slot anywhere to a place in the queue of a worker that knows the function', () => {
    const all = Array.from({ length: 20 }, (_, n) => worker(`w${n}`, 0, 10));
    all[13]!.free = 1;
    expect(new Choice(all).pick(python, 'digest', false, random)?.id).toBe('w13');
  });

  it('sends one function to the same few workers', () => {
    const all = Array.from({ length: 100 }, (_, n) => worker(`w${n}`, 100, 100));
    const choice = new Choice(all);
    const chosen = new Set(
      Array.from({ length: 60 }, () => {
        const one = choice.pick(python, 'digest', false, random)!;
        one.free -= 1;
        one.credits -= 1;
        return one.id;
      }),
    );
    expect(chosen.size).toBe(3);
  });

  it('keeps its few when a worker that is not one of them leaves', () => {
    const all = Array.from({ length: 50 }, (_, n) => worker(`w${n}`, 1, 1));
    const before = new Choice(all).pick(python, 'digest', false, random)!;
    const rest = all.filter((one) => one === before || one.id !== 'w7');
    expect(new Choice(rest).pick(python, 'digest', false, random)).toBe(before);
  });

  it('gives an at-most-once task to free slots only', () => {
    expect(new Choice([worker('a', 0, 5)]).pick(python, 'd', true, random)).toBeUndefined();
  });

  it('gives nothing where nobody has credit or nobody fits', () => {
    expect(new Choice([worker('a', 3, 0)]).pick(python, 'd', false, random)).toBeUndefined();
    expect(new Choice([worker('a', 3, 3)]).pick(javascript, 'd', false, random)).toBeUndefined();
  });

  it('finds the only worker with room among thousands', () => {
    const all = Array.from({ length: 5_000 }, (_, n) => worker(`w${n}`, 0, 0));
    all[4_321]!.credits = 1;
    expect(new Choice(all).pick(python, 'd', false, Math.random)?.id).toBe('w4321');
  });
});
