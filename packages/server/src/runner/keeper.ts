// A started command under its keeper: a small process that is the parent of all that comes from the command, and ends it
// (runtimes/python/keep.py). Without one, what left the command's process group is found by its mark alone.
import { once } from 'node:events';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import type { Socket } from 'node:net';
import type { Death } from './child.ts';
import type { Launch } from './launch.ts';
import { killGroup } from './processes.ts';
import { start, type Started } from './spawn.ts';
import { whenAborted } from './starts.ts';

export interface Kept extends Started {
  /** Of the command itself; its process group has the same number. */
  pid: number;
  /**
   * Resolves when the command has ended and, under a keeper, nothing that came from it is left; `unknown` where the
   * keeper was killed. Never rejects.
   */
  ended: Promise<Death>;
  /** SIGKILL to the command's process group. Idempotent. */
  kill(): void;
}

/** How long a keeper may take to tell of the end after a kill, in ms. */
const ANSWER_MS = 5_000;
/** How long a command whose keeper was killed may take to end all that came from it, in ms. */
const ALONE_MS = 2_000;

/**
 * Starts it. Throws where it cannot be started; what carries its mark may then be left.
 * @param letGo - lets go of what the command lives by: it then ends by itself, with all that came from it
 * @param signal - nobody waits for a keeper any more that has not come up
 */
export async function startKept(
  launch: Launch,
  letGo: (sockets: Socket[]) => void,
  signal: AbortSignal,
): Promise<Kept> {
  const started = await start(launch);
  if (!launch.kept) return alone(started);
  const keeper = started.process;
  const line = started.sockets.pop()!;
  const exited = new Promise<void>((resolve) => keeper.once('exit', () => resolve()));
  const closed = new Promise<void>((resolve) => line.once('close', () => resolve()));
  const words = createInterface({ input: line });
  words.on('error', () => undefined);
  const { promise: born, resolve: bear } = Promise.withResolvers<number | undefined>();
  let death: Death | undefined;
  words.on('line', (text) => {
    const [word, number] = text.split(' ');
    if (word === 'pid') bear(Number(number));
    else death = word === 'signal' ? { is: 'signal', signal: Number(number) } : { is: 'exit', code: Number(number) };
  });
  void exited.then(() => bear(undefined));
  const forget = whenAborted(signal, () => killGroup(keeper.pid!));
  const pid = await born;
  forget();
  if (pid === undefined) {
    const said = String(keeper.stderr!.read() ?? '').trim();
    for (const socket of started.sockets) socket.destroy();
    for (const gate of started.gates) gate.close();
    if (signal.aborted) throw signal.reason;
    throw new Error(`${launch.command} ended at once${said === '' ? '' : `: ${said.split('\n').at(-1)}`}`);
  }
  let over = false;
  const ended = Promise.all([exited, closed]).then(async (): Promise<Death> => {
    if (!death) await endAlone({ ...started, pid }, letGo);
    over = true;
    return death ?? { is: 'unknown', why: 'its keeper, the parent of its process, was killed' };
  });
  const kill = (): void => {
    if (over) return;
    killGroup(pid);
    // A keeper that is stopped or stuck tells nothing.
    setTimeout(() => {
      if (!over) keeper.kill('SIGKILL');
    }, ANSWER_MS).unref();
  };
  return { ...started, pid, ended, kill };
}

/** The keeper was killed; the command lives on and is nobody's child. */
async function endAlone({ sockets, pid }: { sockets: Socket[]; pid: number }, letGo: (sockets: Socket[]) => void) {
  const first = sockets[0]!;
  letGo(sockets);
  if (!first.closed) {
    const enough = new AbortController();
    const timer = setTimeout(() => enough.abort(), ALONE_MS);
    await once(first, 'close', { signal: enough.signal }).catch(() => undefined);
    clearTimeout(timer);
  }
  killGroup(pid);
}

function alone(started: Started): Kept {
  const { process: child, pid } = started;
  let over = false;
  const ended = once(child, 'exit').then(([code, signal]): Death => {
    over = true;
    // The group's number may be given again only when its last member is gone, so this reaches stragglers or nobody.
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // No straggler.
    }
    return signal
      ? { is: 'signal', signal: constants.signals[signal as NodeJS.Signals] }
      : { is: 'exit', code: Number(code) };
  });
  return {
    ...started,
    ended,
    kill: () => {
      if (!over) killGroup(pid);
    },
  };
}
