// Moments as callers write them (RFC 3339), read in one place.
import { Refusal } from './refusal.ts';

/** The years that four digits can tell, in UTC, from the one in which our clock begins. */
const FIRST = Date.parse('1970-01-01T00:00:00Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');

/** A leap second, which no clock here has: it is read as the last moment before the next second. */
const LEAP = /(T\d\d:\d\d):60(?:\.\d+)?/i;

/** Unix ms; refuses what is no moment, or none that could be written again in the same form. */
export function momentOf(text: string, pointer: string): number {
  const moment = Date.parse(text.replace(LEAP, '$1:59.999'));
  // NaN is within no bounds.
  if (moment >= FIRST && moment <= LAST) return moment;
  const message = 'must be a moment of the years 1970 to 9999 in UTC, such as 2030-12-31T23:59:59Z';
  throw new Refusal('validation_failed', `${pointer} ${message}.`, { errors: [{ pointer, message }] });
}
