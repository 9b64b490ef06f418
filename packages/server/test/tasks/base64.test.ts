// Base64 against the real binascii and codecs, on many thousands of strings.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodeMime } from '../../src/tasks/base64.ts';

const STRINGS = 20_000;
const SEED = 20_250_131;

function python(code: string, input: unknown): unknown {
  const program = `import binascii, codecs, json, sys\nitems = json.load(sys.stdin)\n${code}`;
  const output = execFileSync('/usr/bin/python3', ['-c', program], {
    input: JSON.stringify(input),
    maxBuffer: 1 << 28,
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

const DECODE = `
def decode(text):
    try:
        return binascii.a2b_base64(text.encode('utf-8', 'replace')).hex()
    except binascii.Error:
        return None
print(json.dumps([decode(text) for text in items]))`;

const ALPHABET = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

const character = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...ALPHABET) },
  { weight: 3, arbitrary: fc.constantFrom('=', '==', '\n', '\r\n', ' ') },
  { weight: 1, arbitrary: fc.constantFrom('-', '_', '!', '\u0000', 'é', 'Ā', '\u{1F40D}', '.', '\t') },
);

const whole = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const text = fc.oneof(
  fc.array(character, { maxLength: 24 }).map((parts) => parts.join('')),
  whole,
  // Whole ones with something put in, taken away, or behind.
  fc.tuple(whole, character, fc.nat(300)).map(([base, extra, at]) => base.slice(0, at) + extra + base.slice(at)),
  fc.tuple(whole, fc.nat(3)).map(([base, cut]) => base.slice(0, base.length - cut)),
  fc.tuple(whole, fc.array(character, { maxLength: 4 })).map(([base, extra]) => base + extra.join('')),
);

describe('decodeBase64', () => {
  it(`agrees with Python on ${STRINGS} strings`, () => {
    const strings = fc.sample(text, { numRuns: STRINGS, seed: SEED });
    const theirs = python(DECODE, strings) as (string | null)[];
    const ours = strings.map((string) => decodeBase64(string)?.toString('hex') ?? null);
    const differing = strings.flatMap((string, i) =>
      ours[i] === theirs[i] ? [] : [{ string, ours: ours[i], theirs: theirs[i] }],
    );
    expect(differing.slice(0, 5)).toEqual([]);
    // The sample has both kinds in plenty.
    expect(theirs.filter((hex) => hex === null).length).toBeGreaterThan(STRINGS / 20);
    expect(theirs.filter((hex) => hex !== null && hex !== '').length).toBeGreaterThan(STRINGS / 4);
  });
});

describe('encodeMime', () => {
  it('agrees with Python at every length around a line', () => {
    const lengths = [...Array(180).keys(), 5700, 5701, 100_000];
    const theirs = python(
      `print(json.dumps([codecs.encode(bytes(i % 251 for i in range(n)), 'base64').decode() for n in items]))`,
      lengths,
    ) as string[];
    lengths.forEach((length, i) => {
      const bytes = Buffer.from(Array.from({ length }, (_, at) => at % 251));
      expect(encodeMime(bytes, '\n')).toBe(theirs[i]);
      expect(decodeBase64(theirs[i]!)).toEqual(bytes);
    });
  });
});
