// A whole system of real processes in one of its forms: service, dispatcher and workers on a store.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startRedis, type RedisServer } from './redis.ts';
import { start, type Program } from './program.ts';

export const FORMS = [
  'embedded local',
  'embedded push',
  'embedded pull',
  'redis local',
  'redis pull',
  'redis push',
] as const;
export type Form = (typeof FORMS)[number];

export interface SystemOptions {
  form: Form;
  workers?: number;
  slots?: number;
  python?: string;
  /** More arguments of `up` or of service and dispatcher. */
  args?: string[];
  /** More arguments of the dispatcher, where it is a program of its own. */
  dispatcherArgs?: string[];
  /** More arguments of workers. */
  workerArgs?: string[];
  /** Redis' durability; 'always' unless said. */
  appendfsync?: 'always' | 'everysec' | 'no-aof';
  /** More settings of Redis. */
  redisSettings?: readonly string[];
  /** A store that is there already, in place of a Redis of its own. */
  storeUrl?: string;
  /** Folders with users' modules. */
  pythonPath?: string;
  /** Where the dispatcher listens and workers connect, when something stands between them. */
  between?: (dispatcherPort: number) => Promise<number>;
}

export interface System {
  url: string;
  dataDir: string;
  redis: RedisServer | undefined;
  /** `up`, or the service. */
  service: Program;
  /** The dispatcher where it is a program of its own, else `up`. */
  dispatcher: Program;
  workers: Program[];
  /** Where workers connect: tcp://127.0.0.1:port. */
  dispatcherUrl: string;
  startDispatcher(): Promise<Program>;
  /** `more` of its arguments, after those of all workers. */
  startWorker(...more: string[]): Promise<Program>;
  /** Starts `up`, or the service, again on its data and port. */
  restartService(): Promise<void>;
  /** Stops everything and removes its data. */
  stop(): Promise<void>;
}

/** Starts a system and resolves when its workers have registered. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { form, workers: count = 2, slots = 2, python = '/usr/bin/python3', args = [], workerArgs = [] } = options;
  const { dispatcherArgs = [] } = options;
  const [store, mode] = form.split(' ') as ['embedded' | 'redis', 'local' | 'pull' | 'push'];
  const dataDir = mkdtempSync(join(tmpdir(), 'test-system-'));
  const { appendfsync, redisSettings } = options;
  const redis =
    store === 'redis' && options.storeUrl === undefined ? await startRedis(appendfsync, redisSettings) : undefined;
  const storeUrl = options.storeUrl ?? redis?.url ?? '';
  const port = await freePort();
  const dispatcherPort = await freePort();
  const workerPort = options.between ? await options.between(dispatcherPort) : dispatcherPort;
  const runners = [
    '--python',
    python,
    ...(options.pythonPath === undefined ? [] : ['--python-path', options.pythonPath]),
  ];
  // Locally a dispatcher has the slots that its workers would have together.
  const inProcess = mode === 'local' ? slots * count : slots;
  const all: Program[] = [];

  const startDispatcher = async (): Promise<Program> => {
    const program = start('mpcsfaas', [
      'dispatcher',
      '--mode',
      mode,
      '--port',
      String(dispatcherPort),
      '--redis',
      storeUrl,
      '--slots',
      String(inProcess),
      '--data-dir',
      join(dataDir, 'dispatcher'),
      ...runners,
      ...dispatcherArgs,
    ]);
    all.push(program);
    await program.says(/is ready/);
    return program;
  };
  const startWorker = async (...more: string[]): Promise<Program> => {
    const program = start('mpcsfaas', [
      'worker',
      mode,
      `tcp://127.0.0.1:${workerPort}`,
      '--slots',
      String(slots),
      '--data-dir',
      join(dataDir, 'worker'),
      ...runners,
      ...workerArgs,
      ...more,
    ]);
    all.push(program);
    await program.says(/Registered with/);
    return program;
  };

  const common = ['--port', String(port), ...args];
  const startService = async (): Promise<[Program, string]> => {
    const program =
      store === 'redis'
        ? start('mpcsfaas', ['service', '--redis', storeUrl, ...common])
        : start('mpcsfaas', [
            'up',
            '--mode',
            mode,
            '--worker-port',
            String(dispatcherPort),
            '--data-dir',
            join(dataDir, 'up'),
            '--slots',
            String(inProcess),
            ...common,
            ...runners,
          ]);
    all.push(program);
    const [, address = ''] = await program.says(/(http:\/\/127\.0\.0\.1:\d+)\/docs/);
    return [program, address];
  };
  const stop = async (): Promise<void> => {
    // All at once, as an operator's machine going down would.
    await Promise.all(all.map((program) => program.stop()));
    await redis?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    // Service and dispatcher side by side: each is at its work as soon as it has the store. Workers find a port that listens.
    const serving = startService();
    const dispatching = store === 'redis' ? startDispatcher() : serving.then(([service]) => service);
    const working = dispatching.then(() =>
      Promise.all(Array.from({ length: mode === 'local' ? 0 : count }, () => startWorker())),
    );
    const [[service, url], dispatcher, workers] = await Promise.all([serving, dispatching, working]);
    return {
      url,
      dataDir,
      redis,
      service,
      dispatcher,
      workers,
      dispatcherUrl: `tcp://127.0.0.1:${dispatcherPort}`,
      startDispatcher,
      startWorker,
      restartService: async () => {
        await startService();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
