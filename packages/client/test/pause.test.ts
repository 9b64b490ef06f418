// How long the pauses between tries are: longer each time, bounded, spread, and never shorter than the service asks for.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pauseMs } from '../src/connection.ts';
import { ConnectionFailed } from '../src/index.ts';
import { refusal } from '../src/errors.ts';
import { backoffMs } from '../src/pause.ts';

it('doubles with each try, up to five seconds', () => {
  const longest = Array.from({ length: 9 }, (_, tried) => backoffMs(tried, 1));
  expect(longest).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
  expect(backoffMs(100_000, 1)).toBe(5_000);
});

it('is spread evenly over the upper half of that', () => {
  expect([0, 0.25, 0.5, 0.75, 1].map((random) => backoffMs(3, random))).toEqual([400, 500, 600, 700, 800]);
  expect([0, 0.5].map((random) => backoffMs(50, random))).toEqual([2_500, 3_750]);
});

const refused = (after: number): Error =>
  refusal(
    { type: '', title: '', status: 429, detail: '', code: 'rate_limited', request_id: '', retry_after_ms: after },
    'http://127.0.0.1:8000',
  );

it('is as long as the service asks for, where that is longer, and never shorter than it is without', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.nat(20_000), (tried, after) => {
      const ms = pauseMs(refused(after), tried);
      const longest = backoffMs(tried, 1);
      expect(ms).toBeGreaterThanOrEqual(Math.max(after, longest / 2));
      expect(ms).toBeLessThanOrEqual(Math.max(after, longest));
    }),
  );
});

it('differs from client to client after a fault that asks for nothing', () => {
  const fault = new ConnectionFailed('It is away.');
  const pauses = Array.from({ length: 50 }, () => pauseMs(fault, 4));
  expect(new Set(pauses).size).toBeGreaterThan(40);
  for (const ms of pauses) expect(ms).toBeGreaterThanOrEqual(800);
  for (const ms of pauses) expect(ms).toBeLessThan(1_600);
});
