// `mpcsfaas up`: service and dispatcher in one process, on the embedded store unless a Redis is named.
import type { Command } from 'commander';
import { withOptions } from '../options.ts';
import { version } from '../package.ts';
import { printJson, printLine } from '../print.ts';
import { runProgram, untilCut, withGrace, type Stop } from '../process.ts';
import { startDispatcherRoot, type DispatcherRootOptions } from '../roots/dispatcher.ts';
import { logTo, openLogger, type LogLevel } from '../roots/log.ts';
import { reachable } from '../roots/reachable.ts';
import { startService, type RunningService, type ServiceRootOptions } from '../roots/service.ts';
import { withoutPassword } from '../../store/redis/address.ts';
import { openStore, type StoreOptions } from '../roots/store.ts';
import { linkKey, type WorkerKeyOptions } from '../roots/worker-key.ts';

type UpOptions = StoreOptions &
  ServiceRootOptions &
  WorkerKeyOptions &
  Omit<DispatcherRootOptions, 'workerPortOption' | 'ownsStore' | 'workerKey'> & { json: boolean; logLevel: LogLevel };

export function upCommand(parent: Command): void {
  const command = parent
    .command('up')
    .description('run everything on this machine: service, queue and runners in one process');
  withOptions(
    command,
    'service',
    'mode',
    'workerPort',
    'store',
    'runners',
    'workerKey',
    'workerKeyFile',
    'logLevel',
    'json',
  ).action(async (options: UpOptions) => up(options));
}

async function up(options: UpOptions): Promise<void> {
  const workerKey = linkKey(options);
  const logger = openLogger('mpcsfaas', options.logLevel);
  const log = logTo(logger);
  const start = async (stops: Stop[]): Promise<void> => {
    const store = await openStore(options, (message) => log('warn', message));
    stops.push(() => store.close());
    // It goes on answering while what runs is finished: who waits for a call that is waited for here gets its result.
    const started: { service?: RunningService } = {};
    stops.push(untilCut(async () => started.service?.stop()));
    const dispatcher = await startDispatcherRoot(
      store,
      { ...options, workerPortOption: '--worker-port', ownsStore: options.redis === undefined, workerKey },
      log,
    );
    stops.push(withGrace(options.grace, (ms) => dispatcher.stop(ms)));
    const service = await startService(store, options, logger, () => dispatcher.troubles());
    started.service = service;
    stops.push(async () => service.leave());
    const { url } = service;
    const { mode } = options;
    if (options.json) printJson({ url, docs: `${url}/docs`, mode, workers: dispatcher.address, pid: process.pid });
    else {
      const { ok } = await store.health();
      for (const line of greeting(url, options, dispatcher.address, ok)) printLine(line);
    }
  };
  await runProgram(start, (line) => log('info', line));
}

function greeting(url: string, options: UpOptions, workers: string, storeIsHere: boolean): string[] {
  const place = options.redis === undefined ? options.dataDir : withoutPassword(options.redis);
  const where =
    options.mode === 'local'
      ? `${options.slots} slots in this process`
      : `workers: mpcsfaas worker ${options.mode} ${workers.replace('0.0.0.0', reachable('0.0.0.0'))}`;
  const key = options.requireKeys ? ` -H "authorization: Bearer $MPCSFAAS_API_KEY"` : '';
  return [
    '',
    storeIsHere
      ? `  MPCSFaaS ${version} is ready at ${url}`
      : `  MPCSFaaS ${version} serves ${url} and waits for its store: calls are answered 503 until it is there`,
    `  docs   ${url}/docs`,
    `  runs   ${where}`,
    `  keeps  ${place}`,
    '',
    '  A first function and its first call, to paste into another terminal:',
    '',
    `  curl -s ${url}/v1/functions -H 'content-type: application/json'${key} \\`,
    `    -d '{"name": "add", "runtime": "python", "source": "def add(a, b):\\n    return a + b"}'`,
    `  curl -s ${url}/v1/call/add -H 'content-type: application/json'${key} -d '{"args": [1, 2]}'`,
    '',
  ];
}
