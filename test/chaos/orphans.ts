// What is left of a system where nothing should be: processes and temporary files; and how much of the machine it holds.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { leftovers } from '../harness/leftovers.ts';
import type { Part } from './part.ts';
import type { Stage } from './stage.ts';

/** After everything was told to end: what still lives after `withinMs`, or lies about. */
export async function orphans(
  stage: Pick<Stage, 'dir' | 'temporary'> & { parts: readonly Pick<Part, 'name'>[] },
  withinMs: number,
): Promise<string[]> {
  const processes = await leftovers(join(stage.dir, 'temporary'), withinMs);
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

/** What the young generation of V8 and the buffers behind it may take at the next burst of work, however little there was before. */
const MORE_MEMORY_BYTES = 384 * 2 ** 20;
/** Kept connections of clients, and the pipes of runners that were forked for more at once. */
const MORE_DESCRIPTORS = 100;

/** Parts that hold so much more than before the faults that it is no chance, each in a sentence. */
export function grown(before: ReadonlyMap<string, Holding>, after: ReadonlyMap<string, Holding>): string[] {
  return [...after].flatMap(([name, then]) => {
    const first = before.get(name) ?? { memoryBytes: 0, descriptors: 0 };
    const memory = then.memoryBytes - first.memoryBytes;
    const descriptors = then.descriptors - first.descriptors;
    return [
      ...(memory > MORE_MEMORY_BYTES ? [`${name} has ${Math.round(memory / 2 ** 20)} MiB more than before`] : []),
      ...(descriptors > MORE_DESCRIPTORS ? [`${name} has ${descriptors} descriptors more than before`] : []),
    ];
  });
}
