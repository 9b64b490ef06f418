// The room's one door to other processes.
import { execFile, spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { isAlive } from '../process-alive.ts';

const execute = promisify(execFile);

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Runs a command to its end and answers its stdout; rejects with `stderr`, `code` and `message` where it fails.
 * `signal` kills it; the answer comes once it is gone, so that what it wrote can be removed.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Environment; timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<string> {
  const { cwd, env, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const running = execute(command, args, {
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env: { ...env } }),
    ...(timeoutMs !== undefined && { timeout: timeoutMs }),
  });
  const kill = (): void => void running.child.kill('SIGKILL');
  signal?.addEventListener('abort', kill);
  try {
    return (await running).stdout;
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}

/** Starts a command in a session of its own. Throws where it cannot be started. */
export function startDetached(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string>; stdio: StdioOptions },
): ChildProcess & { pid: number } {
  const child = spawn(command, args, { ...options, detached: true });
  // Where the command does not exist Node tells by an event too; the missing pid tells it at once.
  child.on('error', () => undefined);
  if (child.pid === undefined) throw new Error(`cannot start ${command}`);
  return child as ChildProcess & { pid: number };
}

/** Is it dead, its parent told of it or not? False where the system does not say. */
export function hasEnded(pid: number): boolean {
  return statFields(pid)[0] === 'Z' || !isAlive(pid);
}

/** Fields of /proc/PID/stat from the third on; none where there is no such process, or no /proc. */
export function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** SIGKILL to the process group of `pid`, or to the process where it has no group yet. */
export function killGroup(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
      return;
    } catch {
      // Gone, or no group of its own yet.
    }
  }
}
