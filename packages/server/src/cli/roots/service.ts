// Composition root of the service.
import { systemClock } from '../../clock.ts';
import { defaultServiceConfig, type ServiceConfig } from '../../config/service.ts';
import type { Store } from '../../store/index.ts';
import { environment } from '../options.ts';
import { pythonSdk, version } from '../package.ts';
import type { Logger } from '../../telemetry/index.ts';
import { UserError } from '../user-error.ts';
import { reachable } from './reachable.ts';

export interface ServiceRootOptions {
  host: string;
  port: number;
  requireKeys: boolean;
  corsOrigin?: string[];
  classicCreated: boolean;
  classicComplete: boolean;
  maxArgsBytes: number;
  maxResultBytes: number;
  maxBodyBytes: number;
  maxCodeBytes: number;
  defaultTimeout: number;
  resultTtl: number;
  maxQueuedTasks: number;
  maxQueuedBytes: number;
  rateLimit: number;
  rateLimitBurst: number;
  logHeadBytes: number;
  logTailBytes: number;
}

export interface RunningService {
  /** http://host:port, to be called at. */
  url: string;
  /** Takes no new tasks; goes on answering waits and reads. */
  leave(): void;
  stop(): Promise<void>;
}

export function serviceConfig(options: ServiceRootOptions): ServiceConfig {
  const { maxArgsBytes, maxResultBytes, maxBodyBytes, maxCodeBytes, logHeadBytes, logTailBytes } = options;
  const { maxQueuedTasks, maxQueuedBytes } = options;
  return {
    ...defaultServiceConfig,
    limits: {
      maxArgsBytes,
      maxResultBytes,
      maxBodyBytes,
      maxCodeBytes,
      logHeadBytes,
      logTailBytes,
      maxQueuedTasks,
      maxQueuedBytes,
    },
    defaultTimeoutMs: options.defaultTimeout,
    resultTtlMs: options.resultTtl,
    rateLimitPerSecond: options.rateLimit,
    rateLimitBurst: options.rateLimitBurst,
    classicCreated: options.classicCreated,
    classicComplete: options.classicComplete,
    corsOrigins: options.corsOrigin ?? [],
    requireKeys: options.requireKeys,
    boundHost: options.host,
    pythonSdk: pythonSdk ?? '',
  };
}

/**
 * Builds the service and listens. `watchers`: sentences for /readyz of what else runs in this process.
 * @throws UserError where the address is taken or may not be used.
 */
export async function startService(
  store: Store,
  options: ServiceRootOptions,
  logger: Logger,
  watchers: () => readonly string[],
): Promise<RunningService> {
  if (options.maxArgsBytes > options.maxBodyBytes) {
    throw new UserError(
      `--max-args-bytes (${options.maxArgsBytes}) is more than a request may hold: raise --max-body-bytes (${options.maxBodyBytes}) as well.`,
      2,
    );
  }
  const { createService } = await import('../../service/index.ts');
  const service = await createService({
    store,
    config: serviceConfig(options),
    firstKey: environment['MPCSFAAS_API_KEY'] ?? '',
    clock: systemClock,
    logger,
    version,
    watchers,
  });
  try {
    await service.listen(options.host, options.port);
  } catch (error) {
    await service.close();
    throw listenFault(error as NodeJS.ErrnoException, options);
  }
  const address = service.fastify.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    url: `http://${reachable(options.host)}:${port}`,
    leave: () => service.leave(),
    stop: () => service.close(),
  };
}

function listenFault(error: NodeJS.ErrnoException, { host, port }: ServiceRootOptions): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new UserError(
        `Port ${port} on ${host} is taken by another program: stop it, or choose another with --port.`,
      );
    case 'EACCES':
      return new UserError(`Port ${port} needs rights that you do not have: choose one above 1023 with --port.`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new UserError(`This machine has no address ${host}: choose another with --host.`);
    default:
      return error;
  }
}
