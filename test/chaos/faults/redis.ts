// F1, F3 and F9 for Redis: killed and started again on its AOF, held up by CLIENT PAUSE, its connections reset, out of memory, and
// without the replicas that it is to write to.
import { Redis } from 'ioredis';
import { untilServing } from '../recovery.ts';
import { sleep, type Fault, type Scene } from '../scene.ts';
import { now } from '../now.ts';

const SUPERVISOR_MS = 1500;

/** Only one at a time: a Redis that is away is no Redis to be paused. */
async function withRedis(scene: Scene, act: (url: string) => Promise<void>): Promise<void> {
  const { redis } = scene.stage;
  if (redis === undefined || scene.taken.has('redis')) return;
  scene.taken.add('redis');
  try {
    await act(redis.url);
  } finally {
    scene.taken.delete('redis');
  }
}

async function command(url: string, ...words: [string, ...string[]]): Promise<unknown> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: null });
  try {
    await client.connect();
    return await client.call(...words);
  } finally {
    client.disconnect();
  }
}

const applies: Fault['applies'] = ({ redis }) => redis !== undefined;

export const killRedis: Fault = {
  name: 'F1 kill Redis',
  weight: 3,
  quiet: 0.8,
  applies,
  run: (scene, dice) =>
    withRedis(scene, async () => {
      const fault = scene.ledger.fault('F1 kill Redis', 'redis');
      await scene.stage.redis!.kill();
      await sleep(dice.between(0, SUPERVISOR_MS));
      await scene.stage.redis!.restart();
      // Promised is a time since it answers again.
      await untilServing(scene, 'Redis restart', now());
      fault.over();
    }),
};

export const pauseRedis: Fault = {
  name: 'F3 Redis paused',
  weight: 1,
  applies,
  run: (scene, dice) =>
    withRedis(scene, async (url) => {
      const ms = dice.between(200, Math.min(4000, scene.longestMs));
      const what = dice.pick(['ALL', 'WRITE']);
      const fault = scene.ledger.fault('F3 Redis paused', `${what} for ${ms} ms`);
      await command(url, 'CLIENT', 'PAUSE', String(ms), what);
      await sleep(ms);
      fault.over();
    }),
};

export const resetRedis: Fault = {
  name: 'F3 Redis connections reset',
  weight: 1,
  applies,
  run: (scene) =>
    withRedis(scene, async (url) => {
      const fault = scene.ledger.fault('F3 Redis connections reset', 'all');
      for (const kind of ['normal', 'pubsub']) await command(url, 'CLIENT', 'KILL', 'TYPE', kind);
      fault.over();
    }),
};

export const fullRedis: Fault = {
  name: 'F9 Redis at maxmemory',
  weight: 1,
  applies,
  run: (scene, dice) =>
    withRedis(scene, async (url) => {
      const fault = scene.ledger.fault('F9 Redis at maxmemory', 'redis');
      const used = /used_memory:(\d+)/.exec(String(await command(url, 'INFO', 'memory')))?.[1] ?? '1';
      await command(url, 'CONFIG', 'SET', 'maxmemory', String(Math.floor(Number(used) * 0.9)));
      await sleep(dice.between(500, Math.min(3000, scene.longestMs)));
      await command(url, 'CONFIG', 'SET', 'maxmemory', '0');
      fault.over();
    }),
};

/** It answers, and takes no writes for longer than a lease: renewals, and ends, wait with all the others. */
export const refusingRedis: Fault = {
  name: 'F9 Redis refuses writes',
  weight: 1,
  applies,
  run: (scene, dice) =>
    withRedis(scene, async (url) => {
      const fault = scene.ledger.fault('F9 Redis refuses writes', 'redis');
      await command(url, 'CONFIG', 'SET', 'min-replicas-to-write', '9');
      await sleep(dice.between(500, Math.min(8000, scene.longestMs)));
      await command(url, 'CONFIG', 'SET', 'min-replicas-to-write', '0');
      fault.over();
    }),
};
