// The system under measure: real programs, one service, one dispatcher and, by mode, one worker of two slots.
import { startSystem, type Form, type System, type SystemOptions } from '../test/harness/system.ts';
import type { Contestant, Score } from './contest.ts';
import { cpuOf, metered, ownCpu } from './cpu.ts';
import { connect, type Client } from './http.ts';
import { registerNoop, type Language } from './noop.ts';
import { REDIS_SETTINGS } from './redis.ts';

export interface Running {
  system: System;
  client: Client;
  /** Id of the no-op in each language. */
  noop: Record<Language, string>;
  stop: () => Promise<void>;
}

/** Connections of the load generator, at most. */
const CONNECTIONS = 512;

/** A started system with the no-op in both languages. AOF everysec unless said. */
export async function startOurs(options: SystemOptions): Promise<Running> {
  const defaults: SystemOptions = { form: options.form, workers: 1, slots: 2, appendfsync: 'everysec' };
  const system = await startSystem({ ...defaults, redisSettings: REDIS_SETTINGS, ...options });
  const client = connect(system.url, CONNECTIONS);
  try {
    const noop = {
      python: await registerNoop(client, 'python'),
      javascript: await registerNoop(client, 'javascript'),
    };
    const stop = async (): Promise<void> => {
      client.close();
      await system.stop();
    };
    return { system, client, noop, stop };
  } catch (error) {
    client.close();
    await system.stop();
    throw error;
  }
}

/** CPU ms so far by program; runners apart from the program that they belong to. */
export function cpuTimes(system: System): Record<string, number> {
  const times: Record<string, number> = { 'load generator': ownCpu() };
  if (system.redis) times['redis'] = cpuOf(system.redis.pid()).own;
  const programs = { service: system.service, dispatcher: system.dispatcher, worker: system.workers[0] };
  for (const [name, program] of Object.entries(programs)) {
    if (program === undefined || (name === 'dispatcher' && program === system.service)) continue;
    const { own, descendants } = cpuOf(program.pid);
    times[system.dispatcher === system.service && name === 'service' ? 'up' : name] = own;
    if (descendants > 0) times['runners'] = (times['runners'] ?? 0) + descendants;
  }
  return times;
}

/** Of the programs of a system; runners are below them. */
export function pidsOf({ redis, service, dispatcher, workers }: System): number[] {
  const programs = new Set([service, dispatcher, ...workers]);
  return [...(redis === undefined ? [] : [redis.pid()]), ...[...programs].map(({ pid }) => pid)];
}

/**
 * Systems that several contestants share: started with the first that asks for one, stopped with the last; or kept until
 * `close` where a look must be quick.
 */
export class Shared {
  readonly #started = new Map<string, { running: Promise<Running>; users: number }>();
  readonly #kept: boolean;

  constructor(kept = false) {
    this.#kept = kept;
  }

  /** The system of `options`; its `stop` gives it back. */
  async use(options: SystemOptions): Promise<Running> {
    const key = JSON.stringify(options);
    const entry = this.#started.get(key) ?? { running: startOurs(options), users: 0 };
    this.#started.set(key, entry);
    entry.users += 1;
    const running = await entry.running;
    const stop = async (): Promise<void> => {
      entry.users -= 1;
      if (entry.users > 0 || this.#kept) return;
      this.#started.delete(key);
      await running.stop();
    };
    return { ...running, stop };
  }

  /** Stops what is kept. */
  async close(): Promise<void> {
    const all = await Promise.all([...this.#started.values()].map(({ running }) => running));
    this.#started.clear();
    await Promise.all(all.map(({ stop }) => stop()));
  }

  /** A contestant that loads the system of `options`. */
  contestant(
    name: string,
    options: SystemOptions,
    load: (running: Running, seconds: number) => Promise<Score>,
  ): Contestant {
    return {
      name,
      start: async () => {
        const running = await this.use(options);
        return {
          how: '',
          run: (seconds) =>
            metered(
              () => cpuTimes(running.system),
              () => load(running, seconds),
            ),
          pids: () => pidsOf(running.system),
          stop: running.stop,
        };
      },
    };
  }
}

export const MAIN_FORMS: readonly Form[] = ['embedded local', 'redis local', 'redis pull', 'redis push'];
