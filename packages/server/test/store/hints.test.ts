// Announcements on the wire: a channel is open to everybody, so that what is heard on one may be anything.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newId } from '../../src/lifecycle/ids.ts';
import { readHint } from '../../src/store/redis/hints.ts';

/** One end as record.lua announces it: COMPLETED, of no group and no function. */
function announcement(prefix: string, entry: string, id: string): Buffer {
  const head = Buffer.alloc(18);
  head.write('E');
  head.writeDoubleLE(1_764_000_000_000_000, 1);
  head.writeUIntLE(12, 9, 6);
  head.writeUInt16LE(prefix.length, 15);
  head.writeUInt8(entry.length, 17);
  const end = Buffer.alloc(12);
  end.writeUInt8(4);
  return Buffer.concat([head, Buffer.from(prefix + entry), end, Buffer.from(id), Buffer.alloc(4)]);
}

it('says of ends which entry of which log they are', () => {
  const id = newId(0, 0);
  const heard = readHint(announcement('{s0}:default:', '1764000000000-3', id));
  expect(heard?.hint).toMatchObject({ is: 'ends', ends: [{ id, state: 'COMPLETED', group: '' }] });
  expect(heard?.entry).toMatchObject({
    prefix: '{s0}:default:',
    log: 1_764_000_000_000_000,
    number: 12,
    place: { ms: 1_764_000_000_000, sequence: 3 },
  });
});

it('is nothing where it cannot be read', () => {
  const whole = announcement('{s0}:default:', '1764000000000-3', newId(0, 0));
  // Up to the names; after them it is one without ends.
  for (let length = 0; length < 18; length += 1) expect(readHint(whole.subarray(0, length))).toBeUndefined();
  for (let length = 18; length <= whole.length; length += 1) readHint(whole.subarray(0, length));
  const anything = fc.tuple(fc.constantFrom('e', 'E', 'w', 'c', 'x'), fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(anything, ([letter, bytes]) => {
      readHint(Buffer.concat([Buffer.from(letter), bytes]));
    }),
  );
});
