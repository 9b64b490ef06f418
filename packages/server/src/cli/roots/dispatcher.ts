// Composition root of a dispatcher: store, executor of the mode asked for, dispatcher.
import { systemClock } from '../../clock.ts';
import { openFleetExecutor, openLocalExecutor, startDispatcher, type Dispatcher } from '../../dispatcher/index.ts';
import type { Store } from '../../store/index.ts';
import { version } from '../package.ts';
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
  maxArgsBytes: number;
  maxResultBytes: number;
}

export async function startDispatcherRoot(store: Store, options: DispatcherRootOptions, log: Log): Promise<Dispatcher> {
  const { mode, host, workerKey } = options;
  return startDispatcher({
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
            maxPayloadBytes: Math.max(options.maxArgsBytes, options.maxResultBytes),
            clock: systemClock,
            random: Math.random,
            events,
          }),
  });
}
