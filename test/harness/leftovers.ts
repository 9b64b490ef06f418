// Processes that a system left behind, found by a mark in their command line or environment: its data directory.
import { readFileSync, readdirSync } from 'node:fs';

export interface Leftover {
  pid: number;
  command: string;
}

/** Living processes, this one apart, that carry `mark`. Zombies are dead. */
export function marked(mark: string): Leftover[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({ pid: Number(name), command: read(name, 'cmdline').replaceAll('\0', ' ').trim() }))
    .filter(({ pid, command }) => {
      if (!command.includes(mark) && !read(String(pid), 'environ').includes(mark)) return false;
      return !/^\d+ \(.*\) Z/s.test(read(String(pid), 'stat'));
    });
}

/** Resolves with [] once nothing carries `mark`, or after `withinMs` with what still does. */
export async function leftovers(mark: string, withinMs = 5000): Promise<Leftover[]> {
  const until = performance.now() + withinMs;
  for (;;) {
    const found = marked(mark);
    if (found.length === 0 || performance.now() > until) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
