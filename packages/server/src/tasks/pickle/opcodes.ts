// The opcodes of pickle protocols 0 to 5, as far as a static check needs them: the argument, what is taken from the stack
// and what is put there. Source: the names and effects of Python's `pickletools`.

/** How an opcode's argument is found: so many bytes, so many lines, or a length of so many bytes before the data. */
export type Argument = { is: 'bytes'; count: number } | { is: 'lines'; count: number } | { is: 'sized'; width: number };

/** What is on the stack, as far as one can tell without loading. `object` may be callable, `''` puts nothing. */
export type Kind =
  'none' | 'bool' | 'int' | 'float' | 'str' | 'bytes' | 'list' | 'tuple' | 'dict' | 'set' | 'object' | '';

export interface Opcode {
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
export const PUTS = new Set([0x70, 0x71, 0x72]);
export const GETS = new Set([0x67, 0x68, 0x6a]);

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

/** By byte. */
export const OPCODES: readonly (Opcode | undefined)[] = Array.from(
  { length: 256 },
  (_, byte) => table[String.fromCharCode(byte)],
);
