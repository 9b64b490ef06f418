// Cursors as callers give them back. To a caller they are words without a meaning; one that no answer of ours can have held
// is refused here, for both stores, before a store reads from a wrong place.
import { isWellFormedId } from '../lifecycle/ids.ts';
import { Refusal } from './refusal.ts';

type Listing = 'tasks' | 'functions' | 'events';

const FORM: Record<Listing, (cursor: string) => boolean> = {
  /** The last id shown. */
  tasks: isWellFormedId,
  /** The number of the last one shown. */
  functions: (cursor) => /^\d{1,15}$/.test(cursor),
  /** A place in each shard's log. One of another store, or of a log that began anew, is answered by a reset. */
  events: (cursor) => /^\d{1,15}(-\d{1,15})?(,\d{1,15}-\d{1,15})*$/.test(cursor),
};

const CURE: Record<Listing, string> = {
  tasks: 'Take `next_cursor` of the page before, or leave it out to begin at the newest task.',
  functions: 'Take `next_cursor` of the page before, or leave it out to begin at the newest function.',
  events: 'Take the id of the last event, or leave it out to begin now.',
};

/** The cursor as the store spells it, '' where none was given. Refuses with `invalid_cursor`. */
export function cursorOf(listing: Listing, given: string | undefined): string {
  if (given === undefined || given === '') return '';
  if (FORM[listing](given)) return given.toLowerCase();
  throw new Refusal('invalid_cursor', `"${given.slice(0, 64)}" is no cursor of ${listing}. ${CURE[listing]}`);
}
