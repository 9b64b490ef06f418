// A Redis of the test's own, on a free port, in a folder of its own.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type Program } from './program.ts';

export interface RedisServer {
  url: string;
  port: number;
  pid(): number;
  /** Kills it with SIGKILL and starts it anew on the same port and data. */
  crashAndRestart(): Promise<void>;
  kill(): Promise<void>;
  /** `settings` = more of them, this time. */
  restart(...settings: string[]): Promise<void>;
  stop(): Promise<void>;
}

/** `appendfsync`: 'always' survives a kill, 'no-aof' keeps nothing. `always`: more settings, at each start. */
export async function startRedis(
  appendfsync: 'always' | 'everysec' | 'no-aof' = 'always',
  always: readonly string[] = [],
): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), 'test-redis-'));
  const port = await freePort();
  const durability =
    appendfsync === 'no-aof' ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', appendfsync];
  let server: Program;
  const begin = async (...settings: string[]): Promise<void> => {
    server = run('redis-server', [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      dir,
      '--save',
      '',
      ...durability,
      ...always,
      ...settings,
    ]);
    await server.says(/Ready to accept connections/);
  };
  await begin();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: () => server.pid,
    kill: () => server.kill(),
    restart: begin,
    crashAndRestart: async () => {
      await server.kill();
      await begin();
    },
    stop: async () => {
      await server.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Below those that the system gives to whoever connects or asks for any: nobody takes one meanwhile by chance. */
const PORTS = { from: 10_240, to: 32_000 };
/** One each for vitest's processes that run side by side, and the first for all else: what one has chosen none other chooses. */
const SHARES = 5;
const chosen = new Set<number>();

/** A port that was free a moment ago, and that this process chooses once; with `above`, the one that far above it was free, too. */
export async function freePort(above = 0): Promise<number> {
  const share = Number(process.env['VITEST_POOL_ID'] ?? 0) % SHARES;
  const size = Math.floor((PORTS.to - above - PORTS.from) / SHARES);
  for (;;) {
    const port = PORTS.from + share * size + randomInt(size);
    if (chosen.has(port)) continue;
    if ((await isFree(port)) && (above === 0 || (await isFree(port + above)))) {
      chosen.add(port);
      return port;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
