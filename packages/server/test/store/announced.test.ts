// What was announced of the event logs, told in the place of a read: of a log with random entries, of whose announcements some
// are lost, nothing is ever told with a gap.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/lifecycle/ids.ts';
import type { TaskEnd } from '../../src/store/index.ts';
import { Announced, type AnnouncedEntry } from '../../src/store/redis/results/announced.ts';
import { eventsIn, pageOf, spelled, WHOLE, type Place } from '../../src/store/redis/results/places.ts';

const LINK = {};
const LOG = 1_764_000_000_000_000;

function entry(prefix: string, number: number, ends = 1, source: unknown = LINK): AnnouncedEntry {
  return {
    prefix,
    log: LOG,
    number,
    place: { ms: number, sequence: 0, seen: WHOLE },
    ends: Array.from({ length: ends }, end),
    source,
  };
}

function end(): TaskEnd {
  return { id: newId(0, 0), state: 'COMPLETED', kind: '', group: '', functionId: '', endedAt: 1 };
}

const cursor = (ms: number, seen = WHOLE): string => spelled({ ms, sequence: 0, seen });
const idsOf = (...entries: AnnouncedEntry[]): string[] => entries.flatMap(({ ends }) => ends.map(({ id }) => id));

function heard(...entries: AnnouncedEntry[]): Announced {
  const announced = new Announced();
  for (const prefix of ['a', 'b']) announced.isNamed(prefix, LOG);
  for (const one of entries) announced.add(one);
  return announced;
}

describe('what was announced', () => {
  it('is told to whoever stands at or in an entry that was heard', () => {
    const [one, two, three] = [entry('a', 1), entry('a', 2, 3), entry('a', 3)];
    const announced = heard(one, two, three);
    const idsAfter = (at: string, limit = 10): string[] | undefined =>
      announced.after(at, ['a'], limit)?.items.map(({ id }) => id);
    expect(idsAfter(cursor(1))).toEqual(idsOf(two, three));
    expect(idsAfter(cursor(2, 2))).toEqual(idsOf(two, three).slice(2));
    expect(idsAfter(cursor(1), 2)).toEqual(idsOf(two).slice(0, 2));
    expect(announced.after(cursor(1), ['a'], 2)!.cursor).toBe(cursor(2, 2));
    // Whether there is more only a read can tell.
    expect(idsAfter(cursor(3))).toBeUndefined();
    expect(idsAfter(cursor(0))).toBeUndefined();
    expect(idsAfter('nonsense')).toBeUndefined();
  });

  it('ends where one is missing, and where it was heard on another link', () => {
    const after = (announced: Announced): number | undefined => announced.after(cursor(1), ['a'], 10)?.items.length;
    expect(after(heard(entry('a', 1), entry('a', 2)))).toBe(1);
    expect(after(heard(entry('a', 1), entry('a', 3)))).toBeUndefined();
    expect(after(heard(entry('a', 1), entry('a', 2, 1, {})))).toBeUndefined();
    expect(after(heard(entry('a', 1), entry('a', 2), entry('a', 2)))).toBeUndefined();
  });

  it('is of one log alone, and of several where all places are known', () => {
    const announced = heard(entry('a', 1), entry('b', 1), entry('a', 2));
    expect(announced.after(cursor(1), ['b'], 10)).toBeUndefined();
    expect(announced.after(`${cursor(1)},${cursor(1)}`, ['a', 'b'], 10)!.cursor).toBe(`${cursor(2)},${cursor(1)}`);
    expect(announced.after(`${cursor(1)},${cursor(0)}`, ['a', 'b'], 10)).toBeUndefined();
  });

  it('is kept of the newest ends', () => {
    const many = Array.from({ length: 1100 }, (_, i) => entry('a', i + 1));
    const announced = heard(...many, entry('b', 1, 2000), entry('b', 2));
    expect(announced.after(cursor(76), ['a'], 2000)).toBeUndefined();
    expect(announced.after(cursor(77), ['a'], 2000)!.items).toHaveLength(1023);
    expect(announced.after(cursor(1), ['b'], 10)).toBeUndefined();
  });

  it('is of the log that a read has named, and of no other under the same prefix', () => {
    const announced = heard(entry('a', 1), { ...entry('a', 2), log: LOG + 1 }, entry('c', 1), entry('c', 2));
    expect(announced.after(cursor(1), ['a'], 10)).toBeUndefined();
    announced.add(entry('a', 2));
    expect(announced.after(cursor(1), ['a'], 10)!.items).toHaveLength(1);
    announced.isNamed('a', LOG);
    expect(announced.after(cursor(1), ['a'], 10)!.items).toHaveLength(1);
    announced.isNamed('a', LOG + 1);
    expect(announced.after(cursor(1), ['a'], 10)).toBeUndefined();
    expect(announced.after(cursor(1), ['c'], 10)).toBeUndefined();
  });

  it('is forgotten where it may not go on as it was', () => {
    const announced = heard(entry('a', 1), entry('a', 2));
    announced.forget();
    expect(announced.after(cursor(1), ['a'], 10)).toBeUndefined();
    announced.add(entry('a', 3));
    announced.add(entry('a', 4));
    expect(announced.after(cursor(3), ['a'], 10)!.items).toHaveLength(1);
  });

  it('is a beginning of what a read would tell, whatever was lost', () => {
    const step = fc.record({ ends: fc.integer({ min: 1, max: 4 }), isLost: fc.boolean(), isNewLink: fc.boolean() });
    const run = (steps: { ends: number; isLost: boolean; isNewLink: boolean }[], from: number, seen: number): void => {
      const announced = heard();
      let link = LINK;
      const log = steps.map(({ ends, isLost, isNewLink }, i) => {
        if (isNewLink) link = {};
        const one = entry('a', i + 1, ends, link);
        if (!isLost) announced.add(one);
        return one;
      });
      const place: Place = { ms: from, sequence: 0, seen };
      const all = log.flatMap((one) => eventsIn(one.place, one.ends, place));
      const told = announced.after(spelled(place), ['a'], 3);
      if (told === undefined) return;
      expect(told).toEqual(pageOf([place], [all], told.items.length));
      expect(told.items.length).toBeGreaterThan(0);
    };
    const place = [fc.integer({ min: 0, max: 12 }), fc.constantFrom(1, 2, 3, WHOLE)] as const;
    fc.assert(fc.property(fc.array(step, { maxLength: 12 }), ...place, run));
  });
});
