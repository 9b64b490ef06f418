// The life of a program: what it starts, the signals that end it, exit codes. The only file that calls process.exit.
import { environment } from './options.ts';
import { UserError } from './user-error.ts';
import { visible } from './visible.ts';

/** What stops, in reverse order of its start. Each may be called once only. */
export type Stop = () => Promise<void>;

/** A keypress reaches a program under npm or our launcher twice: from the terminal and from them. Ms. */
const ECHO_MS = 500;
const PARENT_LOOK_MS = 500;

/**
 * Starts a program and runs it until SIGTERM or SIGINT, then stops what was started in reverse order and ends with 0;
 * so too where the signal comes in the middle of the start. A second signal ends at once with 1: the grace time is the
 * user's to cut short. `start` pushes a stop for each part that it started. Rejects as `start` does, with all stopped.
 */
export async function runProgram(start: (stops: Stop[]) => Promise<void>, say: (line: string) => void): Promise<never> {
  const stops: Stop[] = [];
  const signal = endSignal();
  try {
    // A start that fails rejects; one that succeeds leaves the race to the signal.
    await Promise.race([signal, start(stops).then(() => signal)]);
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
  say(`${await signal}: finishing what runs; a second signal ends at once.`);
  await stopAll(stops);
  process.exit(0);
}

/** The first signal that asks for the end; the second ends at once. The end of the launcher counts as one. */
function endSignal(): Promise<NodeJS.Signals> {
  const underNpm = environment['npm_lifecycle_event'] !== undefined;
  const echoed = process.connected || underNpm;
  let first: { name: NodeJS.Signals; at: number } | undefined;
  return new Promise((resolve) => {
    const end = (name: NodeJS.Signals): void => {
      const now = performance.now();
      if (first === undefined) {
        first = { name, at: now };
        resolve(name);
      } else if (!echoed || first.name !== name || now - first.at > ECHO_MS) process.exit(1);
    };
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, end);
    if (process.connected) process.once('disconnect', () => end('SIGHUP'));
    // Where the end has begun already, npm's own is part of it.
    else if (underNpm) whenOrphaned(() => first === undefined && end('SIGHUP'));
  });
}

/**
 * npx starts a program through a shell that passes no signal on: who ends npx ends npm and the shell, and not us. No
 * event tells of a parent's end; asking for its number is one cheap system call.
 */
function whenOrphaned(act: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    act();
  }, PARENT_LOOK_MS);
  timer.unref();
}

async function stopAll(stops: readonly Stop[]): Promise<void> {
  for (const stop of [...stops].reverse()) await stop();
}

/** Runs a command; its failure is one sentence on stderr, signed with the program's name, and an exit code. */
export async function runCommand(program: string, act: () => Promise<void>): Promise<void> {
  // `mpcsfaas task ls | head` closes our stdout when it has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    await act();
  } catch (error) {
    fail(program, error);
  }
}

function fail(program: string, error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  // It may tell what users wrote; a traceback has lines.
  process.stderr.write(`${program}: ${visible(message, '\n')}\n`);
  process.exit(error instanceof UserError ? error.exitCode : 1);
}
