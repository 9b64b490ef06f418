// The service: the HTTP API on a store. Stateless: any number of them may serve one store.
//   app (Fastify)  guard  register-routes  schema-check  text-check  bodies  frames  problem  docs  |  handlers/ (one file a noun)
//   result-writer  answer-parts  event-stream (answers)  |  payloads  request-key  negotiate (requests)
//   python-wheel  zip (the SDK to install)
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { ApiKeys, isLoopback } from '../auth/index.ts';
import type { Seeding } from '../auth/index.ts';
import type { Clock } from '../clock.ts';
import type { ServiceConfig } from '../config/service.ts';
import { StoreUnavailable } from '../store/index.ts';
import type { Store } from '../store/index.ts';
import { Feed } from '../tasks/feed.ts';
import { Functions } from '../tasks/functions.ts';
import { TaskReader } from '../tasks/reader.ts';
import { RateLimit } from '../tasks/rate-limit.ts';
import { Results } from '../tasks/results.ts';
import { Submitter } from '../tasks/submit.ts';
import { TightPolls } from '../tasks/tight-polls.ts';
import { EndWaits } from '../tasks/wait.ts';
import { Metrics } from '../telemetry/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { buildApp } from './app.ts';
import { Connections } from './connections.ts';
import { pythonWheelOf } from './python-wheel.ts';
import type { Wheel } from './python-wheel.ts';

/** How long answers under way may take when the service stops, ms. */
const GRACE_MS = 5000;
/** How soon the first key is tried again while the store is away. */
const SEED_AGAIN_MS = 1000;

export interface ServiceInput {
  store: Store;
  config: ServiceConfig;
  /** A key to be taken from the start, '' = none: the first one, from the environment. */
  firstKey: string;
  clock: Clock;
  logger: Logger;
  /** Sentences of what else runs in this process and does not come round: /readyz says them, and 503. */
  watchers?: () => readonly string[];
  /** The program's version. */
  version: string;
}

export interface Service {
  fastify: FastifyInstance;
  /** Resolves with `http://host:port` once it listens. Rejects off loopback without keys. */
  listen(host: string, port: number): Promise<string>;
  /** From now on new tasks are refused and /readyz says no; what was accepted is still waited for and read. Idempotent. */
  leave(): void;
  /** Ends waits and streams, answers what is under way, closes. The store stays open. Idempotent. */
  close(): Promise<void>;
}

/** Builds the service on an open store. Rejects where the configuration would be reachable by anybody. */
export async function createService({
  store,
  config,
  firstKey,
  clock,
  logger,
  version,
  watchers = () => [],
}: ServiceInput): Promise<Service> {
  refuseOpenDoor(config, config.boundHost);
  const keys = new ApiKeys(store, clock);
  const leaving = new AbortController();
  const stopping = new AbortController();
  const seeding = firstKey === '' ? 'taken' : await seedFirst(keys, firstKey, logger, stopping.signal);
  if (config.requireKeys) await demandKey(keys, seeding);
  const waits = await EndWaits.open(store);
  let wheel: Wheel | undefined;
  const reader = new TaskReader(store, clock, config.resultTtlMs);
  const fastify = await buildApp(
    {
      store,
      clock,
      config,
      version,
      functions: new Functions(store, clock, config.limits.maxCodeBytes),
      submitter: new Submitter(store, clock, {
        timeoutMs: config.defaultTimeoutMs,
        resultTtlMs: config.resultTtlMs,
        maxArgsBytes: config.limits.maxArgsBytes,
        maxResultBytes: config.limits.maxResultBytes,
        queue: { maxTasks: config.limits.maxQueuedTasks, maxBytes: config.limits.maxQueuedBytes },
      }),
      rateLimit: new RateLimit(clock, config.rateLimitPerSecond, config.rateLimitBurst),
      reader,
      results: new Results(reader, waits, clock),
      polls: new TightPolls(clock),
      waits,
      feed: new Feed(store, waits, clock),
      keys,
      metrics: new Metrics(),
      pythonWheel: () => (wheel ??= config.pythonSdk === '' ? undefined : pythonWheelOf(config.pythonSdk)),
      watchers,
      leaving: leaving.signal,
      stopping: stopping.signal,
    },
    logger,
  );
  const connections = new Connections(fastify.server, config, (asked, why) =>
    logger.warn({ asked }, `a reader that ${why} was dropped`),
  );
  let closing: Promise<void> | undefined;
  return {
    fastify,
    listen: async (host, port) => {
      refuseOpenDoor(config, host);
      return fastify.listen({ host, port });
    },
    leave: () => leaving.abort(),
    close: () => (closing ??= stop()),
  };

  async function stop(): Promise<void> {
    leaving.abort();
    stopping.abort();
    // Kept-alive connections fall idle as their last answers end; one that takes no more is cut off.
    const idle = setInterval(() => connections.closeIdle(), 20);
    const cut = setTimeout(() => fastify.server.closeAllConnections(), GRACE_MS);
    await fastify.close();
    clearInterval(idle);
    clearTimeout(cut);
    await waits.close();
  }
}

function refuseOpenDoor(config: ServiceConfig, host: string): void {
  if (config.requireKeys || isLoopback(host)) return;
  throw new Error(
    `The service runs what it is sent, so without API keys it listens on loopback only, not on ${host}. Turn keys on (--require-keys, with the first key, from \`openssl rand -hex 32\`, in MPCSFAAS_API_KEY), or bind to 127.0.0.1.`,
  );
}

/** Where the store is away, the key is brought in when it comes. Rejects where the key is no good. */
async function seedFirst(
  keys: ApiKeys,
  key: string,
  logger: Logger,
  stopping: AbortSignal,
): Promise<Seeding | undefined> {
  try {
    const seeding = await keys.seed(key, 'first', 'default');
    if (seeding === 'not_first') {
      logger.warn(
        'The key in MPCSFAAS_API_KEY is not taken: only the first key comes from there, and the store has others; make more with `mpcsfaas keys create`.',
      );
    }
    return seeding;
  } catch (fault) {
    if (!(fault instanceof StoreUnavailable)) throw fault;
    void pause(SEED_AGAIN_MS, undefined, { signal: stopping })
      .then(() => seedFirst(keys, key, logger, stopping))
      .catch(() => undefined);
    return undefined;
  }
}

/** A service that wants keys and has none would lock everybody out. While the store is away /readyz tells. */
async function demandKey(keys: ApiKeys, seeding: Seeding | undefined): Promise<void> {
  try {
    if (await keys.hasAny()) return;
  } catch (fault) {
    if (fault instanceof StoreUnavailable) return;
    throw fault;
  }
  throw new Error(
    seeding === 'revoked'
      ? 'The key in MPCSFAAS_API_KEY was revoked and the store has no other, so nobody could call: set MPCSFAAS_API_KEY to a new one, from `openssl rand -hex 32`.'
      : 'Callers need a key (--require-keys) and the store has none, so nobody could call: set MPCSFAAS_API_KEY to the first one, 32 or more random characters from `openssl rand -hex 32`.',
  );
}
