// F6 in small, beside other work; `npm run storm` does it with a thousand workers, a hundred thousand tasks and a minute.
import { describe, expect, it } from 'vitest';
import { storm } from './run.ts';

describe('a storm', () => {
  it('is weathered: what is too much is refused with a word, what was accepted ends, all workers come back', async () => {
    const { faults, told } = await storm({ workers: 100, tasks: 5000, seconds: 2, back: 0.5 }, () => undefined);
    expect(faults).toEqual([]);
    expect(told).toContainEqual(expect.stringMatching(/100 workers are back/));
  });
});
