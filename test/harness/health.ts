// How a program has fared: the most memory it has had, and what it wrote of faults.
import { readFileSync } from 'node:fs';

/** VmHWM of /proc/PID/status; NaN where the process is gone. */
export function peakBytes(pid: number): number {
  try {
    return Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  } catch {
    return Number.NaN;
  }
}

/** Lines about faults of ours: pino's levels from 50 on; and what is no log line at all. */
export function faultLines(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && (/"level":[56]0/.test(line) || /^\s+at |Error:/.test(line)))
    .slice(0, 5)
    .map((line) => line.slice(0, 600));
}
