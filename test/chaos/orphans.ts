// What is left of a system where nothing should be: processes and temporary files; and how much of the machine it holds.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { leftovers } from '../harness/leftovers.ts';
import type { Stage } from './stage.ts';

/** After everything was told to end: what still lives or lies about. */
export async function orphans(stage: Stage): Promise<string[]> {
  const processes = await leftovers(join(stage.dir, 'temporary'));
  const files = stage.parts.flatMap(({ name }) =>
    readdirSync(stage.temporary(name), { recursive: true }).map((file) => `${name}: ${String(file)}`),
  );
  return [...processes.map(({ pid, command }) => `process ${pid}: ${command.slice(0, 200)}`), ...files];
}

export interface Holding {
  memoryBytes: number;
  descriptors: number;
}

/** Of each part of the system: resident memory and open descriptors. */
export function holdings(stage: Stage): Map<string, Holding> {
  return new Map(
    stage.parts.map((part) => {
      const pid = part.pid();
      const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0;
      return [part.name, { memoryBytes: Number(kilobytes) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length }];
    }),
  );
}
