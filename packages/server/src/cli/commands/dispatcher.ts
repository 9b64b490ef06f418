// `mpcsfaas dispatcher`: claims tasks from a Redis and runs them here (local) or on workers (pull, push).
import type { Command } from 'commander';
import { withOptions } from '../options.ts';
import { printJson } from '../print.ts';
import { runProgram, withGrace, type Stop } from '../process.ts';
import { UserError } from '../user-error.ts';
import { startDispatcherRoot, type DispatcherRootOptions } from '../roots/dispatcher.ts';
import { logTo, openLogger, type LogLevel } from '../roots/log.ts';
import { openSharedStore, type SharedStoreOptions } from '../roots/store.ts';
import { linkKey, type WorkerKeyOptions } from '../roots/worker-key.ts';

export type DispatcherOptions = Omit<
  DispatcherRootOptions,
  'workerPort' | 'workerPortOption' | 'ownsStore' | 'workerKey'
> &
  WorkerKeyOptions &
  SharedStoreOptions & { port: number; logLevel: LogLevel; json: boolean };

export function dispatcherCommand(parent: Command): void {
  const command = parent
    .command('dispatcher')
    .description('hand queued tasks to runners here (local) or to workers (pull, push)');
  withDispatcherOptions(command, 'sharedStore').action(async (options: DispatcherOptions) => runDispatcher(options));
}

/** What a dispatcher can be told, by its modern and its classic name. */
export function withDispatcherOptions(command: Command, store: 'sharedStore' | 'classicStore'): Command {
  return withOptions(
    command,
    'mode',
    'dispatcherHost',
    'dispatcherPort',
    store,
    'dataDir',
    'runners',
    'workerKey',
    'workerKeyFile',
    'logLevel',
    'json',
  );
}

export async function runDispatcher(options: DispatcherOptions): Promise<void> {
  const { redis } = options;
  if (redis === undefined) {
    throw new UserError(
      'A dispatcher of its own meets the service in Redis: give both the same --redis redis://HOST:6379. For one machine without Redis use `mpcsfaas up`, which runs both.',
      2,
    );
  }
  const workerKey = linkKey(options);
  const log = logTo(openLogger('dispatcher', options.logLevel));
  const start = async (stops: Stop[]): Promise<void> => {
    const store = await openSharedStore({ ...options, redis }, ['work'], 'nothing runs until it is there', (message) =>
      log('warn', message),
    );
    stops.push(() => store.close());
    const dispatcher = await startDispatcherRoot(
      store,
      { ...options, workerPort: options.port, workerPortOption: '-p', ownsStore: false, workerKey },
      log,
    );
    stops.push(withGrace(options.grace, (ms) => dispatcher.stop(ms)));
    const { id, address } = dispatcher;
    const what = `is ready (${options.mode})${address === '' ? '' : ` for workers at ${address}`}`;
    const { ok } = await store.health();
    log(
      'info',
      ok ? `Dispatcher ${id} ${what}.` : `Dispatcher ${id} waits for its store, and ${what} once that is there.`,
    );
    if (options.json) printJson({ dispatcher: id, mode: options.mode, workers: address, pid: process.pid });
  };
  await runProgram(start, (line) => log('info', line));
}
