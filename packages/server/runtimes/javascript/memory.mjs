// What this process uses for itself, without what is garbage: against it a call's memory is counted, and what earlier calls
// left uncollected would count in its favour.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect;

/** Resident bytes that belong to no file (as src/runner/memory.ts counts them), after a collection of a few ms. 0 where unknown. */
export function bytesInUse() {
  collect ??= collector();
  // The first frees buffers on a thread of its own, for which the second waits.
  collect();
  collect();
  let status;
  try {
    status = readFileSync('/proc/self/status', 'latin1');
  } catch {
    return 0; // a system that does not say it
  }
  let kibibytes = 0;
  for (const [, amount] of status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm)) kibibytes += Number(amount);
  return kibibytes * 1024;
}

/** Contexts made from now on have `gc`; users' functions have none, for theirs is older. */
function collector() {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc');
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
