// How much memory a process uses, where the system says.
import { readFileSync } from 'node:fs';

/** Resident bytes of `pid` that belong to no file: what it allocated, shared memory too. 0 where unknown. */
export function residentBytes(pid: number): number {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return 0;
  }
  let kibibytes = 0;
  for (const [, amount] of status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm)) kibibytes += Number(amount);
  return kibibytes * 1024;
}
