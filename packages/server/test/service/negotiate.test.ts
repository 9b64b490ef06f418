// What a caller asks of the answer.
import { MAX_WAIT_MS } from '@mpcsfaas/contract';
import { expect, it } from 'vitest';
import { waitOf } from '../../src/service/negotiate.ts';

it('a wait is cut to the longest one, and is what the route says where none is asked for', () => {
  expect([waitOf(undefined, 0), waitOf(undefined, MAX_WAIT_MS), waitOf(250, 0)]).toEqual([0, MAX_WAIT_MS, 250]);
  expect([waitOf(60_000, 0), waitOf(60_001, 0), waitOf(2 ** 60, 0)]).toEqual([60_000, 60_000, 60_000]);
});
