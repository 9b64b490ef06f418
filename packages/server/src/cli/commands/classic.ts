// The classic command lines, as they always were: task_dispatcher -m MODE -p PORT -w N, pull_worker N URL, push_worker N URL.
import type { Command } from 'commander';
import { withOptions } from '../options.ts';
import { UserError } from '../user-error.ts';
import { whole } from '../units.ts';
import { runDispatcher, withDispatcherOptions, type DispatcherOptions } from './dispatcher.ts';
import { runWorker, type WorkerOptions } from './worker.ts';

export function taskDispatcherCommand(program: Command): Command {
  const command = program.description('classic command line of `mpcsfaas dispatcher`');
  return withDispatcherOptions(command, 'classicStore').action(async (options: DispatcherOptions) =>
    runDispatcher(options),
  );
}

export function classicWorkerCommand(program: Command, mode: 'pull' | 'push'): Command {
  const command = program
    .description(`classic command line of \`mpcsfaas worker ${mode}\``)
    .argument('<slots>', 'how many calls run at a time')
    .argument('<urls...>', 'dispatchers, e.g. tcp://127.0.0.1:5555');
  return withOptions(command, 'classicRunners', 'dataDir', 'workerKey', 'workerKeyFile', 'logLevel', 'json').action(
    async (slots: string, urls: string[], options: Omit<WorkerOptions, 'slots'>) =>
      runWorker(mode, urls, { ...options, slots: slotsOf(slots) }),
  );
}

function slotsOf(text: string): number {
  try {
    return whole(1, 1024)(text);
  } catch {
    throw new UserError(
      `The number of slots comes first, a whole number from 1 to 1024, not ${JSON.stringify(text)}.`,
      2,
    );
  }
}
