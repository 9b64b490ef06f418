// Durations and sizes as people write them on a command line.
import { InvalidArgumentError } from 'commander';

const MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Record<string, number> = {
  '': 1,
  b: 1,
  k: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
};

/** `90s`, `15m`, `500ms`, `24h`; a plain number is seconds. In ms. @throws InvalidArgumentError */
export function duration(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(text.trim()) ?? [];
  if (number === '')
    throw new InvalidArgumentError('Give a duration such as 90s, 15m, 500ms or 24h; a plain number is seconds.');
  return Math.round(Number(number) * MS[unit || 's']!);
}

/** A duration of at least `leastMs`. @throws InvalidArgumentError */
export function durationFrom(leastMs: number, mostMs = Infinity): (text: string) => number {
  return within(duration, durationText, leastMs, mostMs);
}

/** What a timer here may be set to: one of more than 2^31 - 1 ms, a day more, would be over at once. */
export const MOST_TIMED_MS = 24 * MS['d']!;

/** `64MiB`, `16k`, `1g`; a plain number is bytes. @throws InvalidArgumentError */
export function size(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text.trim().toLowerCase()) ?? [];
  const factor = BYTES[unit];
  if (number === '' || factor === undefined)
    throw new InvalidArgumentError('Give a size such as 64MiB, 16k or 1048576.');
  return Math.round(Number(number) * factor);
}

/** A size of at most so many bytes. @throws InvalidArgumentError */
export function sizeUpTo(most: number): (text: string) => number {
  return within(size, sizeText, 0, most);
}

function within(
  read: (text: string) => number,
  shown: (value: number) => string,
  least: number,
  most: number,
): (text: string) => number {
  return (text) => {
    const value = read(text);
    if (value < least) throw new InvalidArgumentError(`Give at least ${shown(least)}.`);
    if (value > most) throw new InvalidArgumentError(`Give at most ${shown(most)}.`);
    return value;
  };
}

/**
 * What names one thing in an address: empty it would name all of them, and whoever reads the address takes `.` and `..`
 * away. `what` is wanted. @throws InvalidArgumentError
 */
export function named(what: string): (text: string) => string {
  return (text) => {
    if (text !== '' && !/^\.{1,2}(@|$)/.test(text)) return text;
    throw new InvalidArgumentError(`Give ${what}.`);
  };
}

/**
 * The origin of a web page, in the very form in which browsers send it: another would match nothing. `*` = any.
 * @throws InvalidArgumentError
 */
export function origin(text: string): string {
  const [, scheme = ''] = /^([a-z][a-z0-9+.-]*):\/\/[^\s/?#@]+$/.exec(text) ?? [];
  const own = /^https?$/.test(scheme) ? URL.parse(text)?.origin : scheme && text;
  if (text === '*' || (own !== '' && own === text)) return text;
  throw new InvalidArgumentError(
    'Give an origin as browsers send it, scheme://host[:port] in small letters without a path or the usual port, such as https://app.example, or * for any.',
  );
}

/** A moment as the API takes it (RFC 3339), with its zone. @throws InvalidArgumentError */
export function moment(text: string): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text)) return text;
  throw new InvalidArgumentError('Give a time with its zone, such as 2030-12-31T23:59:59Z.');
}

/** A whole number within bounds. @throws InvalidArgumentError */
export function whole(min: number, max: number): (text: string) => number {
  const digits = min < 0 ? /^-?\d+$/ : /^\d+$/;
  return (text) => {
    const value = digits.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}, in decimal digits.`);
    }
    return value;
  };
}

export const port = whole(0, 65_535);

/**
 * Adds a repeatable option's values to those before them; `between` is what may stand between values, `read` makes of
 * each what is meant.
 */
export function collect(
  between: string,
  read: (part: string) => string = (part) => part,
): (value: string, before: string[] | undefined) => string[] {
  const separator = new RegExp(between);
  return (value, before) => [
    ...(before ?? []),
    ...value
      .split(separator)
      .filter((part) => part !== '')
      .map(read),
  ];
}

export function durationText(ms: number): string {
  for (const [unit, factor] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const) {
    if (ms >= factor && ms % factor === 0) return `${ms / factor}${unit}`;
  }
  return ms === 0 ? '0' : `${ms}ms`;
}

export function sizeText(bytes: number): string {
  for (const [unit, factor] of [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}
