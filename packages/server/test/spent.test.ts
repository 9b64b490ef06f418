// Bytes that are given back: at once, and never from under somebody who shares their memory.
import { expect, test } from 'vitest';
import { joined, spend } from '../src/spent.ts';

const LENGTH = 64 * 1024;

test('spent bytes are gone, and what shares its memory with others stays', () => {
  const whole = Buffer.allocUnsafeSlow(LENGTH).fill(7);
  const part = whole.subarray(1);
  spend(part);
  expect(part[0]).toBe(7);
  spend(whole);
  expect([whole.length, part.length]).toEqual([0, 0]);
});

test('pieces are joined and spent; one by itself is the whole', () => {
  const pieces = [1, 2, 3].map((n) => Buffer.allocUnsafeSlow(LENGTH).fill(n));
  const expected = Buffer.concat(pieces);
  expect(joined(pieces).equals(expected)).toBe(true);
  expect(pieces.map(({ length }) => length)).toEqual([0, 0, 0]);
  const alone = Buffer.allocUnsafeSlow(LENGTH);
  expect(joined([alone])).toBe(alone);
  expect(alone.length).toBe(LENGTH);
  expect(joined([]).length).toBe(0);
});
