// One call at a time never uses two cores at once, but pays for them: each program wakes the next one on the core that sleeps,
// and finds there none of what it had in the caches. Where all run on one core, that is left.
import { execFileSync } from 'node:child_process';
import { descendantsOf } from './cpu.ts';

/** Puts this process and all that it has started on the first core, for good. False without `taskset` (util-linux). */
export function moveToOneCore(): boolean {
  try {
    for (const pid of [process.pid, ...descendantsOf(process.pid)]) {
      execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', '0', String(pid)], { stdio: 'ignore' });
    }
    return true;
  } catch {
    return false;
  }
}
