// How many runners a template can fork. Their descriptors are made when it starts, four for each, in both processes, and
// lie there until they are used; a new template costs as much as some twenty forks. So it is small, and grows only for
// whoever forks much, a runner for each call, for as long as that lasts. Pure: the time is an argument.

/** Templates that follow each other more quickly than this, ms, are worth the descriptors of larger ones. */
export const QUICK_MS = 1_000;
/** Where none was needed for so long, ms, small ones do; far enough from QUICK_MS that a steady rate keeps one size. */
export const QUIET_MS = 4_000;
/** None grows beyond this. */
const MOST = 112;

/** Of a template that nobody hurries: enough for every slot twice, and for some more that crash. */
export function smallGroups(slots: number): number {
  return 2 * slots + 8;
}

/** Of the template that follows one of `groups` after `sinceMs`. */
export function nextGroups(groups: number, sinceMs: number): number {
  return sinceMs < QUICK_MS ? Math.max(groups, Math.min(2 * groups, MOST)) : groups;
}
