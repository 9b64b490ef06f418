// `mpcsfaas worker pull|push URL…`: slots for one or several dispatchers.
import { hostname } from 'node:os';
import { Argument, type Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { newToken } from '../../lifecycle/ids.ts';
import { withOptions } from '../options.ts';
import { version } from '../package.ts';
import { printJson } from '../print.ts';
import { runProgram, withGrace, type Stop } from '../process.ts';
import { UserError } from '../user-error.ts';
import { demandDataDirectory } from '../roots/data-directory.ts';
import { logTo, openLogger, type LogLevel } from '../roots/log.ts';
import { poolOpener, type RunnerOptions } from '../roots/runners.ts';
import { isLoopback } from '../../auth/index.ts';
import { refuseIpv6, workerKeyOf, type WorkerKeyOptions } from '../roots/worker-key.ts';

export interface WorkerOptions extends RunnerOptions, WorkerKeyOptions {
  logLevel: LogLevel;
  json: boolean;
}

export function workerCommand(parent: Command): void {
  const command = parent
    .command('worker')
    .description('run functions for one or several dispatchers')
    .addArgument(new Argument('<mode>', 'pull: asks for work; push: is sent work').choices(['pull', 'push']))
    .argument('<urls...>', 'dispatchers, e.g. tcp://10.0.0.5:5555');
  withOptions(command, 'runners', 'dataDir', 'workerKey', 'workerKeyFile', 'logLevel', 'json').action(
    async (mode: 'pull' | 'push', urls: string[], options: WorkerOptions) => runWorker(mode, urls, options),
  );
}

export async function runWorker(mode: 'pull' | 'push', urls: readonly string[], options: WorkerOptions): Promise<void> {
  const workerKey = workerKeyOf(options);
  const named = urls.flatMap((url) => url.split(',')).map((url) => dispatcherUrl(url, workerKey));
  const dispatchers = [...new Set(named)];
  const log = logTo(openLogger('worker', options.logLevel));
  const start = async (stops: Stop[]): Promise<void> => {
    demandDataDirectory(options.dataDir);
    const { startWorker } = await import('../../worker/index.ts');
    const worker = await startWorker({
      mode,
      urls: dispatchers,
      name: `${hostname()}:${process.pid}:${newToken().slice(0, 8)}`,
      host: hostname(),
      version,
      labels: options.label ?? [],
      workerKey,
      directory: options.dataDir,
      clock: systemClock,
      random: Math.random,
      openPool: poolOpener(options, log),
      log,
    });
    stops.push(withGrace(options.grace, (ms) => worker.stop(ms)));
    const { slots } = options;
    log('info', `Worker ${worker.id} has ${slots} slots (${mode}) and registers with ${dispatchers.join(', ')}.`);
    if (options.json) printJson({ worker: worker.id, mode, slots, dispatchers, pid: process.pid });
  };
  await runProgram(start, (line) => log('info', line));
}

/** `host:port`, `tcp://host:port`. @throws UserError */
function dispatcherUrl(text: string, workerKey: string): string {
  const [, host = '', port = ''] = /^(?:tcp:\/\/)?(\[[0-9a-fA-F:]+\]|[^:/\s]+):(\d{1,5})\/?$/.exec(text.trim()) ?? [];
  if (host === '' || Number(port) > 65_535 || Number(port) === 0) {
    throw new UserError(`A dispatcher's address looks like tcp://127.0.0.1:5555, not ${JSON.stringify(text)}.`, 2);
  }
  refuseIpv6(host, "A dispatcher's address");
  if (workerKey === '' && !isLoopback(host)) {
    throw new UserError(
      `A dispatcher on another machine (${host}) is reached with the shared worker key only: set MPCSFAAS_WORKER_KEY or --worker-key-file to the dispatcher's.`,
    );
  }
  return `tcp://${host.toLowerCase()}:${Number(port)}`;
}
