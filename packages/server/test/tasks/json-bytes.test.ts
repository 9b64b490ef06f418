// Whatever JSON.parse takes is JSON, and nothing else.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonTrouble } from '../../src/tasks/json-bytes.ts';

function parses(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

const isJson = (bytes: Buffer): boolean => jsonTrouble(bytes) === '';

describe('bytes are JSON exactly where JSON.parse takes them', () => {
  it.each([
    ...['', ' ', '5', ' -0.5e+10 ', '01', '-', '1.', '.5', '1e', '+1', '1e5.', 'true', 'tru', 'truex', 'null', 'NaN'],
    ...['"a"', '"', '"\\"', '"\\u12f"', '"\\u12FF\\n"', '"\\x"', '"\n"', '"\u007f"', '"ä\ud83d\ude00"', "'a'"],
    ...['[]', '[ ]', '[', ']', '[1', '[1,]', '[,1]', '[1 2]', '[1,2]]', '[[],[[]],{}]', '[}', 'not js]', '1 2'],
    ...['{}', '{', '{"a"}', '{"a":}', '{"a":1,}', '{"a":1,"a":[{"b":{}}]}', '{a:1}', '{1:1}', '{"a" : 1 , "b":2}'],
    ...['\ufeff1', '// 1', '[1]//', '{"a":1]', '[1}'],
  ])('%j', (text) => {
    expect(isJson(Buffer.from(text))).toBe(parses(Buffer.from(text)));
  });

  it('not in UTF-8', () => {
    expect(jsonTrouble(Buffer.from([0x22, 0xff, 0x22]))).toBe('its text is not UTF-8');
  });

  it('any JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(3), (text, space) => {
        const spaced = Buffer.from(JSON.stringify(JSON.parse(text), undefined, space));
        expect(jsonTrouble(spaced)).toBe('');
      }),
      { seed: 1 },
    );
  });

  it('any JSON with some bytes changed, cut out or put in', () => {
    const change = fc.record({
      at: fc.nat(),
      cut: fc.nat(2),
      put: fc.subarray(
        [0x7b, 0x7d, 0x5b, 0x5d, 0x22, 0x2c, 0x3a, 0x5c, 0x20, 0x65, 0x2b, 0x2d, 0x2e, 0x30, 0x31, 0x75, 0x0a, 0],
        {
          maxLength: 1,
        },
      ),
    });
    fc.assert(
      fc.property(fc.json(), fc.array(change, { minLength: 1, maxLength: 3 }), (text, changes) => {
        let bytes = Buffer.from(text);
        for (const { at, cut, put } of changes) {
          const place = at % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(put), bytes.subarray(place + cut)]);
        }
        expect(isJson(bytes)).toBe(parses(bytes));
      }),
      { numRuns: 20_000, seed: 2 },
    );
  });

  it('however deep', () => {
    const deep = Buffer.from('['.repeat(100_000) + ']'.repeat(100_000));
    expect(isJson(deep)).toBe(true);
    expect(jsonTrouble(deep.subarray(1))).toBe('at byte 199998 of 199999');
  });
});
