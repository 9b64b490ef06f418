// The opcodes of pickle protocols 0 to 5, as far as a static check needs them: the argument, what is taken from the stack
// and what is put there. Source: the names and effects of Python's `pickletools`.

/** How an opcode's argument is found: so many bytes, so many lines, or a length of so many bytes before the data. */
type Argument = { is: 'bytes'; count: number } | { is: 'lines'; count: number } | { is: 'sized'; width: number };

/** What is on the stack, as far as one can tell without loading. `object` may be callable, `''` puts nothing. */
export const KINDS = [
  '',
  'none',
  'bool',
  'int',
  'float',
  'str',
  'bytes',
  'list',
  'tuple',
  'dict',
  'set',
  'object',
] as const;
export type Kind = (typeof KINDS)[number];

interface Opcode {
  argument: Argument;
  /** Values taken; 'mark' = all down to the last mark, and it. */
  takes: number | 'mark';
  puts: Kind;
  /** Values that must be there beside those taken (the list of an APPEND). */
  under: number;
}

const none: Argument = { is: 'bytes', count: 0 };
const bytes = (count: number): Argument => ({ is: 'bytes', count });
const lines = (count: number): Argument => ({ is: 'lines', count });
const sized = (width: number): Argument => ({ is: 'sized', width });

function op(argument: Argument, takes: number | 'mark', puts: Kind, under = 0): Opcode {
  return { argument, takes, puts, under };
}

/** Opcodes that the checker itself must know; the rest is the table. */
export const MARK = 0x28;
export const STOP = 0x2e;
export const POP = 0x30;
export const DUP = 0x32;
export const PROTO = 0x80;
export const FRAME = 0x95;
export const MEMOIZE = 0x94;
/** For all that write, and all that read, the memo at the index in their argument. */
export const PUT = 0x70;
export const GET = 0x67;

const table: Record<string, Opcode> = {
  '1': op(none, 'mark', ''),
  F: op(lines(1), 0, 'float'),
  I: op(lines(1), 0, 'int'),
  J: op(bytes(4), 0, 'int'),
  K: op(bytes(1), 0, 'int'),
  M: op(bytes(2), 0, 'int'),
  L: op(lines(1), 0, 'int'),
  N: op(none, 0, 'none'),
  P: op(lines(1), 0, 'object'),
  Q: op(none, 1, 'object'),
  R: op(none, 2, 'object'),
  S: op(lines(1), 0, 'str'),
  T: op(sized(4), 0, 'str'),
  U: op(sized(1), 0, 'str'),
  V: op(lines(1), 0, 'str'),
  X: op(sized(4), 0, 'str'),
  a: op(none, 1, '', 1),
  b: op(none, 2, 'object'),
  c: op(lines(2), 0, 'object'),
  d: op(none, 'mark', 'dict'),
  '}': op(none, 0, 'dict'),
  e: op(none, 'mark', '', 1),
  i: op(lines(2), 'mark', 'object'),
  l: op(none, 'mark', 'list'),
  ']': op(none, 0, 'list'),
  o: op(none, 'mark', 'object'),
  s: op(none, 2, '', 1),
  t: op(none, 'mark', 'tuple'),
  ')': op(none, 0, 'tuple'),
  u: op(none, 'mark', '', 1),
  G: op(bytes(8), 0, 'float'),
  B: op(sized(4), 0, 'bytes'),
  C: op(sized(1), 0, 'bytes'),
  '\x81': op(none, 2, 'object'),
  '\x82': op(bytes(1), 0, 'object'),
  '\x83': op(bytes(2), 0, 'object'),
  '\x84': op(bytes(4), 0, 'object'),
  '\x85': op(none, 1, 'tuple'),
  '\x86': op(none, 2, 'tuple'),
  '\x87': op(none, 3, 'tuple'),
  '\x88': op(none, 0, 'bool'),
  '\x89': op(none, 0, 'bool'),
  '\x8a': op(sized(1), 0, 'int'),
  '\x8b': op(sized(4), 0, 'int'),
  '\x8c': op(sized(1), 0, 'str'),
  '\x8d': op(sized(8), 0, 'str'),
  '\x8e': op(sized(8), 0, 'bytes'),
  '\x8f': op(none, 0, 'set'),
  '\x90': op(none, 'mark', '', 1),
  '\x91': op(none, 'mark', 'set'),
  '\x92': op(none, 3, 'object'),
  '\x93': op(none, 2, 'object'),
  '\x96': op(sized(8), 0, 'bytes'),
  '\x97': op(none, 0, 'object'),
  '\x98': op(none, 1, 'object'),
  // Handled by the checker; here for their arguments.
  '(': op(none, 0, ''),
  '.': op(none, 0, ''),
  '0': op(none, 0, ''),
  '2': op(none, 0, ''),
  '\x80': op(bytes(1), 0, ''),
  '\x94': op(none, 0, '', 1),
  '\x95': op(bytes(8), 0, ''),
  p: op(lines(1), 0, '', 1),
  q: op(bytes(1), 0, '', 1),
  r: op(bytes(4), 0, '', 1),
  g: op(lines(1), 0, ''),
  h: op(bytes(1), 0, ''),
  j: op(bytes(4), 0, ''),
};

// The table by byte, column by column: a pickle may have tens of millions of opcodes.

/** What the checker does: 0 = as the columns say, a code from above; 255 = there is no such opcode. */
export const HANDLED = new Uint8Array(256).fill(0xff);
export const ARGUMENT_KIND = new Uint8Array(256);
export const IS_BYTES = 0;
export const IS_SIZED = 1;
const IS_LINES = 2;
export const ARGUMENT_COUNT = new Uint8Array(256);
export const TAKES = new Uint8Array(256);
/** In TAKES: all down to the last mark. */
export const TO_MARK = 255;
export const UNDER = new Uint8Array(256);
/** By its place in KINDS, 0 = nothing. */
export const PUTS_KIND = new Uint8Array(256);

/** The same for opcodes that do nothing but put a value there, behind an argument of a fixed size; else 0. */
export const PLAIN = new Uint8Array(256);

const HANDLED_AS: Record<string, number> = {
  ...{ '(': MARK, '.': STOP, '0': POP, '2': DUP, '\x80': PROTO, '\x94': MEMOIZE, '\x95': FRAME },
  ...{ p: PUT, q: PUT, r: PUT, g: GET, h: GET, j: GET },
};

for (const [char, { argument, takes, puts, under }] of Object.entries(table)) {
  const byte = char.charCodeAt(0);
  HANDLED[byte] = HANDLED_AS[char] ?? 0;
  ARGUMENT_KIND[byte] = argument.is === 'bytes' ? IS_BYTES : argument.is === 'sized' ? IS_SIZED : IS_LINES;
  ARGUMENT_COUNT[byte] = argument.is === 'sized' ? argument.width : argument.count;
  TAKES[byte] = takes === 'mark' ? TO_MARK : takes;
  UNDER[byte] = under;
  PUTS_KIND[byte] = KINDS.indexOf(puts);
  if (argument.is === 'bytes' && takes === 0 && under === 0) PLAIN[byte] = PUTS_KIND[byte];
}
