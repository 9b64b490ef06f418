// The store's files are its user's alone, whatever the umask and whoever made the directory they lie in.
import { chmodSync, closeSync, openSync } from 'node:fs';

const OWN = 0o600;

/**
 * Makes `file` where it is missing, and takes others' rights to it away where it is there. SQLite gives the files that it
 * puts beside one (`beside`) the rights of that one. What cannot be done is left to SQLite, whose faults say more.
 */
export function makePrivate(file: string, beside: readonly string[] = []): void {
  attempt(() => closeSync(openSync(file, 'a', OWN)));
  for (const name of ['', ...beside]) attempt(() => chmodSync(file + name, OWN));
}

function attempt(act: () => void): void {
  try {
    act();
  } catch {
    // Not there, not ours, or a file system without rights.
  }
}
