// The choice of worker: fits, prefers the few that know the function, never gives what was not granted.
import { describe, expect, it } from 'vitest';
import { Choice, type Candidate } from '../../src/dispatcher/choice.ts';
import { quotasOf } from '../../src/dispatcher/quotas.ts';
import { serves, whyNeverRead } from '../../src/lifecycle/demand.ts';
import { laneOf, parseLane } from '../../src/lifecycle/lane.ts';

const PYTHON = laneOf({ runtime: 'python', python: '', labels: [], at_most_once: false, form: 'source' });
const JAVASCRIPT = laneOf({ runtime: 'javascript', python: '', labels: [], at_most_once: false, form: 'source' });

function worker(id: string, free: number, credits: number, change: Partial<Candidate> = {}): Candidate {
  return {
    id,
    free,
    credits,
    held: 0,
    slots: 2,
    labels: [],
    runtimes: [{ runtime: 'python', version: '3.11.2', broken: '' }],
    ...change,
  };
}

const demand = { runtime: 'python' as const, python: '', labels: [], atMostOnce: false, pickled: false };
const pickled = { ...demand, pickled: true };
const python = (pickles: string): Candidate['runtimes'][number] => ({
  ...{ runtime: 'python', version: '3.11.2', broken: '' },
  pickles,
});

describe('serves', () => {
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
    ['a pickle where there is no dill', worker('a', 1, 1, { runtimes: [python('no dill')] }), pickled, false],
    ['a source where there is no dill', worker('a', 1, 1, { runtimes: [python('no dill')] }), demand, true],
    ['a pickle where dill is', worker('a', 1, 1), pickled, true],
  ])('%s', (_, candidate, wanted, expected) => {
    expect(serves(candidate, wanted)).toBe(expected);
  });
});

describe('a pickle is never read', () => {
  const bare = worker('bare', 1, 1, { runtimes: [python('no dill')] });
  const soon = worker('soon', 1, 1, { runtimes: [{ ...python('it comes'), pickles_soon: true }] });
  const broken = worker('broken', 1, 1, { runtimes: [{ ...python('no dill'), broken: 'it crashes' }] });
  it.each([
    ['where nobody has dill', [bare, bare], pickled, 'no dill'],
    ['but by another who has it', [bare, worker('a', 0, 0)], pickled, ''],
    ['but by one that will have it', [bare, soon], pickled, ''],
    ['but by a broken one that may be repaired', [bare, broken], pickled, ''],
    ['but by nobody who is here: it waits', [], pickled, ''],
    ['but who has dill does not fit', [bare, worker('a', 1, 1)], { ...pickled, python: '3.12' }, ''],
    ['and a source needs none', [bare], demand, ''],
  ])('%s', (_, workers, wanted, expected) => {
    expect(whyNeverRead(workers, wanted)).toBe(expected);
  });
  it('where the one with dill lacks a label', () => {
    const labelled = { ...bare, labels: ['gpu'] };
    expect(whyNeverRead([labelled, worker('a', 1, 1)], { ...pickled, labels: ['gpu'] })).toBe('no dill');
  });
});

describe('lanes', () => {
  it('are read back as they were made', () => {
    const spec = { runtime: 'python' as const, python: '3.11', labels: ['b|,x', 'a'], at_most_once: true };
    const demand = { runtime: 'python', python: '3.11', labels: ['a', 'b|,x'], atMostOnce: true };
    expect(parseLane(laneOf({ ...spec, form: 'source' }))).toEqual({ ...demand, pickled: false });
    expect(parseLane(laneOf({ ...spec, form: 'pickle' }))).toEqual({ ...demand, pickled: true });
  });
});

describe('quotas', () => {
  const once = laneOf({ runtime: 'python', python: '', labels: [], at_most_once: true, form: 'source' });
  it('never pass what is offered, lane by lane', () => {
    const offers = [
      worker('a', 1, 5),
      worker('b', 0, 3, { runtimes: [{ runtime: 'javascript', version: '24.0.0', broken: '' }] }),
    ];
    expect(quotasOf(offers, [PYTHON, JAVASCRIPT, once])).toEqual({
      quotas: [
        { lane: PYTHON, max: 5 },
        { lane: JAVASCRIPT, max: 3 },
        { lane: once, max: 1 },
      ],
      max: 8,
    });
  });
  it('ask for a free slot at once, for prefetch when a third of it has run dry', () => {
    const claimed = (free: number, credits: number, held: number): number =>
      quotasOf([worker('a', free, credits, { held })], [PYTHON]).max;
    expect([claimed(1, 1, 100), claimed(0, 9, 20), claimed(0, 10, 20), claimed(0, 1, 0)]).toEqual([1, 0, 10, 1]);
  });
  it('ask for prefetch call by call where no more than one is held for each slot', () => {
    const claimed = (held: number): number => quotasOf([worker('a', 0, 1, { held })], [PYTHON]).max;
    expect([claimed(3), claimed(4), claimed(5)]).toEqual([1, 1, 0]);
  });
  it('leave out lanes that nobody serves', () => {
    expect(quotasOf([worker('a', 1, 1)], [JAVASCRIPT]).quotas).toEqual([]);
  });
});

describe('the choice', () => {
  const random = (): number => 0.5;

  it('prefers a free slot anywhere to a place in the queue of a worker that knows the function', () => {
    const all = Array.from({ length: 20 }, (_, n) => worker(`w${n}`, 0, 10));
    all[13]!.free = 1;
    expect(new Choice(all).pick(PYTHON, 'digest', false, random)?.id).toBe('w13');
  });

  it('sends one function to the same few workers', () => {
    const all = Array.from({ length: 100 }, (_, n) => worker(`w${n}`, 100, 100));
    const choice = new Choice(all);
    const chosen = new Set(
      Array.from({ length: 60 }, () => {
        const one = choice.pick(PYTHON, 'digest', false, random)!;
        one.free -= 1;
        one.credits -= 1;
        return one.id;
      }),
    );
    expect(chosen.size).toBe(3);
  });

  it('keeps its few when a worker that is not one of them leaves', () => {
    const all = Array.from({ length: 50 }, (_, n) => worker(`w${n}`, 1, 1));
    const before = new Choice(all).pick(PYTHON, 'digest', false, random)!;
    const rest = all.filter((one) => one === before || one.id !== 'w7');
    expect(new Choice(rest).pick(PYTHON, 'digest', false, random)).toBe(before);
  });

  it('gives an at-most-once task to free slots only', () => {
    expect(new Choice([worker('a', 0, 5)]).pick(PYTHON, 'd', true, random)).toBeUndefined();
  });

  it('gives nothing where nobody has credit or nobody fits', () => {
    expect(new Choice([worker('a', 3, 0)]).pick(PYTHON, 'd', false, random)).toBeUndefined();
    expect(new Choice([worker('a', 3, 3)]).pick(JAVASCRIPT, 'd', false, random)).toBeUndefined();
  });

  it('finds the only worker with room among thousands', () => {
    const all = Array.from({ length: 5_000 }, (_, n) => worker(`w${n}`, 0, 0));
    all[4_321]!.credits = 1;
    expect(new Choice(all).pick(PYTHON, 'd', false, Math.random)?.id).toBe('w4321');
  });
});
