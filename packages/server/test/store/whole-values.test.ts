// Large values out of the pieces in which they came: whoever reads what comes out has the bytes that went in, and each large
// value in one piece; a piece's memory is given back only where nobody has anything of it.
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WholeValues, readWhole } from '../../src/store/redis/whole-values.ts';

const LARGE = 200_000;

const replies = fc.array(
  fc.oneof(
    { arbitrary: fc.constantFrom('+OK\r\n', ':42\r\n', '-ERR no\r\n', '$-1\r\n', '$0\r\n\r\n'), weight: 2 },
    { arbitrary: fc.integer({ min: 1, max: 3000 }).map(value), weight: 2 },
    { arbitrary: fc.integer({ min: 32 * 1024, max: LARGE }).map(value), weight: 2 },
  ),
  { maxLength: 8 },
);

/** Line ends and what looks like a reply's first line are in it. */
function value(length: number): string {
  return `$${length}\r\n${'$70000\r\n+a*:-'.repeat(Math.ceil(length / 13)).slice(0, length)}\r\n`;
}

/** As a socket gives them: each piece in memory of its own. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, n = 0; at < bytes.length; n += 1) {
    const size = sizes[n % sizes.length]!;
    const piece = Buffer.allocUnsafeSlow(Math.min(size, bytes.length - at));
    bytes.copy(piece, 0, at);
    pieces.push(piece);
    at += size;
  }
  return pieces;
}

describe('replies in any pieces', () => {
  test('come out as they are, and no large value in parts', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 65_536 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(replies, sizes, (texts, sizesOfPieces) => {
        const bytes = Buffer.from(texts.join(''));
        // A byte at a time is slow, and tells of small replies what it tells of large ones.
        const cuts = bytes.length > 10_000 ? sizesOfPieces.map((size) => Math.max(size, 500)) : sizesOfPieces;
        const values = new WholeValues();
        const out = cut(bytes, cuts).flatMap((piece) => [...values.push(piece)]);
        expect(Buffer.concat(out).equals(bytes)).toBe(true);
        let at = 0;
        for (const text of texts) {
          const body = at + text.indexOf('\r\n') + 2;
          at += text.length;
          if (text.length >= 32 * 1024 + 10) expect(inOnePiece(out, body, at)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('made of others are passed on, and all that comes after them', () => {
    const values = new WholeValues();
    const bytes = Buffer.from(`:1\r\n*1\r\n${value(LARGE)}`);
    const pieces = cut(bytes, [50_000]);
    expect(pieces.flatMap((piece) => [...values.push(piece)])).toEqual(cut(bytes, [50_000]));
  });
});

describe('memory', () => {
  test('of a piece within a large value is given back, of one that holds more it is not', () => {
    const values = new WholeValues();
    const pieces = cut(Buffer.from(`+OK\r\n${value(LARGE)}:1\r\n`), [60_000]);
    for (const piece of pieces) Array.from(values.push(piece));
    expect(pieces.map(({ length }) => length)).toEqual([60_000, 0, 0, 20_000 + '$200000\r\n\r\n+OK\r\n:1\r\n'.length]);
  });
});

test('a client that has connected reads through it', () => {
  const stream = new PassThrough();
  const heard: number[] = [];
  stream.on('data', (chunk: Buffer) => heard.push(chunk.length));
  readWhole(stream);
  for (const piece of cut(Buffer.from(value(LARGE)), [70_000])) stream.emit('data', piece);
  expect(heard).toEqual(['$200000\r\n'.length, LARGE + 2]);
});

function inOnePiece(pieces: readonly Buffer[], from: number, to: number): boolean {
  let at = 0;
  for (const { length } of pieces) {
    if (at <= from && to <= at + length) return true;
    at += length;
  }
  return false;
}
