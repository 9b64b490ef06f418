// Failovers under load, on real processes: a master that sentinels watch dies or stands still, a Cluster loses a node or moves
// a slot. Nothing acknowledged is lost, every loop goes on, and soon.
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { slotOfTag } from '../packages/server/src/store/redis/cluster-view.ts';
import { shardOfKey } from '../packages/server/src/tasks/idempotency.ts';
import { startCluster, type RedisCluster } from './harness/cluster.ts';
import { endsOf, get, post, registerSource } from './harness/http.ts';
import { startSentinels, type DataServer, type SentinelSet } from './harness/sentinel.ts';
import { startLoad, type SteadyLoad } from './harness/steady-load.ts';
import { startSystem, type System } from './harness/system.ts';

const DOUBLE = 'def double(n):\n    return n * 2\n';
/** A failover takes the sentinels seconds, and there are two. */
const PATIENCE_MS = 150_000;
/** What is promised from the announcement of the new master on, where a replica of it can confirm, ms. */
const PROMISED_MS = 2000;
/** Of the Cluster. */
const SHARDS = 6;

let system: System | undefined;
let sentinels: SentinelSet | undefined;
let cluster: RedisCluster | undefined;
afterEach(async () => {
  await system?.stop();
  await sentinels?.stop();
  await cluster?.stop();
  [system, sentinels, cluster] = [undefined, undefined, undefined];
});

/** All that was acknowledged has ended, once, with its own value; `others` beside the load. */
async function expectAllRight(url: string, load: SteadyLoad, others = 0): Promise<void> {
  const got = load.done.flatMap(({ ids }) => ids.map((id) => load.ends.get(id)?.value));
  expect(got).toEqual(load.done.flatMap(({ values }) => values.map((value) => value * 2)));
  const { body } = await get<{ submitted: number; ended: Record<string, number> }>(`${url}/v1/stats`);
  expect(body.ended).toEqual({ COMPLETED: body.submitted });
  expect(body.submitted).toBe(got.length + others);
}

/** performance.now() of when a replica follows this master: until then nothing can be acknowledged, whatever we do. */
async function confirmedFor({ admin }: { admin: Redis }): Promise<number> {
  while (!/state=online/.test(await admin.info('replication'))) await new Promise((resolve) => setTimeout(resolve, 20));
  return performance.now();
}

/** The same of the one that is announced: sentinels tell of it before the other replica has come to it. */
async function whole(announced: ReturnType<SentinelSet['nextSwitch']>): Promise<number> {
  const { port } = await announced;
  return confirmedFor(sentinels!.servers.find((server) => server.port === port)!);
}

describe('a master that sentinels watch', () => {
  it(
    'is replaced when it dies, and when it stands still; nobody writes to one that has been replaced',
    { timeout: PATIENCE_MS },
    async () => {
      sentinels = await startSentinels({ replicas: 2 });
      const args = ['--wait-replicas', '1'];
      system = await startSystem({
        form: 'redis local',
        workers: 1,
        storeUrl: sentinels.url,
        args,
        dispatcherArgs: args,
      });
      const second = await system.startDispatcher();
      await registerSource(system.url, 'double', DOUBLE);
      const load = startLoad([system.url], 'double');
      await load.goesOn(5);

      const dead = await sentinels.master();
      const first = sentinels.nextSwitch();
      await dead.kill();
      const died = await whole(first);
      await load.goesOn(10);
      expect(load.recovery(died).acknowledged).toBeLessThan(PROMISED_MS);
      expect(load.recovery(died).ended).toBeLessThan(PROMISED_MS);
      await dead.restart();
      await sentinels.untilReplicas(2);
      await load.goesOn(5);
      await expectNobodyAt(dead);

      const still = await sentinels.master();
      expect(still).not.toBe(dead);
      const next = sentinels.nextSwitch();
      still.signal('SIGSTOP');
      const stood = await whole(next);
      await load.goesOn(10);
      still.signal('SIGCONT');
      expect(load.recovery(stood).acknowledged).toBeLessThan(PROMISED_MS);
      expect(load.recovery(stood).ended).toBeLessThan(PROMISED_MS);
      await load.goesOn(5);
      await expectNobodyAt(still);

      await load.stop();
      await expectAllRight(system.url, load);
      for (const program of [system.service, system.dispatcher, second])
        expect(program.output()).not.toMatch(/READONLY/);
      expect((await get(`${system.url}/readyz`)).status).toBe(200);
    },
  );
});

describe('a Cluster', () => {
  it(
    'loses a node and moves a slot: nothing acknowledged is lost, and it goes on',
    { timeout: PATIENCE_MS },
    async () => {
      cluster = await startCluster({ replicas: 1 });
      const args = ['--shards', String(SHARDS), '--wait-replicas', '1'];
      system = await startSystem({ form: 'redis pull', workers: 1, storeUrl: cluster.url, args, dispatcherArgs: args });
      await registerSource(system.url, 'double', DOUBLE);
      const load = startLoad([system.url], 'double');
      await load.goesOn(5);

      const slot = slotOfTag('{s0}');
      const to = await cluster.ownerOf(slotOfTag('{s2}'));
      expect(await cluster.ownerOf(slot)).not.toBe(to);
      await cluster.moveSlot(slot, to);
      await load.goesOn(20);

      // The keys of another one lie here and there, and those of the first shard, which has the functions, do not: so the other
      // shards go on, and what is submitted is claimed, run and settled there. (The load's own clients come to wait for this
      // shard, one after the other.)
      const second = slotOfTag('{s1}');
      const there = cluster.nodes.slice(0, 3).filter((node) => node !== to);
      const from = await cluster.ownerOf(second);
      const others = Array.from({ length: 40 }, (_, n) => n).filter(
        (n) => shardOfKey('default', keyOf(n), SHARDS) !== 1,
      );
      let during: unknown[] = [];
      const { url } = system;
      await cluster.moveSlot(
        second,
        there.find((node) => node !== from)!,
        async () => {
          during = await valuesOf(url, others);
        },
      );
      expect(during).toEqual(others.map((n) => n * 2));
      await load.goesOn(20);

      // Its replica takes over, and goes on when it has a replica itself.
      await to.kill();
      while ((await cluster.ownerOf(slot)) === to) await new Promise((resolve) => setTimeout(resolve, 20));
      const heir = await cluster.ownerOf(slot);
      await to.restart();
      const complete = await confirmedFor(heir);
      await load.goesOn(20);
      expect(load.recovery(complete).acknowledged).toBeLessThan(PROMISED_MS);
      expect(load.recovery(complete).ended).toBeLessThan(PROMISED_MS);

      await load.stop();
      await expectAllRight(system.url, load, during.length);
      expect((await get(`${system.url}/readyz`)).status).toBe(200);
    },
  );
});

/** What comes of tasks, one for each of these numbers, each under a key: what was refused is submitted again as what it is. */
async function valuesOf(url: string, numbers: readonly number[]): Promise<unknown[]> {
  const ids: string[] = [];
  for (const n of numbers) {
    for (;;) {
      const wish = { function: 'double', args: [n] };
      const { status, body } = await post<{ task_id: string }>(`${url}/v1/tasks`, wish, {
        'idempotency-key': keyOf(n),
      });
      if (status !== 503) {
        // 200: the time before had been accepted, though nobody could say so.
        expect([200, 201], JSON.stringify(body)).toContain(status);
        ids.push(body.task_id);
        break;
      }
    }
  }
  const ends = await endsOf(url, ids);
  return ids.map((id) => ends.get(id)?.value);
}

const keyOf = (n: number): string => `meanwhile-${n}`;

async function expectNobodyAt(server: DataServer): Promise<void> {
  const ours = async (): Promise<string[]> =>
    ((await server.admin.client('LIST')) as string).split('\n').filter((line) => line.includes('name=mpcsfaas'));
  // A server that stood still hears only now that they have gone.
  await expect.poll(ours, { timeout: 20_000 }).toEqual([]);
}
