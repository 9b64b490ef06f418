// `mpcsfaas service`: the REST API alone, on a Redis that dispatchers share.
import type { Command } from 'commander';
import { withOptions } from '../options.ts';
import { printJson, printLine } from '../print.ts';
import { runProgram, untilCut, type Stop } from '../process.ts';
import { isOneOfSeveral, startProcesses, tellServing } from '../service-processes.ts';
import { UserError } from '../user-error.ts';
import { logTo, openLogger, type LogLevel } from '../roots/log.ts';
import { startService, type ServiceRootOptions } from '../roots/service.ts';
import { openSharedStore, type SharedStoreOptions } from '../roots/store.ts';

type ServiceOptions = SharedStoreOptions &
  ServiceRootOptions & { processes: number; json: boolean; logLevel: LogLevel };

export function serviceCommand(parent: Command): void {
  const command = parent
    .command('service')
    .description('serve the REST API; dispatchers run elsewhere, on the same Redis');
  withOptions(
    command,
    'service',
    'processes',
    'sharedStore',
    'unusedDataDir',
    'logHead',
    'logTail',
    'logLevel',
    'json',
  ).action(async (options: ServiceOptions) => service(options));
}

async function service(options: ServiceOptions): Promise<void> {
  const { redis } = options;
  if (redis === undefined) {
    throw new UserError(
      'A service of its own meets its dispatchers in Redis: give both the same --redis redis://HOST:6379. For one machine without Redis use `mpcsfaas up`, which runs both.',
      2,
    );
  }
  const logger = openLogger('service', options.logLevel);
  const log = logTo(logger);
  const told = (url: string): void => {
    if (options.json) printJson({ url, docs: `${url}/docs`, pid: process.pid });
    else printLine(`MPCSFaaS serves ${url} (docs: ${url}/docs).`);
  };
  const start = async (stops: Stop[]): Promise<void> => {
    if (options.processes > 1 && !isOneOfSeveral()) {
      told(await startProcesses(options.processes, stops, (line) => log('warn', line)));
      return;
    }
    const store = await openSharedStore(
      { ...options, redis },
      ['ends'],
      'calls are answered 503 until it is there',
      (message) => log('warn', message),
    );
    stops.push(() => store.close());
    const running = await startService(store, options, logger, () => []);
    stops.push(untilCut(() => running.stop()));
    if (isOneOfSeveral()) tellServing(running.url);
    else told(running.url);
  };
  await runProgram(start, (line) => log('info', line));
}
