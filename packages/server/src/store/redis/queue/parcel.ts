// Many things one after another in one argument of a script (`read_many` in record.lua), for each argument has its price in every
// program. Long strings stand apart, or their bytes would become a string of Lua's twice.
import type { Argument } from '../shards.ts';

/** Longer strings stand apart, bytes. */
const LONGEST = 1024;
const APART = 0xffff;
const LENGTH_BYTES = 2;

/** `write` writes the `fixed` bytes that an item begins with; lengths of its strings follow, then these. What stands apart follows. */
export function parcel<T>(
  items: readonly T[],
  fixed: number,
  write: (item: T, all: Buffer, at: number) => void,
  stringsOf: (item: T) => readonly Buffer[],
): Argument[] {
  const strings = items.map(stringsOf);
  let size = 0;
  for (const some of strings) {
    size += fixed + LENGTH_BYTES * some.length;
    for (const { length } of some) if (length <= LONGEST) size += length;
  }
  const all = Buffer.alloc(size);
  const apart: Buffer[] = [];
  let at = 0;
  for (const [i, item] of items.entries()) {
    const some = strings[i]!;
    write(item, all, at);
    let lengthAt = at + fixed;
    at = lengthAt + LENGTH_BYTES * some.length;
    for (const bytes of some) {
      const isApart = bytes.length > LONGEST;
      lengthAt = all.writeUInt16LE(isApart ? APART : bytes.length, lengthAt);
      if (isApart) apart.push(bytes);
      else at += bytes.copy(all, at);
    }
  }
  return [all, ...apart];
}
