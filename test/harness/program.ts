// Real programs as separate processes: started by their launchers, ready when they say so, ended by their pid.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

export interface Program {
  pid: number;
  /** Everything it wrote so far, both streams. */
  output(): string;
  /** Resolves with the match when the output has it; rejects with the output when the program ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  signal(name: NodeJS.Signals): void;
  /** Resolves with its exit code, or the signal's name. */
  ended: Promise<number | NodeJS.Signals>;
  /** SIGTERM, and its end. */
  stop(): Promise<number | NodeJS.Signals>;
  /** SIGKILL, and its end. */
  kill(): Promise<void>;
}

/** Whom a program runs as; {} = whoever runs the tests. */
export interface RunAs {
  uid?: number;
  gid?: number;
}

/** Starts any command. `env` is added to an environment without settings of ours or npm's. */
export function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = root,
  as: RunAs = {},
): Program {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(MPCSFAAS_|npm_)/.test(name) && name !== 'INIT_CWD'),
  );
  const options = { cwd, env: { ...clean, ...env }, ...as };
  return watch(spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** Starts one of our programs: `mpcsfaas`, `task_dispatcher`, `pull_worker`, `push_worker`. */
export function start(program: string, args: readonly string[], env: Record<string, string> = {}, cwd = root): Program {
  return run(process.execPath, [join(root, 'packages/server/bin', `${program}.mjs`), ...args], env, cwd);
}

function watch(child: ChildProcess): Program {
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const look of waiting) look();
    });
  }
  const ended = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => code ?? signal ?? 0);
  return {
    pid: child.pid!,
    output: () => output,
    says: async (pattern) => {
      const found = new Promise<RegExpExecArray>((resolve) => {
        const look = (): void => {
          const match = pattern.exec(output);
          if (match === null) return;
          waiting.delete(look);
          resolve(match);
        };
        waiting.add(look);
        look();
      });
      const early = ended.then((how) => {
        const match = pattern.exec(output);
        if (match !== null) return match;
        throw new Error(`ended (${how}) before it said ${String(pattern)}:\n${output}`);
      });
      return Promise.race([found, early]);
    },
    signal: (name) => void child.kill(name),
    ended,
    stop: async () => {
      child.kill('SIGTERM');
      return ended;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
