// Opens a runner pool: finds the interpreter, sweeps what a dead owner left, starts the first children.
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { makeDirectory } from '../directory.ts';
import type { Clock } from '../clock.ts';
import type { PoolListener, RunnerPool } from './call.ts';
import { findInterpreter, hasDill, isComplete } from './interpreter.ts';
import { JavaScriptChildren } from './javascript-children.ts';
import type { Log } from './log.ts';
import type { LogLimits } from './logs.ts';
import { MARK_NAME } from './launch.ts';
import { ownFolder, recordOwner, sweepDead, workFolder } from './marks.ts';
import { Pool } from './pool.ts';
import type { Environment } from './processes.ts';
import { prefetchFor } from './prefetch.ts';
import { bringPackages, installAdvice, packagesFolder } from './provision.ts';
import { PythonChildren } from './python-children.ts';
import { Roster } from './roster.ts';

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
  clock: Clock;
  log: Log;
  logLimits: LogLimits;
  /** How much work to hold beyond free slots; the pool's own policy where absent. */
  prefetch?: typeof prefetchFor;
}

/**
 * Opens a pool. Resolves when its first Python runner is being made; a runtime that is missing or broken is said in
 * `runtimes`, it does not reject.
 */
export async function openRunnerPool(options: PoolOptions): Promise<RunnerPool> {
  const { slots, environment, dataDir, log } = options;
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
  });
  const keeper = kept && typeof interpreter !== 'string' ? interpreter.executable : undefined;
  const javascript = new JavaScriptChildren({ cwd, environment, mark, keeper });
  const sources = { python, javascript };
  const stopping = new AbortController();
  let bringing: Promise<string | undefined> | undefined;
  let pickleProblem: string | undefined = typeof interpreter === 'string' || hasDill(interpreter) ? '' : undefined;
  const pool = new Pool({
    slots,
    roster: (events, changed) =>
      new Roster({ slots, sources, clock: options.clock, log, logLimits: options.logLimits, events, changed }),
    pickleProblem: () => pickleProblem,
    listener: options.listener,
    clock: options.clock,
    log,
    logLimits: options.logLimits,
    prefetch: options.prefetch ?? prefetchFor,
    release: async () => {
      stopping.abort();
      await bringing;
      removeNote();
    },
  });
  if (typeof interpreter === 'string') log('warn', interpreter, {});
  pool.warm();
  if (typeof interpreter !== 'string' && !isComplete(interpreter)) {
    // In the background: source functions run meanwhile, pickled ones wait.
    bringing = bringPackages({
      interpreter,
      folder: packages,
      work: workFolder(dataDir, mark),
      environment: { ...environment, [MARK_NAME]: mark },
      signal: stopping.signal,
      tell: (way, why) => log('info', 'dill and cloudpickle cannot be brought this way', { way, why }),
    }).catch((error: unknown) => {
      if (!stopping.signal.aborted) log('warn', 'dill and cloudpickle could not be brought', { why: String(error) });
      return undefined;
    });
    void bringing
      .then(async (folder) => {
        if (stopping.signal.aborted) return;
        const problem = folder !== undefined || hasDill(interpreter) ? '' : installAdvice(interpreter);
        // Renewed first: runners forked before dill was there must not get a pickled call.
        if (folder !== undefined) await pool.renewPython(() => python.renew());
        else if (problem !== '') log('warn', problem, {});
        pickleProblem = problem;
      })
      .catch((error: unknown) => {
        pickleProblem = installAdvice(interpreter);
        log('warn', 'Python could not be started anew with dill', { why: String(error) });
      })
      .finally(() => pool.picklesDecided());
  }
  return pool;
}
