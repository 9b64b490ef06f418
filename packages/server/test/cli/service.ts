// A service that runs, for tests of the commands that call one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { mpcsfaas, program, start, type RunningProgram, type Said } from './harness.ts';

const here = dirname(fileURLToPath(import.meta.url));
const bin = join(here, '../../bin/mpcsfaas.mjs');

export interface CliService {
  folder: string;
  url: string;
  env: Record<string, string>;
  cli(...args: string[]): Promise<Said>;
  /** A command that works; its stdout. */
  done(...args: string[]): Promise<string>;
  json(...args: string[]): Promise<unknown>;
  /** A command that goes on. */
  running(...args: string[]): RunningProgram;
  /** A command through a shell: pipes and all; `mpcsfaas` is there. */
  shell(line: string, more?: Record<string, string>): Promise<Said>;
  /** A command on a terminal: once it shows `pattern`, `keys` are pressed. */
  onTerminal(pattern: string, keys: string, args: readonly string[], more?: Record<string, string>): RunningProgram;
  stop(): Promise<void>;
}

/** `more`: arguments of `up`. */
export async function startCliService(
  source: string,
  names: readonly string[],
  more: readonly string[] = [],
): Promise<CliService> {
  const folder = mkdtempSync(join(tmpdir(), 'test-cli-'));
  const up = program('mpcsfaas', [
    ...['up', '--port', '0', '--json', '--slots', '2', '--python', '/usr/bin/python3'],
    ...['--data-dir', join(folder, 'data'), ...more],
  ]);
  const [, url = ''] = await up.says(/"url": "(http:[^"]+)"/);
  const env = { MPCSFAAS_URL: url, HOME: folder };
  writeFileSync(join(folder, 'tools.py'), source);
  writeFileSync(join(folder, 'mpcsfaas'), `#!/bin/sh\nexec ${process.execPath} ${bin} "$@"\n`, { mode: 0o755 });
  const cli = (...args: string[]): Promise<Said> => mpcsfaas(args, env, folder);
  const done = async (...args: string[]): Promise<string> => {
    const said = await cli(...args);
    expect(said, said.stderr).toMatchObject({ code: 0, stderr: '' });
    return said.stdout;
  };
  for (const name of names) await done('fn', 'register', `tools.py:${name}`);
  return {
    ...{ folder, url, env, cli, done },
    json: async (...args) => JSON.parse(await done(...args, '--json')) as unknown,
    running: (...args) => program('mpcsfaas', args, env, folder),
    shell: (line, more = {}) =>
      start('/bin/bash', ['-c', `PATH=${folder}:$PATH; ${line}`], { ...env, ...more }, folder).ended,
    onTerminal: (pattern, keys, args, more = {}) =>
      start(
        '/usr/bin/python3',
        [join(here, 'fixtures/on_terminal.py'), pattern, keys, process.execPath, bin, ...args],
        { ...env, TERM: 'xterm', ...more },
        folder,
      ),
    stop: async () => {
      up.signal('SIGTERM');
      expect((await up.ended).code, up.stderr()).toBe(0);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
