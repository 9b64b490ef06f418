// Some thousands of bad frames and requests, the same ones every time; `npm run fuzz` is the long run.
import { expect, it } from 'vitest';
import { fuzz } from './run.ts';

it(
  'bad frames and bad requests: nothing crashes, nothing is allocated without bound, work goes on',
  { timeout: 120_000 },
  async () => {
    const { faults, statuses } = await fuzz(6_000, 2_000, 1, () => undefined);
    expect(faults).toEqual([]);
    // It got through to what it is about: answers of many kinds, good ones among them.
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 404, 405, 415, 422]));
  },
);
