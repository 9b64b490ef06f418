// CPU time of processes and all that came from them, from /proc: where the microseconds of a task go.
import { readFileSync, readdirSync } from 'node:fs';

/** Clock ticks a second on Linux (sysconf(_SC_CLK_TCK)). */
const TICKS = 100;

interface Stat {
  parent: number;
  /** User and system time with that of reaped children, in ms. */
  cpuMs: number;
}

function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = fields[11]! + fields[12]! + fields[13]! + fields[14]!;
    return { parent: fields[1]!, cpuMs: (ticks / TICKS) * 1000 };
  } catch {
    return undefined;
  }
}

/** CPU ms of a process so far, and apart from it of its living descendants. */
export function cpuOf(pid: number): { own: number; descendants: number } {
  const all = processes();
  const below = descendantsOf(pid, all).map((child) => all.get(child)!.cpuMs);
  return { own: all.get(pid)?.cpuMs ?? 0, descendants: below.reduce((sum, ms) => sum + ms, 0) };
}

/** What lives of all that a process has started, and what that has. */
export function descendantsOf(pid: number, all = processes()): number[] {
  const isBelow = (child: number): boolean => {
    for (let at = all.get(child)?.parent ?? 0; at > 1; at = all.get(at)?.parent ?? 0) if (at === pid) return true;
    return false;
  };
  return [...all.keys()].filter(isBelow);
}

function processes(): Map<number, Stat> {
  const all = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const one = /^\d+$/.test(name) ? stat(Number(name)) : undefined;
    if (one !== undefined) all.set(Number(name), one);
  }
  return all;
}

/** Runs it with the CPU ms that it took, by program; `times` answers the CPU ms of each so far. */
export async function metered<T extends object>(
  times: () => Record<string, number>,
  run: () => Promise<T>,
): Promise<T & { cpu: Record<string, number> }> {
  const before = times();
  const score = await run();
  const cpu = Object.entries(times()).map(([program, ms]): [string, number] => [program, ms - (before[program] ?? 0)]);
  return { ...score, cpu: Object.fromEntries(cpu) };
}

/** CPU ms of this process so far: in the bench, of the load generator. */
export function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
