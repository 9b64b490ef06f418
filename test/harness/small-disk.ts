// A file system of its own, small enough to be filled: where there is root, for the embedded store.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SmallDisk {
  path: string;
  /** Takes all that is free. */
  fill(): void;
  /** Gives it back. */
  free(): void;
  remove(): void;
}

export function smallDisk(path: string, mebibytes: number): SmallDisk | { reason: string } {
  if (process.getuid?.() !== 0) return { reason: 'a small file system is mounted by root only' };
  mkdirSync(path, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], {
    encoding: 'utf8',
  });
  if (status !== 0) return { reason: `tmpfs cannot be mounted here: ${(stderr || 'no mount').trim()}` };
  const ballast = join(path, 'ballast');
  return {
    path,
    fill: () => {
      const piece = Buffer.alloc(64 * 1024);
      try {
        for (;;) writeFileSync(ballast, piece, { flag: 'a' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    },
    free: () => rmSync(ballast, { force: true }),
    remove: () => {
      spawnSync('umount', [path]);
    },
  };
}
