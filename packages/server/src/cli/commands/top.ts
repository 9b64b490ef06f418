// `mpcsfaas top`: a live view of the service. On a terminal it is drawn over and over, in a pipe one frame after another.
import { setTimeout as pause } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import type { Task } from '@mpcsfaas/contract';
import { Api, type ApiOptions } from '../api.ts';
import { canBeDrawnOver, hasColours } from '../colour.ts';
import { frameOf, ratesOf, type Sample } from '../dashboard.ts';
import { withOptions } from '../options.ts';
import { isAway } from '../patience.ts';
import { printLine } from '../print.ts';
import { interruption, leaveQuietly } from '../process.ts';
import { TerminalScreen } from '../terminal-screen.ts';
import { durationFrom, MOST_TIMED_MS, whole } from '../units.ts';
import { visibleJson } from '../visible.ts';
import type { Fleet } from './workers.ts';

interface TopOptions extends ApiOptions {
  interval: number;
  frames?: number;
  tasks: number;
  json: boolean;
}

const LEAST_MS = 100;
/** A frame in a pipe: as long and as wide as it needs to be. */
const ENDLESS = { columns: Infinity, rows: Infinity };

export function topCommand(parent: Command): void {
  const command = parent
    .command('top')
    .description('watch throughput, queue, workers, slots and the newest tasks; q or Ctrl-C leaves')
    .addOption(
      new Option('--interval <time>', 'time between two frames')
        .argParser(durationFrom(LEAST_MS, MOST_TIMED_MS))
        .default(1000, '1s'),
    )
    .addOption(
      new Option('--frames <n>', 'end after so many').argParser(whole(1, 1e9)).default(undefined, 'none: it goes on'),
    )
    .addOption(new Option('--tasks <n>', 'how many of the newest tasks').argParser(whole(0, 100)).default(10));
  withOptions(command, 'client').action(top);
}

async function top(options: TopOptions): Promise<void> {
  const { interval, frames = Infinity, json } = options;
  const api = new Api(options);
  const stop = new AbortController();
  let exitCode = 0;
  void interruption().first.then(() => {
    exitCode = 130;
    stop.abort();
  });
  // Whoever leaves does not wait for a service that hangs.
  const left = new Promise<undefined>((resolve) => stop.signal.addEventListener('abort', () => resolve(undefined)));
  const sample = (): Promise<Sample | undefined> => Promise.race([sampleOf(api, options), left]);
  // What is told before the first frame is told on the usual screen.
  let before = await sample();
  const screen = canBeDrawnOver(process.stdout) && !json ? new TerminalScreen(() => stop.abort()) : undefined;
  let shown: readonly string[] = [];
  /** Until the service is back from where it went: a restart is no reason to stop watching. */
  const sampleInTime = async (): Promise<Sample | undefined> => {
    for (let isTold = false; ; isTold = true) {
      try {
        return await sample();
      } catch (error) {
        if (!isAway(error)) throw error;
        before = undefined;
        const told = `${awayText(error)}: waiting for it`;
        if (screen !== undefined) screen.draw([told, '', ...shown.slice(0, screen.size.rows - 2)]);
        else if (!isTold) process.stderr.write(`mpcsfaas: ${told}.\n`);
        if (!(await passed(interval, stop.signal))) return undefined;
      }
    }
  };
  try {
    let now = before;
    for (let frame = 1; now !== undefined; frame++) {
      const rates = ratesOf(before === now ? undefined : before, now);
      if (json) printLine(visibleJson(JSON.stringify({ at: new Date(now.at).toISOString(), ...rates, ...told(now) })));
      else {
        const size = screen?.size ?? ENDLESS;
        const lines = frameOf(now, rates, options.url, { ...size, coloured: hasColours(process.stdout) });
        if (screen === undefined) printLine(`${lines.join('\n')}\n`);
        else screen.draw(lines);
        shown = lines;
      }
      before = now;
      now = frame < frames && (await passed(interval, stop.signal)) ? await sampleInTime() : undefined;
    }
  } finally {
    screen?.leave();
  }
  // An answer that is still to come would hold the program.
  if (stop.signal.aborted) leaveQuietly(exitCode);
}

/** `No service answers at http://… (ECONNREFUSED)`, without what else a sentence says. */
function awayText(error: unknown): string {
  return error instanceof Error ? error.message.replace(/(: start one .*)?\.$/, '') : String(error);
}

/** False where it was cut short. */
function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return pause(ms, true, { signal }).catch(() => false);
}

async function sampleOf(api: Api, { tasks }: TopOptions): Promise<Sample> {
  const [stats, fleet, newest] = await Promise.all([
    api.get('/v1/stats'),
    api.page<Fleet>('/v1/workers'),
    tasks === 0 ? { items: [] } : api.page('/v1/tasks', { limit: tasks }),
  ]);
  return {
    at: Date.now(),
    stats: api.bodyOf<Sample['stats']>(stats, 'submitted'),
    fleet,
    tasks: newest.items as Task[],
  };
}

function told({ stats, fleet, tasks }: Sample): object {
  return { stats, workers: fleet.items, tasks };
}
