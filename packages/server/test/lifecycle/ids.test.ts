// Ids of many tasks at once are version 7 of RFC 9562 like any other, and in order.
import { expect, it } from 'vitest';
import { newId, newIds, shardOf, timeOf } from '../../src/lifecycle/ids.ts';

const AT = Date.UTC(2026, 10, 28);

it.each([0, 1, 2, 1000])('%i of one moment are in order, and tell it and their shard', (count) => {
  const ids = newIds(AT, 5, count);
  expect(ids).toHaveLength(count);
  expect(ids).toEqual([...new Set(ids)].sort());
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([timeOf(id), shardOf(id)]).toEqual([AT, 5]);
  }
});

it('62 bits of each are random, of one alone and of many', () => {
  for (const ids of [Array.from({ length: 1000 }, () => newId(AT, 0)), newIds(AT, 0, 1000)]) {
    const tails = ids.map((id) => BigInt(`0x${id.slice(19).replace('-', '')}`));
    for (let bit = 0n; bit < 62n; bit += 1n) {
      const ones = tails.filter((tail) => (tail >> bit) & 1n).length;
      // Eight standard deviations.
      expect(Math.abs(ones - 500), `bit ${bit}`).toBeLessThan(127);
    }
  }
});
