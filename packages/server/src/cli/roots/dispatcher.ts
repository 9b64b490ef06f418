// Composition root of a dispatcher: store, executor of the mode asked for, dispatcher.
import { isIP } from 'node:net';
import { systemClock } from '../../clock.ts';
import type { Dispatcher } from '../../dispatcher/index.ts';
import type { Store } from '../../store/index.ts';
import { listenFault } from '../listen-fault.ts';
import { version } from '../package.ts';
import { UserError } from '../user-error.ts';
import type { Log } from './log.ts';
import { poolOpener, type RunnerOptions } from './runners.ts';

export interface DispatcherRootOptions extends RunnerOptions {
  mode: 'local' | 'pull' | 'push';
  /** The embedded store: no other process has it. */
  ownsStore: boolean;
  /** linkKey's answer. */
  workerKey: string;
  host: string;
  workerPort: number;
  /** What that port is chosen with in this program. */
  workerPortOption: '--worker-port' | '-p';
}

export async function startDispatcherRoot(store: Store, options: DispatcherRootOptions, log: Log): Promise<Dispatcher> {
  const { mode, host, workerKey } = options;
  const { openFleetExecutor, openLocalExecutor, startDispatcher } = await import('../../dispatcher/index.ts');
  const dispatcher = startDispatcher({
    store,
    tenant: 'default',
    version,
    clock: systemClock,
    random: Math.random,
    logLimits: { headBytes: options.logHeadBytes, tailBytes: options.logTailBytes },
    // A store of its own belongs to this one process: what a local predecessor ran died with it.
    claimer: options.ownsStore && mode === 'local' ? 'local' : '',
    log,
    openExecutor: (dispatcherId, events) =>
      mode === 'local'
        ? openLocalExecutor({
            dispatcherId,
            version,
            labels: options.label ?? [],
            clock: systemClock,
            events,
            openPool: poolOpener(options, log),
          })
        : openFleetExecutor({
            mode,
            dispatcherId,
            host,
            port: options.workerPort,
            workerKey,
            clock: systemClock,
            random: Math.random,
            events,
          }),
  });
  return dispatcher.catch(async (error: unknown) => {
    throw await portFault(error, options);
  });
}

/** Why the workers' port is not to be had, with the option that this program knows it by. */
async function portFault(error: unknown, options: DispatcherRootOptions): Promise<unknown> {
  const { host, workerPort, workerPortOption } = options;
  const place = `The workers' port ${host}:${workerPort} cannot be opened`;
  const said = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code;
  // ZeroMQ has one word for several reasons, now and then also for a port that is taken.
  const code = said === undefined ? undefined : ((await listenFault(host, workerPort))?.code ?? said);
  switch (code) {
    case 'EADDRINUSE':
      return new UserError(
        `${place}: another program has it; stop that one, or choose another with ${workerPortOption}.`,
      );
    case 'EACCES':
      return new UserError(`${place}: you have no right to it; choose one above 1023 with ${workerPortOption}.`);
    // An address that is not here and a name without one; which, depends on the system.
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ENODEV':
    case 'EAGAIN':
      return new UserError(
        isIP(host) > 0
          ? `${place}: ${host} is no address of this machine; choose another with --host.`
          : `${place}: there is no host ${host}; choose another with --host.`,
      );
    default:
      return error;
  }
}
