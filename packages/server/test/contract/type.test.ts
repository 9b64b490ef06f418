// The contract's builder of schemas writes what typebox's own writes: its types are typebox's.
import Typebox from 'typebox';
import { expect, it } from 'vitest';
import { Type } from '../../../contract/src/type.ts';

/** Each function of the builder, with options and without. */
const schemas = (make: typeof Type): unknown[] => [
  make.Array(make.String()),
  make.Array(make.Integer(), { maxItems: 2 }),
  ...[make.Boolean(), make.Boolean({ description: 'is it?' })],
  ...[make.Enum(['a', 'b']), make.Enum(['a'], { description: 'one' })],
  ...[make.Integer(), make.Integer({ minimum: 0, maximum: 9 })],
  ...[make.Null(), make.Number(), make.Number({ minimum: 0.5 })],
  make.Object({}),
  make.Object({ id: make.String(), at: make.Optional(make.Number({ title: 'At' })) }),
  make.Object({ at: make.Optional(make.Object({ id: make.Null() })) }, { title: 'All', additionalProperties: false }),
  make.Record(make.String(), make.Unknown()),
  make.Record(make.String(), make.Union([make.String(), make.Number()]), { description: 'words' }),
  ...[make.String(), make.String({ pattern: '^a', title: 'A' })],
  make.Union([make.String(), make.Null()], { description: 'or nothing' }),
  ...[make.Unknown(), make.Unknown({ description: 'anything' })],
];

it('builds what typebox builds, in its order', () => {
  expect(schemas(Type).map((schema) => JSON.stringify(schema))).toEqual(
    schemas(Typebox).map((schema) => JSON.stringify(schema)),
  );
});
