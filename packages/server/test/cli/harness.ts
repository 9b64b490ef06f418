// The command line as its users meet it: the real launchers, in a folder of the test's own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Line } from './together.program.ts';

const here = dirname(fileURLToPath(import.meta.url));
const bin = join(here, '../../bin');

export interface Said {
  code: number | NodeJS.Signals;
  stdout: string;
  stderr: string;
}

export interface RunningProgram {
  pid: number;
  stdout: () => string;
  stderr: () => string;
  /** Resolves with the match once either stream has it; rejects where the program ends before. */
  says: (pattern: RegExp) => Promise<RegExpExecArray>;
  signal: (name: NodeJS.Signals) => void;
  ended: Promise<Said>;
}

/** Starts a program by name; `env` comes on top of an environment without settings of ours. */
export function program(
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = bin,
): RunningProgram {
  return start(process.execPath, [join(bin, `${name}.mjs`), ...args], env, cwd);
}

/** Starts any command; `ownGroup`: its process group is its pid's, as a shell would make it; `input`: its whole stdin. */
export function start(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  cwd: string,
  ownGroup = false,
  input?: string,
): RunningProgram {
  const clean = Object.entries(process.env).filter(([key]) => !/^(MPCSFAAS_|npm_|INIT_CWD$)/.test(key));
  const child = spawn(command, args, {
    cwd,
    detached: ownGroup,
    env: { ...Object.fromEntries(clean), ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(input);
  let stdout = '';
  let stderr = '';
  const looks = new Set<() => void>();
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const look of looks) look();
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const look of looks) look();
  });
  const ended = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => ({
    code: code ?? signal ?? 0,
    stdout,
    stderr,
  }));
  return {
    pid: child.pid!,
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (signal) => void child.kill(signal),
    ended,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(stdout) ?? pattern.exec(stderr);
          if (match === null) return;
          looks.delete(look);
          resolve(match);
        };
        looks.add(look);
        look();
        void ended.then(() => reject(new Error(`ended before it said ${String(pattern)}:\n${stdout}${stderr}`)));
      }),
  };
}

/** Runs a command to its end. */
export function mpcsfaas(args: readonly string[], env: Record<string, string> = {}, cwd = bin): Promise<Said> {
  return program('mpcsfaas', args, env, cwd).ended;
}

/** Runs command lines that begin nothing, one after the other in one process; answers in their order. */
export async function together(lines: readonly Line[]): Promise<Said[]> {
  // What it has compiled the next one reads, as it is with the launchers.
  const env = { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') };
  const driver = start(process.execPath, [join(here, 'together.program.ts')], env, bin, false, JSON.stringify(lines));
  const { code, stdout, stderr } = await driver.ended;
  if (code !== 0 || stderr !== '') throw new Error(`it ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Said[];
}

/** A free port of those that browsers, and fetch with them, refuse to speak to. */
export async function blockedPort(): Promise<number> {
  for (const port of [6666, 6667, 6668, 6669, 6665, 6697, 10080, 5060, 5061, 4045, 4190]) {
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
  throw new Error('other programs have all of those ports');
}

/** A port that another program has, until it is closed. */
export async function takenPort(): Promise<{ port: number; server: Server }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, server };
}
