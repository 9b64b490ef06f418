// Composition root of a runner pool, for the local executor and for workers.
import { systemClock } from '../../clock.ts';
import { makeDirectory } from '../../directory.ts';
import { openRunnerPool, type PoolListener, type RunnerPool } from '../../runner/index.ts';
import { environment, startDirectory } from '../options.ts';
import type { Log } from './log.ts';

export interface RunnerOptions {
  slots: number;
  python?: string;
  pythonPath?: string[];
  label?: string[];
  dataDir: string;
  logHeadBytes: number;
  logTailBytes: number;
  grace: number;
}

/** Functions pickled by reference are found where the command was typed, then in --python-path. */
export function pythonPathOf(options: Pick<RunnerOptions, 'pythonPath'>): string[] {
  return [startDirectory(), ...(options.pythonPath ?? [])];
}

export function poolOpener(options: RunnerOptions, log: Log): (listener: PoolListener) => Promise<RunnerPool> {
  return (listener) => {
    makeDirectory(options.dataDir, 0o700);
    return openRunnerPool({
      slots: options.slots,
      python: options.python,
      pythonPath: pythonPathOf(options),
      dataDir: options.dataDir,
      environment,
      listener,
      clock: systemClock,
      log,
      logLimits: { headBytes: options.logHeadBytes, tailBytes: options.logTailBytes },
    });
  };
}
