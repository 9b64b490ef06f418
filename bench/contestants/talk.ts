// A contestant as a program of its own: it says how it is set up, then plays one run for each line of seconds.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Absent, type Player, type Score } from '../contest.ts';

/** No start and no run takes so long. */
const PATIENCE_MS = 180_000;

type First = { how: string } | { missing: string };

/** Starts it and resolves when it is warm. `missing` on its first line makes it `Absent`. */
export async function talk(command: string, args: readonly string[], env: Record<string, string>): Promise<Player> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const silence = new AbortController();
    const late = pause(PATIENCE_MS, 'late' as const, { signal: silence.signal }).catch(() => 'late' as const);
    const answer = await Promise.race([lines.next(), late]);
    silence.abort();
    if (answer === 'late') {
      child.kill('SIGKILL');
      throw new Error(`${args.join(' ')} has said nothing for ${PATIENCE_MS / 1000} s`);
    }
    const { value, done } = answer;
    if (done === true) throw new Error(`${args.join(' ')} ended`);
    return JSON.parse(value) as T;
  };
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  const first = await next<First>();
  if ('missing' in first) {
    await stop();
    throw new Absent(first.missing);
  }
  return {
    how: first.how,
    run: async (seconds) => {
      child.stdin.write(`${seconds}\n`);
      return next<Score>();
    },
    pids: () => [child.pid!],
    stop,
  };
}
