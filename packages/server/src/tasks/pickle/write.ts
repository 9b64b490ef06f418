// A pickle writer for what the service itself must say to Python: exceptions and JSON values. Protocol 2, builtins only,
// so that every Python 3 reads it. There is no reader.

/** Any JSON value as a pickle of None, bool, int, float, str, list and dict. A whole number becomes an int. */
export function pickleJson(value: unknown): Buffer {
  const parts: Buffer[] = [PROTO_2];
  write(value, parts);
  parts.push(STOP);
  return Buffer.concat(parts);
}

/** An exception object of a builtin type, `name(message)`. */
export function pickleException(name: string, message: string): Buffer {
  const parts = [PROTO_2, Buffer.from(`cbuiltins\n${name}\n`, 'latin1')];
  writeString(message, parts);
  parts.push(TUPLE1_REDUCE, STOP);
  return Buffer.concat(parts);
}

const PROTO_2 = Buffer.from([0x80, 2]);
const STOP = Buffer.from('.');
const TUPLE1_REDUCE = Buffer.from([0x85, 0x52]);
const MARKED_LIST = Buffer.from('](');
const MARKED_DICT = Buffer.from('}(');
const APPENDS = Buffer.from('e');
const SETITEMS = Buffer.from('u');
const NONE = Buffer.from('N');
const TRUE = Buffer.from([0x88]);
const FALSE = Buffer.from([0x89]);

function write(value: unknown, parts: Buffer[]): void {
  if (value === null || value === undefined) parts.push(NONE);
  else if (typeof value === 'boolean') parts.push(value ? TRUE : FALSE);
  else if (typeof value === 'number') writeNumber(value, parts);
  else if (typeof value === 'string') writeString(value, parts);
  else if (Array.isArray(value)) {
    parts.push(MARKED_LIST);
    for (const item of value) write(item, parts);
    parts.push(APPENDS);
  } else {
    parts.push(MARKED_DICT);
    for (const [name, item] of Object.entries(value)) {
      writeString(name, parts);
      write(item, parts);
    }
    parts.push(SETITEMS);
  }
}

function writeNumber(value: number, parts: Buffer[]): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    parts.push(Buffer.from(`L${value}L\n`, 'latin1'));
    return;
  }
  const float = Buffer.allocUnsafe(9);
  float[0] = 0x47;
  float.writeDoubleBE(value, 1);
  parts.push(float);
}

function writeString(value: string, parts: Buffer[]): void {
  // Python reads UTF-8 strictly; a lone surrogate is replaced by U+FFFD here.
  const text = Buffer.from(value, 'utf8');
  const head = Buffer.allocUnsafe(5);
  head[0] = 0x58;
  head.writeUInt32LE(text.length, 1);
  parts.push(head, text);
}
