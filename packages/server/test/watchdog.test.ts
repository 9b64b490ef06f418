// Who watches loops.
import { expect, it } from 'vitest';
import { Watchdog, troublesOf } from '../src/watchdog.ts';

it('a loop that owes a turn for too long is named until it turns again, or rests', () => {
  const dog = new Watchdog('the sweep', 5000);
  expect(dog.trouble(1e9)).toBe('');
  dog.turned(1000);
  expect(dog.trouble(6000)).toBe('');
  expect(dog.trouble(6001)).toBe('the sweep has not come round for 5 s');
  dog.begun(6001);
  expect(dog.trouble(9000)).toBe('the sweep has not come round for 8 s');
  dog.turned(9001);
  expect(dog.trouble(9002)).toBe('');
  dog.rests();
  expect(dog.trouble(1e9)).toBe('');
  dog.begun(2e9);
  expect(troublesOf([dog, new Watchdog('another', 1)], 2e9 + 60_000)).toEqual([
    'the sweep has not come round for 60 s',
  ]);
});
