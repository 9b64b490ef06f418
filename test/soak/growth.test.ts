// The soak's judgement of memory: what it must find, and what must not make it cry out.
import { expect, it } from 'vitest';
import type { Footprint } from './footprint.ts';
import { countGrowth, memoryGrowth, type Rest } from './growth.ts';

const MIB = 2 ** 20;
/** What a rest finds differs by a few percent, both ways. */
const NOISE = [0, 3, -2, 4, -3, 1, -1, 2, 4, -4, 0];

function rests(privateMib: (at: number) => number, liveMib: (at: number) => number): Rest[] {
  return NOISE.map((_, at) => ({
    done: 1000 * at,
    'private memory': new Map([['worker 1', privateMib(at) * MIB]]),
    'live objects': new Map([['worker 1', liveMib(at) * MIB]]),
  }));
}

it('finds memory that grows little by little, in the noise', () => {
  const faults = memoryGrowth(
    rests(
      (at) => 100 + at + NOISE[at]!,
      () => 10,
    ),
  );
  expect(faults).toEqual([
    expect.stringMatching(/^the private memory of worker 1 grew from 1\d\d\.\d to 1\d\d\.\d MiB/),
  ]);
});

it('finds objects that are held on to', () => {
  const faults = memoryGrowth(
    rests(
      (at) => 100 + NOISE[at]!,
      (at) => 10 + 0.06 * at,
    ),
  );
  expect(faults).toEqual(['the live objects of worker 1 grew from 10.0 to 10.6 MiB (+6.0 %)']);
});

it('takes no single rest for a growth, the last one neither', () => {
  expect(
    memoryGrowth(
      rests(
        (at) => (at === 10 ? 112 : 100 + NOISE[at]!),
        () => 10,
      ),
    ),
  ).toEqual([]);
});

/** What is seen of a worker whose runners come and go: from what it holds up to half as many more, wherever in that the looks happen to fall. */
function looks(heldAt: (at: number) => number): Map<string, Footprint[]>[] {
  return NOISE.map((noise, at) => {
    const descriptors = [40, 12, 0, 20 + 5 * noise, 52].map((more) => heldAt(at) + more);
    return new Map([['worker 1', [{ bytes: 0, descriptors, processes: 13 }]]]);
  });
}

it('takes no tide of descriptors for a growth', () => {
  expect(countGrowth(looks(() => 87))).toEqual([]);
});

it('finds descriptors that are never closed, in that tide', () => {
  expect(countGrowth(looks((at) => 87 + Math.floor(at / 2)))).toEqual([
    expect.stringMatching(/^the descriptors of worker 1 grew from 8\d\.\d to 9\d\.\d$/),
  ]);
});
