// A Redis Cluster of the test's own: masters (with a replica each where asked for) on free ports, in a folder of their own.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { run, type Program } from './program.ts';
import { freePort } from './redis.ts';

export interface ClusterNode {
  port: number;
  kill(): Promise<void>;
  /** It stands still, and goes on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** On the same port and data. */
  restart(): Promise<void>;
  admin: Redis;
}

export interface RedisCluster {
  /** redis+cluster://… */
  url: string;
  nodes: ClusterNode[];
  /** The master that serves the slot, as the others know it. */
  ownerOf(slot: number): Promise<ClusterNode>;
  /** Moves a slot key by key, as resharding does; `midway` runs when about half of the keys are over. */
  moveSlot(slot: number, to: ClusterNode, midway?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

const NODE_TIMEOUT_MS = 2000;
/** The port of a node's bus is so far above its own. */
const BUS = 10_000;
const KEYS_AT_ONCE = 20;

export async function startCluster(options: { replicas?: 0 | 1 } = {}): Promise<RedisCluster> {
  const { replicas = 0 } = options;
  const dir = mkdtempSync(join(tmpdir(), 'test-cluster-'));
  const nodes: ClusterNode[] = [];
  const stop = async (): Promise<void> => {
    for (const node of nodes) {
      node.admin.disconnect();
      await node.kill();
    }
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    for (let n = 0; n < 3 * (1 + replicas); n += 1) nodes.push(await startNode(join(dir, String(n))));
    await create(nodes, replicas);
  } catch (error) {
    await stop();
    throw error;
  }
  const ownerOf = async (slot: number): Promise<ClusterNode> => {
    const alive = nodes.find(({ admin }) => admin.status === 'ready')!;
    const rows = (await alive.admin.cluster('SLOTS')) as unknown as [number, number, [string, number]][];
    const row = rows.find(([from, to]) => from <= slot && slot <= to);
    return nodes.find(({ port }) => port === row?.[2][1])!;
  };
  const moveSlot = async (slot: number, to: ClusterNode, midway?: () => Promise<void>): Promise<void> => {
    const from = await ownerOf(slot);
    const [fromId, toId] = await Promise.all([from, to].map(({ admin }) => admin.cluster('MYID')));
    await to.admin.cluster('SETSLOT', slot, 'IMPORTING', fromId!);
    await from.admin.cluster('SETSLOT', slot, 'MIGRATING', toId!);
    const total = await from.admin.cluster('COUNTKEYSINSLOT', slot);
    let moved = 0;
    for (;;) {
      // Keys are bytes.
      const keys = (await from.admin.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, KEYS_AT_ONCE)) as Buffer[];
      if (keys.length === 0) break;
      await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys);
      const before = moved;
      moved += keys.length;
      if (2 * before < total && 2 * moved >= total) await midway?.();
    }
    await to.admin.cluster('SETSLOT', slot, 'NODE', toId!);
    await from.admin.cluster('SETSLOT', slot, 'NODE', toId!);
    for (const { admin } of nodes)
      if (admin.status === 'ready') await admin.cluster('SETSLOT', slot, 'NODE', toId!).catch(() => undefined);
  };
  const url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  return { url, nodes, ownerOf, moveSlot, stop };
}

async function startNode(dir: string): Promise<ClusterNode> {
  mkdirSync(dir);
  const port = await freePort(BUS);
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    'repl-diskless-sync-delay': '0',
    'cluster-enabled': 'yes',
    'cluster-node-timeout': String(NODE_TIMEOUT_MS),
  };
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  let program: Program;
  const restart = async (): Promise<void> => {
    program = run('redis-server', words);
    await program.says(/Ready to accept connections/);
  };
  await restart();
  const admin = new Redis(port, '127.0.0.1', { retryStrategy: () => 50 }).on('error', () => undefined);
  return { port, kill: () => program.kill(), signal: (name) => program.signal(name), restart, admin };
}

async function create(nodes: readonly ClusterNode[], replicas: number): Promise<void> {
  const places = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const made = run('redis-cli', [
    ...['--cluster', 'create', ...places],
    ...['--cluster-replicas', String(replicas), '--cluster-yes'],
  ]);
  if ((await made.ended) !== 0) throw new Error(made.output());
  for (const { admin } of nodes) {
    while (!/cluster_state:ok/.test(await admin.cluster('INFO'))) await pause();
  }
  let inStep = 0;
  while (inStep < replicas * 3) {
    const told = await Promise.all(nodes.map(({ admin }) => admin.info('replication')));
    inStep = told.filter((info) => /role:master[^]*state=online/.test(info)).length;
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
