// What one field of an item may hold: type, range and words, each as a rule. shapes.ts says which field has which.
import { BadMessage } from './bad-message.ts';

/** A rule answers the value as it is taken, undefined where it does not fit; `must` says what would. */
export interface Rule {
  must: string;
  read: (value: unknown, frames: readonly Uint8Array[]) => unknown;
  optional?: true;
}
export type Shape = Readonly<Record<string, Rule>>;

type Fields = Record<string, unknown>;

/** @throws BadMessage naming the first field that is missing or may not hold what it holds. */
export function checkFields(value: Fields, shape: Shape, where: string, frames: readonly Uint8Array[]): void {
  for (const field in shape) {
    const rule = shape[field]!;
    const given = value[field] ?? undefined;
    if (given === undefined) {
      if (rule.optional !== true) throw new BadMessage(`${where}.${field} is missing: it must be ${rule.must}`);
      // Nil is how some languages say that there is none.
      if (value[field] === null) value[field] = undefined;
      continue;
    }
    const read = rule.read(given, frames);
    if (read === undefined) throw new BadMessage(`${where}.${field} must be ${rule.must}, not ${shown(given)}`);
    if (read !== given) value[field] = read;
  }
}

/** What was given, short: it is told to its sender and stands in a log. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === null || value === undefined) return 'nothing';
  if (value instanceof Uint8Array) return 'bytes';
  return Array.isArray(value) ? 'a list' : 'a map';
}

function rule(must: string, fits: (value: unknown, frames: readonly Uint8Array[]) => boolean): Rule {
  return { must, read: (value, frames) => (fits(value, frames) ? value : undefined) };
}

export const text = rule('a text', (value) => typeof value === 'string');
export const texts = rule(
  'a list of texts',
  (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
);
export const flag = rule('true or false', (value) => typeof value === 'boolean');
export const blobs = rule(
  'a list of byte strings',
  (value) => Array.isArray(value) && value.every((one) => one instanceof Uint8Array),
);

export function shortText(most: number): Rule {
  return rule(`a text of at most ${most} characters`, (value) => typeof value === 'string' && value.length <= most);
}

export function oneOf(words: readonly string[]): Rule {
  const known = new Set<unknown>(words);
  return rule(`one of ${words.join(', ')}`, (value) => known.has(value));
}

export function whole(from: number, to: number): Rule {
  return rule(`a whole number from ${from} to ${to}`, (value) => isWhole(value) && value >= from && value <= to);
}

/** A count of something: what a number can count without a gap. */
export const count = whole(0, Number.MAX_SAFE_INTEGER);

/** Where in a stream: stores keep 48 bits of it. */
const MOST_OUTPUT = 2 ** 47;
export const outputPlace = whole(0, MOST_OUTPUT);

/** The last instant that RFC 3339 has a text for. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Unix ms. Many a clock has fractions of them (Python's `time.time() * 1000`): they are cut off, for nobody needs them. */
export const time: Rule = {
  must: `Unix milliseconds from 0 to ${LAST_MS}`,
  read: (value) => (typeof value === 'number' && value >= 0 && value <= LAST_MS ? Math.trunc(value) : undefined),
};

/** Bytes of this very message: [frame, offset, length]. */
export const bytesHere = rule('[frame, offset, length] within the message', isReference);

/** Bytes of this message, or of parts that went before. */
export const payload = rule(
  '[frame, offset, length] within the message, or {"parts": total}',
  (value, frames) => isReference(value, frames) || (isMap(value) && isWhole(value['parts']) && value['parts'] >= 0),
);

function isReference(value: unknown, frames: readonly Uint8Array[]): boolean {
  if (!Array.isArray(value) || value.length !== 3 || !value.every(isWhole)) return false;
  const [frame, offset, length] = value as [number, number, number];
  // Of nothing it does not matter where it is.
  if (length === 0) return true;
  return offset >= 0 && length > 0 && offset + length <= (frames[frame - 1]?.length ?? -1);
}

/** A list of maps, each of this shape; `where`: what an element is called. */
export function listOf(where: string, shapeOf: (element: Fields) => Shape): Rule {
  return {
    must: 'a list of maps',
    read: (value, frames) => {
      if (!Array.isArray(value)) return undefined;
      const elements: unknown[] = value;
      for (const element of elements) {
        if (!isMap(element)) return undefined;
        checkFields(element, shapeOf(element), where, frames);
      }
      return elements;
    },
  };
}

/** A map of this shape. `also`: what must hold between its fields. */
export function mapOf(where: string, shape: Shape, also: (value: Fields) => string = () => ''): Rule {
  return {
    must: 'a map',
    read: (value, frames) => {
      if (!isMap(value)) return undefined;
      checkFields(value, shape, where, frames);
      const trouble = also(value);
      if (trouble !== '') throw new BadMessage(`${where} ${trouble}`);
      return value;
    },
  };
}

/** A map of texts and numbers under any names. */
export const facts = rule(
  'a map of texts and numbers',
  (value) => isMap(value) && Object.values(value).every((one) => typeof one === 'string' || Number.isFinite(one)),
);

export function optional(one: Rule): Rule {
  return { ...one, optional: true };
}

export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

export function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
