// JavaScript values as JSON, by the table of docs/json.md: JSON.stringify, but what it would lose in silence is refused.
import { types } from 'node:util';
import { Failure } from './failures.mjs';

const { stringify } = JSON;
const { isArray } = Array;
const { getPrototypeOf } = Object;

/** The bytes of `value`, or Failure `result_not_json` that names the place. */
export function toJson(value) {
  try {
    return Buffer.from(stringify(plain(value, '$', [], '')) ?? 'null');
  } catch (error) {
    if (error instanceof RangeError) throw misfit('$', 'it is nested too deeply');
    throw error;
  }
}

function misfit(path, why) {
  const text = `the result does not fit into JSON at ${path}: ${why}. Return something else.`;
  return new Failure('result_not_json', new TypeError(text));
}

function plain(value, path, above, key) {
  if (typeof value?.toJSON === 'function') {
    // What these say of themselves is null, and a list of numbers under a name.
    if (types.isDate(value) && Number.isNaN(+value)) throw misfit(path, 'it is an invalid Date');
    refuseBytes(value, path);
    value = value.toJSON(key);
  }
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw misfit(path, `JSON has no ${value}`);
    case 'object':
      return value === null ? null : nested(value, path, above);
    default:
      throw misfit(path, `JSON has no ${typeof value}`);
  }
}

function nested(value, path, above) {
  if (above.includes(value)) throw misfit(path, 'it contains itself');
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return value.valueOf();
  if (typeof value.next === 'function' && (Symbol.iterator in value || Symbol.asyncIterator in value)) {
    throw misfit(path, 'it is a generator or an iterator; return a list instead: [...it]');
  }
  if (value instanceof Map) throw misfit(path, 'JSON has no Map; return Object.fromEntries(map)');
  if (value instanceof Set) throw misfit(path, 'JSON has no Set; return [...set]');
  if (types.isNativeError(value)) throw misfit(path, 'JSON has no Error; throw it, or return its message');
  refuseBytes(value, path);
  const inside = [...above, value];
  if (isArray(value)) return value.map((item, index) => plain(item, `${path}[${index}]`, inside, String(index)));
  const out = {};
  const names = Object.keys(value);
  if (names.length === 0 && isOfClass(value))
    throw misfit(path, `JSON has no ${value.constructor?.name ?? 'such object'}`);
  for (const name of names) {
    const one = plain(value[name], `${path}.${name}`, inside, name);
    // As an own property, whatever its name is.
    Object.defineProperty(out, name, { value: one, enumerable: true, configurable: true, writable: true });
  }
  return out;
}

function refuseBytes(value, path) {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    throw misfit(path, 'JSON has no bytes; return text, for example base64, or Array.from(bytes)');
  }
}

/** A plain object's prototype, of whatever realm, has none above it. */
function isOfClass(value) {
  const above = getPrototypeOf(value);
  return above !== null && getPrototypeOf(above) !== null;
}
