// Arguments for JSON.stringify: what it would lose in silence is refused, by its place (docs/json.md).
import { SerializationError } from './errors.ts';

/** What is said by JSON as it is. @throws SerializationError */
export function fitting(value: unknown, place: string): unknown {
  try {
    return plain(value, place, []);
  } catch (fault) {
    // As engines say it; what a toJSON threw goes on.
    throw /stack|recursion/.test(String(fault)) ? misfit(place, 'it is nested too deeply') : fault;
  }
}

function plain(given: unknown, place: string, above: readonly object[]): unknown {
  const { toJSON } = (given ?? {}) as { toJSON?: unknown };
  // Of a Date that is none it makes null.
  if (given instanceof Date && Number.isNaN(+given)) throw misfit(place, 'it is an invalid Date');
  const value: unknown = typeof toJSON === 'function' ? toJSON.call(given, '') : given;
  switch (typeof value) {
    case 'number':
      if (Number.isFinite(value)) return value;
      throw misfit(place, `JSON has no ${value}`);
    case 'bigint':
      throw misfit(place, 'JSON has no bigint; pass a text');
    case 'function':
    case 'symbol':
      throw misfit(place, `JSON has no ${typeof value}`);
    case 'object':
      return value === null ? null : nested(value, place, above);
    default:
      return value;
  }
}

const NO_BYTES = 'JSON has no bytes; pass text, for example base64, or Array.from(bytes)';
const MISFITS = [
  [Map, 'JSON has no Map; pass Object.fromEntries(map)'],
  [Set, 'JSON has no Set; pass [...set]'],
  [Promise, 'await it first'],
  [Error, 'JSON has no Error; pass its message'],
  [ArrayBuffer, NO_BYTES],
] as const;

function nested(value: object, place: string, above: readonly object[]): unknown {
  if (above.includes(value)) throw misfit(place, 'it contains itself');
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return plain(value.valueOf(), place, above);
  for (const [Class, why] of MISFITS) if (value instanceof Class) throw misfit(place, why);
  if (ArrayBuffer.isView(value)) throw misfit(place, NO_BYTES);
  const inside = [...above, value];
  if (Array.isArray(value)) return value.map((item, at) => plain(item, `${place}[${at}]`, inside) ?? null);
  const fields = Object.entries(value);
  const proto: unknown = Object.getPrototypeOf(value);
  // Of a class; a plain object's prototype, of whatever realm, has none above it.
  if (fields.length === 0 && proto !== null && Object.getPrototypeOf(proto) !== null)
    throw misfit(place, `JSON has no ${value.constructor.name}`);
  return Object.fromEntries(fields.map(([name, item]) => [name, plain(item, `${place}.${name}`, inside)]));
}

function misfit(place: string, why: string): SerializationError {
  return new SerializationError(`The value at ${place} does not fit into JSON: ${why}.`);
}
