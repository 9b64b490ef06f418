// Opens a runner pool: finds the interpreter, sweeps what a dead owner left, starts the first children.
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { makeDirectory } from '../directory.ts';
import type { LiveClock } from '../clock.ts';
import type { PoolListener, RunnerPool } from './call.ts';
import { findInterpreter } from './interpreter.ts';
import { JavaScriptChildren } from './javascript-children.ts';
import type { Log } from './log.ts';
import type { LogLimits } from './logs.ts';
import { ownFolder, recordOwner, sweepDead } from './marks.ts';
import { Pool } from './pool.ts';
import type { Environment } from './processes.ts';
import { prefetchFor } from './prefetch.ts';
import { packagesFolder } from './provision.ts';
import { PythonCare } from './python-care.ts';
import { PythonChildren } from './python-children.ts';
import { Roster } from './roster.ts';
import { START_MS } from './starts.ts';

export interface PoolOptions {
  /** Calls that run at the same time. */
  slots: number;
  /** Path of the interpreter; undefined = the first python3 on PATH. */
  python: string | undefined;
  /** Folders with users' modules; they come first on the import path, and the first one is the runners' folder. */
  pythonPath: readonly string[];
  /** A folder of this installation: notes for the start-up sweep, dill where Python has none. Made if missing. */
  dataDir: string;
  /** The environment that a runner's explicit list is taken from; nothing else of it reaches users' code. */
  environment: Environment;
  listener: PoolListener;
  clock: LiveClock;
  log: Log;
  logLimits: LogLimits;
  /** How much work to hold beyond free slots; the pool's own policy where absent. */
  prefetch?: typeof prefetchFor;
  /** How long a child may take until it is ready, in ms; START_MS where absent. */
  startMs?: number;
}

/**
 * Opens a pool. Resolves when its first Python runner is being made; a runtime that is missing or broken is said in
 * `runtimes`, it does not reject.
 */
export async function openRunnerPool(options: PoolOptions): Promise<RunnerPool> {
  const { slots, environment, dataDir, log, startMs = START_MS } = options;
  makeDirectory(dataDir);
  const swept = sweepDead(dataDir);
  if (swept > 0) log('warn', 'killed processes that an earlier worker had left', { processes: swept });
  const mark = randomBytes(8).toString('hex');
  const removeNote = recordOwner(dataDir, mark);
  const importPath = options.pythonPath.map((folder) => resolve(folder));
  const cwd = importPath[0] ?? ownFolder(dataDir, mark);

  const packages = packagesFolder(dataDir);
  const interpreter = await findInterpreter(options.python, environment, [packages]);
  // Only Linux lets a process become the parent of orphans.
  const kept = process.platform === 'linux';
  const python = new PythonChildren(interpreter, {
    slots,
    importPath,
    packages,
    cwd,
    environment,
    mark,
    kept,
    clock: options.clock,
    startMs,
  });
  const keeper = kept && typeof interpreter !== 'string' ? interpreter.executable : undefined;
  const javascript = new JavaScriptChildren({ cwd, environment, mark, keeper, clock: options.clock, startMs });
  const sources = { python, javascript };
  const care = new PythonCare(interpreter, {
    python: options.python,
    environment,
    dataDir,
    packages,
    mark,
    clock: options.clock,
    log,
    onFound: (found) => {
      python.found(found);
      pool.renew('python');
    },
    renew: async () => {
      await python.renew();
      pool.renew('python');
    },
    onPickles: () => pool.picklesChanged(),
  });
  const pool = new Pool({
    slots,
    roster: (events, changed) =>
      new Roster({ slots, sources, clock: options.clock, startMs, log, logLimits: options.logLimits, events, changed }),
    pickles: () => care.pickles,
    listener: options.listener,
    clock: options.clock,
    log,
    logLimits: options.logLimits,
    prefetch: options.prefetch ?? prefetchFor,
    release: async () => {
      await care.stop();
      removeNote();
    },
  });
  pool.warm();
  // In the background: source functions run meanwhile.
  care.start();
  return pool;
}
