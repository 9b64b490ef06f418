// Are these bytes one JSON text? Asked of results that come from outside this process before they are kept: they are put
// into answers as they are. No values are built of them: what it takes is a note of each level that is open.
import { isUtf8 } from 'node:buffer';

/** '' where they are; else what is wrong, to be read after "it is not JSON". */
export function jsonTrouble(bytes: Buffer): string {
  const at = firstFault(bytes);
  if (at >= 0) return `at byte ${at} of ${bytes.length}`;
  return isUtf8(bytes) ? '' : 'its text is not UTF-8';
}

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** What may come next. */
const VALUE = 0;
const VALUE_OR_END = 1;
const NAME = 2;
const NAME_OR_END = 3;
const AFTER_VALUE = 4;

/** -1, or the place of the first byte that does not fit. One loop over a few numbers: this is asked of megabytes. */
function firstFault(bytes: Uint8Array): number {
  /** The brackets that are open, by their closing ones. */
  const open: number[] = [];
  let closing = 0;
  let next = VALUE;
  for (let at = 0; ;) {
    const byte = bytes[at];
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      at++;
      continue;
    }
    if (next === AFTER_VALUE) {
      if (closing === 0) return at === bytes.length ? -1 : at;
      if (byte === COMMA) next = closing === 0x7d ? NAME : VALUE;
      else if (byte === closing) closing = open.pop()!;
      else return at;
      at++;
      continue;
    }
    if (byte === closing && (next === VALUE_OR_END || next === NAME_OR_END)) {
      closing = open.pop()!;
      next = AFTER_VALUE;
      at++;
      continue;
    }
    if (next === NAME || next === NAME_OR_END) {
      if (byte !== QUOTE) return at;
      at = stringEnd(bytes, at);
      if (at < 0) return -1 - at;
      at = spaceEnd(bytes, at);
      if (bytes[at] !== COLON) return at;
      at++;
      next = VALUE;
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) {
      open.push(closing);
      // Either closing bracket is two behind its opening one.
      closing = byte + 2;
      next = byte === 0x7b ? NAME_OR_END : VALUE_OR_END;
      at++;
      continue;
    }
    at = byte === QUOTE ? stringEnd(bytes, at) : plainEnd(bytes, at);
    if (at < 0) return -1 - at;
    next = AFTER_VALUE;
  }
}

// These answer the place behind what begins at `at`; -1 - place where the byte there does not fit.

/** What a byte may be in the middle of a string: 1 = any, as it is. Control characters must be escaped. */
const IN_STRING = new Uint8Array(256).fill(1, 0x20);
IN_STRING[QUOTE] = 0;
IN_STRING[BACKSLASH] = 0;
const ESCAPES = new Set(Buffer.from('"\\/bfnrt'));

function stringEnd(bytes: Uint8Array, at: number): number {
  for (let next = at + 1; ;) {
    while (IN_STRING[bytes[next]!] === 1) next++;
    const byte = bytes[next];
    if (byte === QUOTE) return next + 1;
    if (byte !== BACKSLASH) return -1 - next;
    const escape = bytes[next + 1];
    if (escape === 0x75) {
      for (let digit = next + 2; digit < next + 6; digit++) if (!isHex(bytes[digit])) return -1 - digit;
      next += 6;
    } else if (escape !== undefined && ESCAPES.has(escape)) next += 2;
    else return -1 - next;
  }
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** A literal or a number. */
function plainEnd(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case 0x74:
      return wordEnd(bytes, at, TRUE);
    case 0x66:
      return wordEnd(bytes, at, FALSE);
    case 0x6e:
      return wordEnd(bytes, at, NULL);
    default:
      return numberEnd(bytes, at);
  }
}

function wordEnd(bytes: Uint8Array, at: number, word: Uint8Array): number {
  for (let i = 1; i < word.length; i++) if (bytes[at + i] !== word[i]) return -1 - at - i;
  return at + word.length;
}

function numberEnd(bytes: Uint8Array, from: number): number {
  const first = bytes[from] === MINUS ? from + 1 : from;
  let at = digitsEnd(bytes, first);
  if (at === first || (bytes[first] === ZERO && at > first + 1)) return -1 - first;
  if (bytes[at] === DOT) {
    const end = digitsEnd(bytes, at + 1);
    if (end === at + 1) return -1 - end;
    at = end;
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const sign = bytes[at + 1];
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
    const end = digitsEnd(bytes, digits);
    if (end === digits) return -1 - end;
    at = end;
  }
  return at;
}

function digitsEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  return at;
}

function spaceEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++;
  return at;
}

function isHex(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const small = byte | 0x20;
  return (byte >= ZERO && byte <= NINE) || (small >= 0x61 && small <= 0x66);
}
