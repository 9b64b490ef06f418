// Which attempts wait for parts that do not come: one that others have overtaken, and not one that is in line.
import { expect, it } from 'vitest';
import { Arriving } from '../../src/worker/arriving.ts';
import type { Attempt } from '../../src/worker/attempts.ts';

const attempt = (token: string, owner = 'd1'): Attempt => ({ token, owner }) as Attempt;

it('one that is overtaken has waited since its own last part, those in line have not', () => {
  const arriving = new Arriving();
  const [first, second, third] = [attempt('1'), attempt('2'), attempt('3')];
  for (const one of [first, second, third]) arriving.add(one, 10);
  arriving.moved('d1', '1', 20);
  expect(arriving.waitingSince('d1')).toBe(20);
  arriving.moved('d1', '2', 30);
  expect(arriving.waitingSince('d1')).toBe(20);
  arriving.delete(first);
  expect(arriving.waitingSince('d1')).toBe(30);
  arriving.moved('d1', undefined, 40);
  expect(arriving.waitingSince('d1')).toBe(40);
  expect(arriving.size).toBe(2);
});

it('what one dispatcher sends says nothing of another', () => {
  const arriving = new Arriving();
  arriving.add(attempt('1', 'd1'), 10);
  arriving.add(attempt('2', 'd2'), 10);
  arriving.moved('d2', '2', 20);
  expect(arriving.waitingSince('d1')).toBe(10);
  expect(arriving.waitingSince('d2')).toBe(20);
  expect(arriving.waitingSince('d3')).toBeUndefined();
});
