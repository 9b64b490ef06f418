import { describe, expect, it } from 'vitest';
import { InFlight } from '../src/in-flight.ts';

describe('a map of what is under way', () => {
  it('knows what is in it, in the order in which it came', () => {
    const map = new InFlight<string, number>();
    expect([map.size, map.get('a'), map.has('a'), map.delete('a')]).toEqual([0, undefined, false, false]);
    map.set('a', 1);
    map.set('b', 2);
    map.set('a', 3);
    expect([map.size, map.get('a'), map.has('b')]).toEqual([2, 3, true]);
    expect([...map]).toEqual([
      ['a', 3],
      ['b', 2],
    ]);
    expect([[...map.keys()], [...map.values()]]).toEqual([
      ['a', 'b'],
      [3, 2],
    ]);
    expect([map.delete('a'), map.size, [...map.keys()]]).toEqual([true, 1, ['b']]);
  });

  it('may lose entries while it is gone through', () => {
    const map = new InFlight<string, number>();
    for (let n = 0; n < 5000; n += 1) map.set(`k${n}`, n);
    let seen = 0;
    for (const [key, value] of map) {
      expect(key).toBe(`k${value}`);
      map.delete(key);
      seen += 1;
    }
    expect([seen, map.size]).toEqual([5000, 0]);
  });
});
