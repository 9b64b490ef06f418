// Making directories, one level at a time: Node's own recursive mkdir never returns below some special file systems
// (/proc), and a path that cannot be made deserves an error.
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Makes `path` and what is missing above it, for this user alone unless `mode` says otherwise. @throws the system's error where it cannot be made. */
export function makeDirectory(path: string, mode = 0o700): void {
  const whole = resolve(path);
  if (isDirectory(whole)) return;
  const above = dirname(whole);
  if (above !== whole) makeDirectory(above, mode);
  try {
    mkdirSync(whole, { mode });
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isDirectory(whole)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
