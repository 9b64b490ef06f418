// Composition root of a runner pool, for the local executor and for workers.
import { statSync } from 'node:fs';
import { systemClock } from '../../clock.ts';
import type { PoolListener, RunnerPool } from '../../runner/index.ts';
import { environment, startDirectory } from '../options.ts';
import { demandDataDirectory } from './data-directory.ts';
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

/** Folders of --python-path that are none. They may come later, so they are a warning and no refusal. */
export function missingFolders(options: Pick<RunnerOptions, 'pythonPath'>): string[] {
  return (options.pythonPath ?? []).filter(
    (folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true,
  );
}

export function poolOpener(options: RunnerOptions, log: Log): (listener: PoolListener) => Promise<RunnerPool> {
  return async (listener) => {
    demandDataDirectory(options.dataDir);
    const missing = missingFolders(options);
    if (missing.length > 0)
      log('warn', `Functions will find no modules in ${missing.join(', ')}: no such folder; correct --python-path.`);
    const { openRunnerPool } = await import('../../runner/index.ts');
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
