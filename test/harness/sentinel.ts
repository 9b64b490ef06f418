// A master with replicas and three sentinels of the test's own, on free ports, in a folder of their own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { run, type Program } from './program.ts';
import { freePort } from './redis.ts';

export interface DataServer {
  port: number;
  pid(): number;
  signal(name: NodeJS.Signals): void;
  kill(): Promise<void>;
  /** On the same port and data, as it was configured last. */
  restart(): Promise<void>;
  admin: Redis;
}

export interface SentinelSet {
  /** redis+sentinel://… */
  url: string;
  servers: DataServer[];
  /** As most sentinels know it. */
  master(): Promise<DataServer>;
  /** performance.now() of each switch that was announced, as this process heard it first. */
  switches: { at: number; port: number }[];
  /** The next announcement after this call. */
  nextSwitch(): Promise<{ at: number; port: number }>;
  /** Until one has begun that `nextSwitch` from before this call will tell of. */
  failover(): Promise<void>;
  /** To all sentinels. */
  signal(name: NodeJS.Signals): void;
  /** Until `count` replicas of the master are in step. */
  untilReplicas(count: number): Promise<void>;
  stop(): Promise<void>;
}

const NAME = 'main';

export interface SentinelOptions {
  replicas?: number;
  downAfterMs?: number;
  /** After so long a failover is given up. */
  failoverTimeoutMs?: number;
}

export async function startSentinels(options: SentinelOptions = {}): Promise<SentinelSet> {
  const { replicas = 1, downAfterMs = 1000, failoverTimeoutMs = 10_000 } = options;
  const dir = mkdtempSync(join(tmpdir(), 'test-sentinel-'));
  const servers: DataServer[] = [];
  const sentinels: { program: Program; admin: Redis; listener: Redis; port: number }[] = [];
  const switches: SentinelSet['switches'] = [];
  const waiting: ((one: { at: number; port: number }) => void)[] = [];
  const stop = async (): Promise<void> => {
    for (const { admin, listener, program } of sentinels) {
      admin.disconnect();
      listener.disconnect();
      await program.kill();
    }
    for (const server of servers) {
      server.admin.disconnect();
      server.signal('SIGCONT');
      await server.kill();
    }
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    for (let n = 0; n <= replicas; n += 1) {
      servers.push(await startServer(join(dir, `redis-${n}`), n === 0 ? undefined : servers[0]!.port));
    }
    for (let n = 0; n < 3; n += 1) {
      const port = await freePort();
      const file = join(dir, `sentinel-${n}.conf`);
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${dir}`,
        `sentinel monitor ${NAME} 127.0.0.1 ${servers[0]!.port} 2`,
        `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
        `sentinel failover-timeout ${NAME} ${failoverTimeoutMs}`,
        `sentinel parallel-syncs ${NAME} ${replicas}`,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      const program = run('redis-server', [file, '--sentinel']);
      await program.says(/\+monitor master/);
      const admin = new Redis(port, '127.0.0.1', { enableReadyCheck: false }).on('error', () => undefined);
      const listener = new Redis(port, '127.0.0.1', { enableReadyCheck: false }).on('error', () => undefined);
      await listener.subscribe('+switch-master');
      listener.on('message', (_channel, message: string) => {
        const told = { at: performance.now(), port: Number(message.split(' ')[4]) };
        if (switches.at(-1)?.port === told.port) return;
        switches.push(told);
        for (const tell of waiting.splice(0)) tell(told);
      });
      sentinels.push({ program, admin, listener, port });
    }
    for (const { admin } of sentinels) {
      const knows = async (): Promise<boolean> => {
        const fields = (await admin.call('SENTINEL', 'MASTER', NAME)) as string[];
        const of = (name: string): number => Number(fields[fields.indexOf(name) + 1]);
        return of('num-other-sentinels') === 2 && of('num-slaves') === replicas;
      };
      while (!(await knows())) await pause();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const master = async (): Promise<DataServer> => {
    const told = await Promise.all(
      sentinels.map(
        ({ admin }) => admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME) as Promise<[string, string]>,
      ),
    );
    const ports = told.map(([, port]) => Number(port));
    const port = ports.find((one) => ports.filter((other) => other === one).length > 1);
    return servers.find((server) => server.port === port)!;
  };
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${NAME}`,
    servers,
    master,
    switches,
    nextSwitch: () => new Promise((resolve) => waiting.push(resolve)),
    failover: async () => {
      const seen = switches.length;
      // Until the sentinel knows of a replica that is in step, and of the end of a failover before this one; the others
      // may have announced that end already, or be replacing the master by themselves.
      while (switches.length === seen) {
        const fault: unknown = await sentinels[0]!.admin
          .call('SENTINEL', 'FAILOVER', NAME)
          .catch((error: unknown) => error);
        if (!(fault instanceof Error)) return;
        if (!/^(NOGOODSLAVE|INPROG)/.test(fault.message)) throw fault;
        await pause();
      }
    },
    signal: (name) => {
      for (const { program } of sentinels) program.signal(name);
    },
    untilReplicas: async (count) => {
      for (;;) {
        const info = await (await master()).admin.info('replication').catch(() => '');
        if ((info.match(/state=online/g) ?? []).length >= count) return;
        await pause();
      }
    },
    stop,
  };
}

async function startServer(dir: string, masterPort: number | undefined): Promise<DataServer> {
  mkdirSync(dir);
  const port = await freePort();
  const file = join(dir, 'redis.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    'save ""',
    'appendonly yes',
    'appendfsync always',
    'repl-diskless-sync-delay 0',
    ...(masterPort === undefined ? [] : [`replicaof 127.0.0.1 ${masterPort}`]),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  let program: Program;
  const begin = async (): Promise<void> => {
    program = run('redis-server', [file]);
    await program.says(/Ready to accept connections/);
  };
  await begin();
  const admin = new Redis(port, '127.0.0.1', { retryStrategy: () => 50 }).on('error', () => undefined);
  return {
    port,
    pid: () => program.pid,
    signal: (name) => program.signal(name),
    kill: () => program.kill(),
    restart: begin,
    admin,
  };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
