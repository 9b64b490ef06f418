// The life of a program: what it starts, the signals that end it, exit codes. The only file that calls process.exit.
import { giveBackIdleMemory } from './idle-memory.ts';
import { environment } from './options.ts';
import { UserError } from './user-error.ts';
import { visible } from './visible.ts';

/** What the first of several processes of one program says to the others: as the first signal, as the second. */
export const STOP = 'stop';
export const CUT = 'cut';

/** A failure that another process has told of. */
export class AlreadySaid extends Error {
  override name = 'AlreadySaid';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super();
    this.exitCode = exitCode;
  }
}

/** What stops, in reverse order of its start; called once. Once `cut` is aborted, no more time is granted. */
export type Stop = (cut: AbortSignal) => Promise<void>;

/** A keypress reaches a program under npm or our launcher twice: from the terminal and from them. Ms. */
const ECHO_MS = 500;
/** How long a program whose time was cut has for its last words, ms. */
const CUT_MS = 2_000;
const PARENT_LOOK_MS = 500;

/**
 * Starts a program and runs it until SIGTERM or SIGINT, then stops what was started in reverse order and ends with 0;
 * so too where the signal comes in the middle of the start. The grace time is the user's to cut short: after a second
 * signal what runs is ended and handed back, within CUT_MS, and the program ends with 1; a third one ends at once.
 * `start` pushes a stop for each part that it started. Rejects as `start` does, with all stopped.
 */
export async function runProgram(start: (stops: Stop[]) => Promise<void>, say: (line: string) => void): Promise<never> {
  const stops: Stop[] = [];
  // Nobody reads what it says any more; those it serves are still there.
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error');
    stream.on('error', () => undefined);
  }
  giveBackIdleMemory();
  const { first: signal, cut } = endSignals();
  cut.addEventListener('abort', () => {
    say('No more time: what runs is handed back; a third signal ends at once.');
    setTimeout(() => process.exit(1), CUT_MS);
  });
  try {
    // A start that fails rejects; one that succeeds leaves the race to the signal.
    await Promise.race([signal, start(stops).then(() => signal)]);
  } catch (error) {
    await stopAll(stops, cut);
    throw error;
  }
  say(`${await signal}: finishing what runs; a second signal cuts that short.`);
  await stopAll(stops, cut);
  process.exit(cut.aborted ? 1 : 0);
}

/** A part that grants time to what it runs: `stop` is called again, with 0, where that time is cut. */
export function withGrace(graceMs: number, stop: (graceMs: number) => Promise<void>): Stop {
  return (cut) => {
    const stopped = stop(cut.aborted ? 0 : graceMs);
    cut.addEventListener('abort', () => void stop(0));
    return stopped;
  };
}

/** A part that has nothing to hand back: where time is cut, the next one does not wait for it. */
export function untilCut(stop: () => Promise<void>): Stop {
  return (cut) => {
    const aborted = new Promise<void>((resolve) => {
      if (cut.aborted) resolve();
      cut.addEventListener('abort', () => resolve());
    });
    return Promise.race([stop(), aborted]);
  };
}

/**
 * `first` resolves with the first signal that asks for the end, the second aborts `cut`, the third ends at once. The end
 * of the launcher counts as one.
 */
function endSignals(): { first: Promise<NodeJS.Signals>; cut: AbortSignal } {
  const underNpm = environment['npm_lifecycle_event'] !== undefined;
  const echoed = process.connected || underNpm;
  const first = Promise.withResolvers<NodeJS.Signals>();
  const cut = new AbortController();
  let last: { name: NodeJS.Signals; at: number } | undefined;
  const end = (name: NodeJS.Signals): void => {
    const now = performance.now();
    if (echoed && last?.name === name && now - last.at <= ECHO_MS) return;
    if (cut.signal.aborted) process.exit(1);
    if (last === undefined) first.resolve(name);
    else cut.abort();
    last = { name, at: now };
  };
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, end);
  if (process.connected) {
    process.once('disconnect', () => end('SIGHUP'));
    // Said once, however often: the terminal may have told this process itself.
    process.on('message', (message) => {
      if (message === STOP && last === undefined) end('SIGTERM');
      if (message === CUT) cut.abort();
    });
  }
  // Where the end has begun already, npm's own is part of it.
  else if (underNpm) whenOrphaned(() => last === undefined && end('SIGHUP'));
  return { first: first.promise, cut: cut.signal };
}

/** The same for a command that may also end by itself: the channel to a launcher does not keep it. */
export function interruption(): ReturnType<typeof endSignals> {
  process.off('SIGTERM', endInterrupted);
  const signals = endSignals();
  process.channel?.unref();
  return signals;
}

const endInterrupted = (): never => process.exit(130);

/**
 * For commands that have nothing to end or to tell: SIGTERM is an interruption, and `interruption` takes it over. Ctrl-C ends
 * them as the signal that it is, of which a shell makes the same number, and ends a loop around the command, too.
 */
export function endAtSigterm(): void {
  process.once('SIGTERM', endInterrupted);
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

async function stopAll(stops: readonly Stop[], cut: AbortSignal): Promise<void> {
  for (const stop of [...stops].reverse()) await stop(cut);
}

/** The end of a command whose user has left, or will wait no longer. */
export function leaveQuietly(exitCode: number): never {
  process.exit(exitCode);
}

/** Runs a command; its failure is one sentence on stderr, signed with the program's name, and an exit code. */
export async function runCommand(program: string, act: () => Promise<void>): Promise<void> {
  // `mpcsfaas task ls | head` closes our stdout when it has seen enough.
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(0);
    fail(program, new UserError(`The output cannot be written (${code ?? message}).`));
  });
  // What is told beside it, whoever has left that, is no reason to end.
  process.stderr.on('error', () => undefined);
  try {
    await act();
  } catch (error) {
    fail(program, error);
  }
}

function fail(program: string, error: unknown): never {
  if (error instanceof AlreadySaid) process.exit(error.exitCode);
  const message = error instanceof Error ? error.message : String(error);
  // It may tell what users wrote; a traceback has lines.
  process.stderr.write(`${program}: ${visible(message, '\n')}\n`);
  process.exit(error instanceof UserError ? error.exitCode : 1);
}
