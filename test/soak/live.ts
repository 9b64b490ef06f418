// What programs hold on to: their objects and buffers that survive a full collection, which is forced at rest.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export class LiveMemory {
  readonly #directory = mkdtempSync(join(tmpdir(), 'soak-live-'));

  /** Programs that are started with it tell of themselves. `flags`: more of Node's options for them. */
  environment(flags: readonly string[]): Record<string, string> {
    const preload = fileURLToPath(new URL('tell-live.cjs', import.meta.url));
    return {
      NODE_OPTIONS: ['--require', preload, ...flags].join(' '),
      SOAK_LIVE_DIRECTORY: this.#directory,
    };
  }

  /** Bytes, by program. */
  async of(programs: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const all = [...programs].map(async ([name, pid]): Promise<[string, number]> => [name, await this.#ask(pid)]);
    return new Map(await Promise.all(all));
  }

  async #ask(pid: number): Promise<number> {
    const file = join(this.#directory, String(pid));
    process.kill(pid, 'SIGUSR2');
    while (!existsSync(file)) await pause(50);
    const live = Number(readFileSync(file, 'utf8'));
    rmSync(file);
    return live;
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
