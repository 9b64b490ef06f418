// Finding processes that outlived their owner, by the mark that every one of them carries in its environment.
// Works where /proc exists; elsewhere the process groups and the end of the channels have to do.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeDirectory } from '../directory.ts';
import { isAlive } from '../process-alive.ts';
import { removeGates } from './gates.ts';
import { MARK_NAME } from './launch.ts';
import { hasEnded, statFields } from './processes.ts';

/** Pids of living processes that carry `mark`, or a mark that begins with `mark` and a dot. */
export function findMarked(mark: string): number[] {
  const exact = `${MARK_NAME}=${mark}`;
  return pids().filter((pid) => {
    if (pid === process.pid) return false;
    const environ = read(`/proc/${pid}/environ`);
    const at = environ.indexOf(exact);
    return at >= 0 && ['\0', '.', ''].includes(environ.charAt(at + exact.length)) && !hasEnded(pid);
  });
}

/** Kills all that carry `mark`, also what they start meanwhile; answers how many were killed. */
export function killMarked(mark: string): number {
  let killed = 0;
  for (let round = 0; round < 50; round += 1) {
    const found = findMarked(mark);
    if (found.length === 0) return killed;
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
        killed += 1;
      } catch {
        // Gone meanwhile.
      }
    }
  }
  return killed;
}

/** Notes in the data directory that this process owns `mark`. The answer removes the note and the mark's folder. */
export function recordOwner(dataDir: string, mark: string): () => void {
  const folder = join(dataDir, 'runners');
  makeDirectory(folder);
  const file = join(folder, `${mark}.json`);
  writeFileSync(file, JSON.stringify({ pid: process.pid, start: startTime(process.pid) }), { mode: 0o600 });
  return () => removeOwner(folder, mark);
}

function removeOwner(folder: string, mark: string): void {
  for (const own of [mark, workFolderName(mark)]) rmSync(join(folder, own), { recursive: true, force: true });
  removeGates(mark);
  // The note goes last: without it nobody would look for the folders.
  rmSync(join(folder, `${mark}.json`), { force: true });
}

const workFolderName = (mark: string): string => `${mark}.work`;

/** A folder for what the owner of `mark` prepares, beside its runners' folder; it goes with the owner's note. Not made. */
export function workFolder(dataDir: string, mark: string): string {
  return resolve(dataDir, 'runners', workFolderName(mark));
}

/** A folder for the runners of `mark`, made now; it goes with the owner's note. */
export function ownFolder(dataDir: string, mark: string): string {
  const folder = resolve(dataDir, 'runners', mark);
  makeDirectory(folder, 0o700);
  return folder;
}

/** Kills what owners that are dead have left; answers how many processes. */
export function sweepDead(dataDir: string): number {
  const folder = join(dataDir, 'runners');
  let killed = 0;
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return 0;
  }
  for (const name of names.filter((name) => name.endsWith('.json'))) {
    const file = join(folder, name);
    let owner: { pid?: number; start?: string };
    try {
      owner = JSON.parse(readFileSync(file, 'utf8')) as typeof owner;
    } catch {
      owner = {};
    }
    if (owner.pid !== undefined && isAlive(owner.pid) && startTime(owner.pid) === owner.start) continue;
    const mark = name.slice(0, -'.json'.length);
    killed += killMarked(mark);
    removeOwner(folder, mark);
  }
  return killed;
}

function pids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** In clock ticks since boot: with the pid, a name that is never given twice. '' where unknown. */
function startTime(pid: number): string {
  return statFields(pid)[19] ?? '';
}
