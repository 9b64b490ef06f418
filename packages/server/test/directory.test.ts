// Directories are made, or an error says at once why not.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectory } from '../src/directory.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'directory-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('makeDirectory', () => {
  it('makes all levels, and is content with what is there', () => {
    const path = join(folder, 'a/b/c');
    makeDirectory(path);
    makeDirectory(path);
    for (const level of ['a', 'a/b', 'a/b/c']) expect(statSync(join(folder, level)).mode & 0o777).toBe(0o700);
  });

  it('fails at a file in the way', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => makeDirectory(join(folder, 'file'))).toThrow(/EEXIST/);
    expect(() => makeDirectory(join(folder, 'file/below'))).toThrow(/EEXIST|ENOTDIR/);
  });

  it.runIf(process.platform === 'linux')('fails below /proc, where a recursive mkdir never returns', () => {
    expect(() => makeDirectory('/proc/no/such')).toThrow(/ENOENT|EPERM|EACCES/);
  });
});
