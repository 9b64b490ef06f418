// A Redis server of the test's own, on a socket in a directory of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './waiting.ts';

export interface RedisServer {
  /** What the store's `url` takes: the path of the socket. */
  url: string;
  process: ChildProcess;
  /** Ends it with the signal and waits until it is gone; its data stay. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same socket and data. */
  restart(): Promise<void>;
  /** Stops it and removes all it left. */
  remove(): Promise<void>;
}

export async function startRedis(...settings: string[]): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'mpcsfaas-redis-'));
  const url = join(directory, 'redis.sock');
  const server: RedisServer = {
    url,
    process: await launch(directory, url, settings),
    kill: async (signal) => {
      if (server.process.exitCode !== null || server.process.signalCode !== null) return;
      const gone = once(server.process, 'exit');
      server.process.kill(signal);
      await gone;
    },
    restart: async () => {
      server.process = await launch(directory, url, settings);
    },
    remove: async () => {
      await server.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
  return server;
}

async function launch(directory: string, socket: string, settings: readonly string[]): Promise<ChildProcess> {
  const fixed = ['--port', '0', '--unixsocket', socket, '--dir', directory, '--save', ''];
  const child = spawn('redis-server', [...fixed, ...settings], { stdio: 'ignore' });
  const failed = once(child, 'error').then(([fault]: unknown[]) => {
    throw new Error('redis-server cannot be started; install the package redis-server', { cause: fault });
  });
  const ended = once(child, 'exit').then(([how]: unknown[]) => {
    throw new Error(`redis-server ended (${String(how)}) before it answered`);
  });
  await Promise.race([failed, ended, until(() => answers(socket))]);
  ended.catch(() => undefined);
  return child;
}

function answers(socket: string): Promise<true | undefined> {
  return new Promise((resolve) => {
    const link = connect(socket, () => {
      link.destroy();
      resolve(true);
    });
    link.once('error', () => resolve(undefined));
  });
}
