// Thrown values, of any kind, as data.

import { inspect } from 'node:util';
import { readable } from './module-url.mjs';

const MAX_TEXT = 64 * 1024;
/** Of what stands below the error that was thrown: how deep, how much of all, and characters of each. */
const MOST_DEEP = 8;
const MOST_NESTED = 32;
const MAX_NESTED = 8 * 1024;
/** Of what is no error: not by a way of showing that it has itself, and little of what is large. */
const SHOWN = {
  depth: 2,
  maxArrayLength: 20,
  maxStringLength: MAX_NESTED,
  breakLength: Number.POSITIVE_INFINITY,
  customInspect: false,
};
const UNKNOWN = '(cannot be shown)';
const { isError } = Error;
const Aggregate = AggregateError;
const OURS = new URL('.', import.meta.url).href;

/** A call that ends as a failure of `kind`; `cause` is what was thrown. */
export class Failure extends Error {
  constructor(kind, cause) {
    super(kind, { cause });
    this.kind = kind;
  }
}

/** {type, message, traceback, bases} of a thrown value. */
export function errorInfo(thrown) {
  try {
    if (thrown instanceof Error || (typeof thrown === 'object' && thrown !== null && 'message' in thrown)) {
      return {
        type: typeName(thrown),
        message: bounded(String(thrown.message)),
        traceback: bounded(attempt(() => traceOf(thrown)) ?? attempt(() => stackOf(thrown)) ?? ''),
        bases: basesOf(thrown),
      };
    }
    const type = thrown === null ? 'null' : typeof thrown === 'object' ? typeName(thrown) : typeof thrown;
    return { type, message: bounded(textOf(thrown)), traceback: '', bases: [] };
  } catch {
    return { type: 'Error', message: '(what was thrown cannot be shown)', traceback: '', bases: [] };
  }
}

function typeName(value) {
  const name = value.constructor?.name;
  // A subclass may go by the name that it gives itself.
  return String(value instanceof Error && name === 'Error' ? value.name : name || value.name || 'Error');
}

function basesOf(value) {
  const names = [];
  let proto = Object.getPrototypeOf(Object.getPrototypeOf(value) ?? {});
  for (; proto && proto !== Object.prototype && names.length < 32; proto = Object.getPrototypeOf(proto)) {
    names.push(String(proto.constructor?.name ?? ''));
  }
  return names;
}

/** The stack, and in it the causes and what an AggregateError holds, as Node shows them. */
function traceOf(error, above = [], told = { nested: 0 }) {
  const inside = [...above, error];
  const one = (nested) => {
    told.nested += 1;
    if (inside.includes(nested)) return '[Circular]';
    if (!isError(nested)) return inspect(nested, SHOWN).slice(0, MAX_NESTED);
    return inside.length < MOST_DEEP && told.nested <= MOST_NESTED ? traceOf(nested, inside, told) : '…';
  };
  const parts = [];
  const cause = attempt(() => error.cause);
  if (cause !== undefined) parts.push(`[cause]: ${attempt(() => one(cause)) ?? UNKNOWN}`);
  const [held, count] = attempt(() => membersOf(error)) ?? [[], 0];
  const members = [];
  for (let at = 0; at < count; at += 1) {
    if (told.nested >= MOST_NESTED) {
      members.push(`… ${count - at} more`);
      break;
    }
    members.push(attempt(() => one(held[at])) ?? UNKNOWN);
  }
  if (members.length > 0) parts.push(`[errors]: [\n  ${indented(members.join(',\n'))}\n]`);
  const stack = stackOf(error);
  const own = above.length === 0 ? stack : stack.slice(0, MAX_NESTED);
  return parts.length === 0 ? own : `${own} {\n  ${indented(parts.join(',\n'))}\n}`;
}

/** What an AggregateError holds, and how many. */
function membersOf(error) {
  const held = error instanceof Aggregate ? error.errors : [];
  return Array.isArray(held) ? [held, Number(held.length)] : [[], 0];
}

/** Readable, and without the lines of this runner and of Node itself. */
function stackOf(error) {
  const lines = readable(String(error.stack ?? '')).split('\n');
  return lines
    .filter((line) => !(/^\s+at /.test(line) && (line.includes(OURS) || line.includes('node:internal'))))
    .join('\n');
}

function indented(text) {
  return text.replaceAll('\n', '\n  ');
}

/** Getters are users' code, and may throw. */
function attempt(act) {
  try {
    return act();
  } catch {
    return undefined;
  }
}

function textOf(value) {
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/** Readable, of at most MAX_TEXT, and well-formed: a lone surrogate, which UTF-8 cannot say, becomes U+FFFD before anybody stores it. */
function bounded(given) {
  const text = readable(given.toWellFormed());
  if (text.length <= MAX_TEXT) return text;
  const half = MAX_TEXT / 2;
  return `${text.slice(0, half)}\n… ${text.length - MAX_TEXT} characters left out …\n${text.slice(-half)}`;
}
