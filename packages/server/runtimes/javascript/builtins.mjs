// The language as it was at the start: users' code may replace what it finds, and ours goes on with what it knew.
//
// What runs while a call does takes its references from here. What runs after one finds put back what it uses.
import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';

const { defineProperty } = Object;
const { bind, call } = Function.prototype;

/** A method as a function whose first argument is what it is called on. */
export const uncurried = bind.bind(call);

/** What our code, and Node's streams below it, look up by name; a look at all of it takes 3 µs. */
const NAMES = [
  [Array, ['from', 'isArray']],
  [Array.prototype, ['filter', 'includes', 'join', 'map', 'push', 'shift', 'slice', Symbol.iterator]],
  [Object.getPrototypeOf([][Symbol.iterator]()), ['next']],
  [Object, ['keys', 'getPrototypeOf', 'defineProperty']],
  [Function.prototype, ['call', 'apply', 'bind']],
  [String.prototype, ['includes', 'match', 'replaceAll', 'slice', 'split', 'toWellFormed']],
  [RegExp.prototype, ['exec', 'test']],
  [Map.prototype, ['get', 'set', 'delete']],
  [Promise.prototype, ['then', 'constructor']],
  [JSON, ['parse', 'stringify']],
  [Number, ['isFinite']],
  [Buffer, ['from', 'alloc', 'allocUnsafe', 'concat']],
  [Buffer.prototype, ['readUInt32LE', 'writeUInt32LE', 'subarray', 'toString']],
  [EventEmitter.prototype, ['emit', 'on']],
  [AsyncLocalStorage.prototype, ['run', 'getStore', 'enterWith']],
  [
    globalThis,
    ['Array', 'Buffer', 'Error', 'JSON', 'Map', 'Number', 'Object', 'Promise', 'String', 'Symbol', 'TypeError'],
  ],
];

const kept = [];
for (const [holder, names] of NAMES) {
  for (const name of names) kept.push({ holder, name, value: holder[name] });
}

/** Puts back what was replaced; tells whether something was. */
export function putBack() {
  let changed = false;
  // By index: the iterator of arrays is among what may have been replaced.
  for (let at = 0; at < kept.length; at += 1) {
    const { holder, name, value } = kept[at];
    if (holder[name] === value) continue;
    changed = true;
    try {
      defineProperty(holder, name, { value, writable: true, configurable: true, enumerable: false });
    } catch {
      // Frozen as it is now.
    }
  }
  return changed;
}
