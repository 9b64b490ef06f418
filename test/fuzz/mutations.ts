// Values that are almost right: a valid one with some of its parts replaced, dropped, repeated or moved. All from one seed.
import fc from 'fast-check';

/** What no schema asks for, in every size that is cheap to send. */
const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, '', 0, -1, 1e308, -0, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 63), 0.5),
  fc.constantFrom<unknown>([], {}, [[]], [null], { k: 'register' }, '\0', '\ud800', '__proto__', '../..', '%00', 'NaN'),
  fc.integer(),
  fc.double(),
  fc.string({ maxLength: 40, unit: 'binary' }),
  fc.string({ minLength: 200, maxLength: 2000 }),
  fc.array(fc.integer(), { minLength: 50, maxLength: 300 }),
  fc.dictionary(fc.string({ maxLength: 8 }), fc.integer(), { maxKeys: 6 }),
  fc.nat({ max: 400 }).map((depth) => nested(depth)),
);

function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let at = 0; at < depth; at += 1) value = at % 2 === 0 ? [value] : { a: value };
  return value;
}

type Change = { where: number; with: unknown } & { how: 'replace' | 'drop' | 'repeat' | 'add' };

const change: fc.Arbitrary<Change> = fc.record({
  where: fc.nat({ max: 1_000_000 }),
  with: junk,
  how: fc.constantFrom('replace' as const, 'replace' as const, 'drop' as const, 'repeat' as const, 'add' as const),
});

/** One of the templates with up to three changes at places of any depth. */
export function almost(templates: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc
    .tuple(fc.constantFrom(...templates), fc.array(change, { maxLength: 3 }))
    .map(([template, changes]) => changes.reduce<unknown>(changed, structuredClone(template)));
}

function changed(value: unknown, { where, how, with: junked }: Change): unknown {
  // What is drawn is shared: put into itself it would have no end.
  const replacement = structuredClone(junked);
  const places: [holder: Record<string, unknown> | unknown[], key: string | number][] = [];
  collect(value, places);
  if (places.length === 0) return replacement;
  const [holder, key] = places[where % places.length]!;
  if (Array.isArray(holder)) {
    const at = key as number;
    if (how === 'drop') holder.splice(at, 1);
    else if (how === 'repeat') holder.splice(at, 0, ...Array.from({ length: 1 + (where % 40) }, () => holder[at]));
    else if (how === 'add') holder.push(replacement);
    else holder[at] = replacement;
  } else if (how === 'drop') Reflect.deleteProperty(holder, key);
  else if (how === 'add') holder[String(where)] = replacement;
  else holder[key] = replacement;
  return value;
}

function collect(value: unknown, into: [Record<string, unknown> | unknown[], string | number][]): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  const holder = value as Record<string, unknown> | unknown[];
  for (const [key, inner] of Object.entries(holder)) {
    into.push([holder, Array.isArray(holder) ? Number(key) : key]);
    collect(inner, into);
  }
}

interface Cut {
  at: number;
  how: 'flip' | 'cut off' | 'put in' | 'take out';
  byte: number;
}

const cut: fc.Arbitrary<Cut> = fc.record({
  at: fc.nat({ max: 1_000_000 }),
  how: fc.constantFrom('flip' as const, 'flip' as const, 'cut off' as const, 'put in' as const, 'take out' as const),
  byte: fc.nat({ max: 255 }),
});

/** Bytes as they are, in most cases; else with up to three of them changed. */
export function damaged(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const cuts = fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(cut, { minLength: 1, maxLength: 3 }));
  return fc.tuple(bytes, cuts).map(([whole, all]) =>
    all.reduce<Buffer>((now, { at: place, how, byte }) => {
      if (now.length === 0) return now;
      const at = place % now.length;
      switch (how) {
        case 'flip': {
          const copy = Buffer.from(now);
          copy[at] = byte;
          return copy;
        }
        case 'cut off':
          return now.subarray(0, at);
        case 'put in':
          return Buffer.concat([now.subarray(0, at), Buffer.from([byte]), now.subarray(at)]);
        case 'take out':
          return Buffer.concat([now.subarray(0, at), now.subarray(at + 1)]);
      }
    }, whole),
  );
}
