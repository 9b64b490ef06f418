// The data directory, made and tried before anything is kept in it: whatever is wrong with it is one sentence.
import { accessSync, constants, existsSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDirectory } from '../../directory.ts';
import { UserError } from '../user-error.ts';

/** What a person is told of the system's codes. */
const REASONS: Record<string, string> = {
  EACCES: 'you have no rights to it',
  EPERM: 'you have no rights to it',
  EEXIST: 'it is a file, not a directory',
  ENOTDIR: 'a file stands where a directory is needed',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links go in a circle',
};

/** '' or why nothing can be kept in `path`, with what to do. Makes it where it is missing. */
export function dataDirectoryTrouble(path: string): string {
  for (const [what, act] of [
    ['made', () => makeDirectory(path, 0o700)],
    ['read and written', () => accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)],
  ] as const) {
    try {
      act();
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      return `The data directory ${path} cannot be ${what} (${REASONS[code] ?? (code || message)}): name another with --data-dir.`;
    }
  }
  return '';
}

/** The same for one who only looks: what had to be made for the trial is gone again. */
export function trialTrouble(path: string): string {
  const missing: string[] = [];
  for (let at = path; !existsSync(at) && dirname(at) !== at; at = dirname(at)) missing.push(at);
  const trouble = dataDirectoryTrouble(path);
  for (const made of missing) if (existsSync(made)) rmdirSync(made);
  return trouble;
}

/** @throws UserError */
export function demandDataDirectory(path: string): void {
  const trouble = dataDirectoryTrouble(path);
  if (trouble !== '') throw new UserError(trouble);
}
