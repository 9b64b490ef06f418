// What is cut out of a body, and when.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { argumentTexts, mayChange } from '../../src/tasks/argument-texts.ts';

const digits = fc
  .array(fc.constantFrom('0', '0', '0', '9', '9', '1', '2', '3', '4', '5', '6', '7', '8'), { maxLength: 20 })
  .map((all) => all.join(''));
const literal = fc
  .tuple(fc.boolean(), digits, fc.option(digits), fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'E-'), digits)))
  .map(([minus, whole, fraction, power]) => {
    const point = fraction === null ? '' : `.${fraction}0`.slice(0, fraction === '' ? 2 : -1);
    return `${minus ? '-' : ''}${whole.replace(/^0+(?=.)/, '') || '0'}${point}${power === null ? '' : `${power[0]}${power[1] || '0'}`}`;
  });

describe('mayChange', () => {
  it.each([
    '9007199254740993',
    '1e400',
    '1.0',
    '-0.0',
    '-0',
    '12e2',
    '1.00000000000000000001',
    '0.99999999999999999999',
  ])('finds %s', (text) => {
    expect(mayChange(`{"args": [${text}]}`)).toBe(true);
  });

  it.each(['1', '-17', '0', '1.5', '12345678901234', '2.25', '"0193a5b7-9e1d-7abc-8de1-0123456789ab"', '"-05"'])(
    'lets %s be',
    (text) => {
      expect(mayChange(`{"args": [${text}]}`)).toBe(false);
    },
  );

  it('finds every number that would come out as another, or as an integer in the place of a float', () => {
    fc.assert(
      fc.property(literal, (text) => {
        const out = JSON.stringify(JSON.parse(text));
        const isFloat = /[.eE]/;
        const same = isFloat.test(text) ? isFloat.test(out) && Number(out) === Number(text) : out === text;
        if (!same) expect(mayChange(`[${text}]`)).toBe(true);
      }),
      { numRuns: 20_000, seed: 4 },
    );
  });
});

describe('argumentTexts', () => {
  const blank = fc.constantFrom('', ' ', '\n\t', '  ');
  /** A value as text, with blanks wherever JSON allows some. */
  const spaced = (value: unknown, gap: string): string => {
    if (Array.isArray(value)) return `[${gap}${value.map((item) => spaced(item, gap)).join(`${gap},${gap}`)}${gap}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    const entries = Object.entries(value).map(
      ([name, item]) => `${JSON.stringify(name)}${gap}:${gap}${spaced(item, gap)}`,
    );
    return `{${gap}${entries.join(`${gap},${gap}`)}${gap}}`;
  };
  const task = fc.record(
    {
      function: fc.string(),
      args: fc.array(fc.jsonValue()),
      kwargs: fc.dictionary(fc.string(), fc.jsonValue()),
      x: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );

  it('are those of each task, in any body', () => {
    fc.assert(
      fc.property(task, fc.array(task), blank, (own, tasks, gap) => {
        const body = { ...own, tasks, more: 1e300 };
        const parsed = JSON.parse(JSON.stringify(body)) as typeof body;
        const texts = argumentTexts(`${gap}${spaced(body, gap)}${gap}`, parsed);
        const places = new Map<string, { args?: unknown; kwargs?: unknown }>([['', parsed]]);
        parsed.tasks.forEach((each, i) => places.set(`/tasks/${i}`, each));
        for (const [pointer, one] of places) {
          const { args, kwargs } = texts.get(pointer) ?? {};
          const found: unknown[] = [args && JSON.parse(args), kwargs && JSON.parse(kwargs)];
          const expected = [one.args, one.kwargs];
          // Of tens of thousands: an `expect` of each would take longer than all the rest.
          if (!isDeepStrictEqual(found, expected)) expect(found).toStrictEqual(expected);
        }
      }),
      { numRuns: 2000, seed: 5 },
    );
  });

  it('are the last of a name that comes twice, however it is spelt', () => {
    const body = String.raw`{"args":[1.0],"a\"rgs":[3.0],"\u0061rgs":[2.0],"tasks":[{"args":[4.0]},5],"tasks":[7]}`;
    const texts = argumentTexts(body, JSON.parse(body));
    expect([...texts]).toEqual([['', { args: '[2.0]' }]]);
  });

  it.each(['1.0', '[1.0, {"args": [1.0]}]', '"args\\": 1.0"', '{}', '{"tasks": 1.0}', '{"x": {"args": [1.0]}}'])(
    'are found in no other body: %s',
    (body) => {
      for (const found of argumentTexts(body, JSON.parse(body)).values()) expect(found).toEqual({});
    },
  );
});
