// A loop that stands still is seen from outside, and seen to go on: in the service's /readyz and in /v1/workers.
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { get, post, registerSource } from './harness/http.ts';
import { startRedis, type RedisServer } from './harness/redis.ts';
import { startSystem, type System } from './harness/system.ts';

let redis: RedisServer | undefined;
let system: System | undefined;
let admin: Redis | undefined;
afterEach(async () => {
  admin?.disconnect();
  await system?.stop();
  await redis?.stop();
  [redis, system, admin] = [undefined, undefined, undefined];
});

interface Fleet {
  dispatchers: { troubles: string[] }[];
}
interface Ready {
  warnings: string[];
  troubles: string[];
  detail: string;
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

it('a dispatcher that may not claim any more says so, until it may', async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  await admin.acl('SETUSER', 'dispatcher', 'on', '>secret', '~*', '&*', '+@all');
  const own = redis.url.replace('//', '//dispatcher:secret@');
  system = await startSystem({
    form: 'redis local',
    workers: 1,
    storeUrl: redis.url,
    dispatcherArgs: ['--redis', own],
  });
  const { url } = system;
  await registerSource(url, 'one', 'def one():\n    return 1\n');
  const troubles = async (): Promise<string[]> =>
    (await get<Fleet>(`${url}/v1/workers`)).body.dispatchers.flatMap((one) => one.troubles);
  expect(await troubles()).toEqual([]);

  await admin.acl('SETUSER', 'dispatcher', '-fcall');
  const told = await until(async () => {
    const now = await troubles();
    return now.some((sentence) => sentence.includes('claim')) && now.some((sentence) => sentence.includes('sweep'))
      ? now
      : undefined;
  });
  expect(told).toContainEqual(expect.stringMatching(/^the claim loop has not come round for \d+ s$/));
  // The service itself is ready: others may work.
  const ready = await get<Ready>(`${url}/readyz`);
  expect(ready.status).toBe(200);
  expect(ready.body.warnings).toContainEqual(
    expect.stringMatching(/^Dispatcher .*: the claim loop has not come round/),
  );

  await admin.acl('SETUSER', 'dispatcher', '+@all');
  const answer = await post<{ value: number }>(`${url}/v1/call/one`, { args: [] });
  expect(answer.status).toBe(200);
  await until(async () => ((await troubles()).length === 0 ? true : undefined));
  expect((await get<Ready>(`${url}/readyz`)).body.warnings).toEqual([]);
});

it('a Redis that stands still is told by /readyz in good time, and gone when it goes on', async () => {
  system = await startSystem({ form: 'redis local', workers: 1 });
  const { url } = system;
  expect((await get(`${url}/readyz`)).status).toBe(200);
  process.kill(system.redis!.pid(), 'SIGSTOP');
  try {
    const answer = await get<Ready>(`${url}/readyz`);
    expect(answer.status).toBe(503);
    expect(answer.body.detail).toMatch(/Redis does not answer/);
  } finally {
    process.kill(system.redis!.pid(), 'SIGCONT');
  }
  await until(async () => ((await get(`${url}/readyz`)).status === 200 ? true : undefined));
});
