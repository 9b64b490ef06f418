// The frame reader: any cutting of the bytes gives the same frames; garbage gives a fault, never a crash.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeCall, encodeCode, encodeForget, FrameReader, KIND } from '../../src/runner/frames.ts';

function frame(kind: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(1 + body.length, 0);
  head[4] = kind;
  return Buffer.concat([head, body]);
}

function value(number: number, json: string, pickle: string): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32LE(number, 0);
  head[4] = 12;
  head.writeUInt32LE(2500, 5);
  head.writeUInt32LE(Buffer.byteLength(json), 9);
  return frame(KIND.value, Buffer.concat([head, Buffer.from(json), Buffer.from(pickle)]));
}

function output(number: number, text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(number, 0);
  head[4] = 1;
  return frame(KIND.output, Buffer.concat([head, Buffer.from(text)]));
}

describe('reading', () => {
  test('any cutting gives the same frames', () => {
    const all = Buffer.concat([
      frame(KIND.ready, Buffer.alloc(0)),
      output(1, 'hello'),
      value(1, '[1]', 'pp'),
      value(2, '', ''),
    ]);
    const cuts = fc.array(fc.integer({ min: 1, max: all.length }), { maxLength: 8 });
    fc.assert(
      fc.property(cuts, (at) => {
        const reader = new FrameReader();
        const found = [];
        let from = 0;
        for (const end of [...at, all.length].sort((a, b) => a - b)) {
          found.push(...reader.push(all.subarray(from, end), 1000));
          from = end;
        }
        expect(found).toEqual([
          { is: 'ready' },
          { is: 'output', number: 1, stream: 'stderr', bytes: Buffer.from('hello') },
          { is: 'value', number: 1, untidy: false, runMs: 2.5, json: Buffer.from('[1]'), pickle: Buffer.from('pp') },
          { is: 'value', number: 2, untidy: false, runMs: 2.5, json: Buffer.alloc(0), pickle: Buffer.alloc(0) },
        ]);
      }),
      { seed: 1 },
    );
  });

  test('what was read stays, whatever becomes of the pieces of what follows', () => {
    const text = 'o'.repeat(30_000);
    const all = Buffer.concat([output(1, text), value(1, `"${'v'.repeat(200_000)}"`, ''), output(2, text)]);
    const reader = new FrameReader();
    const found = [];
    for (let from = 0; from < all.length; from += 50_000) {
      // In memory of its own, as a socket gives it.
      const piece = Buffer.allocUnsafeSlow(Math.min(50_000, all.length - from));
      all.copy(piece, 0, from);
      found.push(...reader.push(piece, 1_000_000));
    }
    const texts = found.map((one) =>
      (one.is === 'output' ? one.bytes : one.is === 'value' ? one.json : undefined)?.toString(),
    );
    expect(texts).toEqual([text, `"${'v'.repeat(200_000)}"`, text]);
  });

  test('a size over the limit is a fault as soon as it is read', () => {
    const head = Buffer.alloc(5);
    head.writeUInt32LE(1 << 30, 0);
    head[4] = KIND.value;
    expect(new FrameReader().push(head, 1000)).toEqual([{ is: 'too_large', size: 1 << 30 }]);
    head[4] = KIND.output;
    expect(new FrameReader().push(head, 2 ** 40)).toMatchObject([{ is: 'fault' }]);
  });

  test('random bytes never throw and end in a fault or in waiting', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const found = new FrameReader().push(Buffer.from(bytes), 1000);
        expect(found.slice(0, -1).every((one) => one.is !== 'fault' && one.is !== 'too_large')).toBe(true);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });

  test('lengths inside a frame are checked', () => {
    const short = value(1, '[1]', '');
    short.writeUInt32LE(100, 14);
    expect(new FrameReader().push(short, 1000)).toMatchObject([{ is: 'fault' }]);
    expect(new FrameReader().push(frame(KIND.value, Buffer.alloc(3)), 1000)).toMatchObject([{ is: 'fault' }]);
    expect(new FrameReader().push(frame(99, Buffer.alloc(3)), 1000)).toMatchObject([{ is: 'fault' }]);
  });
});

test('what is written says its own size', () => {
  const code = encodeCode({ function: 1, form: 'source', entry: 'ä', name: 'n', python: '', code: Buffer.from('x') });
  const call = encodeCall({
    ...{ number: 1, function: 2, gated: true, argsJson: true, withJson: true, withPickle: false },
    ...{ maxResult: 2 ** 40, memory: 0, args: Buffer.from('{}') },
  });
  for (const parts of [code, call, [encodeForget(3)]]) {
    const all = Buffer.concat(parts);
    expect(all.readUInt32LE(0)).toBe(all.length - 4);
  }
});
