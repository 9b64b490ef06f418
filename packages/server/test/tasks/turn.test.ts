// What is asked in one turn of the event loop, asked of the store in one call.
import { expect, it } from 'vitest';
import { TurnBatches } from '../../src/tasks/turn.ts';
import { held } from '../memory.ts';

it('asks once a turn for each key, and hands each caller its own answer', async () => {
  const asked: string[] = [];
  const batches = new TurnBatches<number, string>(async (key, items) => {
    asked.push(`${key}: ${items.join()}`);
    return items.map((item) => `${key}${item}`);
  });
  const turn = (): Promise<string[]> => Promise.all([batches.add('a', 1), batches.add('b', 2), batches.add('a', 3)]);
  expect(await turn()).toEqual(['a1', 'b2', 'a3']);
  expect(await turn()).toEqual(['a1', 'b2', 'a3']);
  expect(asked).toEqual(['a: 1,3', 'b: 2', 'a: 1,3', 'b: 2']);
});

it('keeps nothing of a key whose batch is over: every page of the event log is one', async () => {
  const batches = new TurnBatches<null, null>(async (_, items) => items);
  const read = (from: number, count: number): Promise<null[]> =>
    Promise.all(Array.from({ length: count }, (_, n) => batches.add(`default ${from + n}`, null)));
  await read(0, 1_000);
  const before = held().objects;
  for (let from = 0; from < 100_000; from += 1_000) await read(from, 1_000);
  expect(held().objects - before).toBeLessThan(5_000_000);
  // The batches are still there to be asked.
  // Asked once more, or it might itself be gone by now, with all it held.
  await batches.add('default 0', null);
});
