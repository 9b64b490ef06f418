// Memory of processes, from /proc. All sizes in bytes.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

function field(pid: number, file: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'));
  return Number(found?.[1] ?? Number.NaN) * 1024;
}

/** Its share of all pages, shared ones divided among their users. */
export function pssOf(pid: number): number {
  return field(pid, 'smaps_rollup', 'Pss');
}

/** Pages that nobody else has. */
export function privateOf(pid: number): number {
  return field(pid, 'smaps_rollup', 'Private_Clean') + field(pid, 'smaps_rollup', 'Private_Dirty');
}

export function residentOf(pid: number): number {
  return field(pid, 'status', 'VmRSS');
}

/** The most that was resident since the last `forgetPeak`. */
export function peakOf(pid: number): number {
  return field(pid, 'status', 'VmHWM');
}

export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Processes that were forked by a Python process and have no child: the Python runners below `pid`. */
export function pythonRunners(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const isPython = (one: number): boolean => {
    try {
      // Not its arguments: a worker's name the Python that it is to use.
      return readFileSync(`/proc/${one}/cmdline`, 'latin1').split('\0')[0]!.includes('python');
    } catch {
      return false;
    }
  };
  const isBelow = (one: number): boolean => {
    for (let at = parents.get(one) ?? 0; at > 1; at = parents.get(at) ?? 0) if (at === pid) return true;
    return false;
  };
  const withChild = new Set(parents.values());
  return [...parents.keys()].filter(
    (one) => !withChild.has(one) && isBelow(one) && isPython(one) && isPython(parents.get(one) ?? 0),
  );
}
