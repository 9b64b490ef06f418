// The system under test on real processes: what runs, on which ports, with which wires between.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startRedis, type RedisServer } from '../harness/redis.ts';
import { start } from '../harness/program.ts';
import { startSentinels, type SentinelSet } from '../harness/sentinel.ts';
import type { Ledger } from './ledger.ts';
import { part, type Part, type Role } from './part.ts';
import type { Dice } from './random.ts';
import { smallDisk, type SmallDisk } from '../harness/small-disk.ts';
import { stretchWire, type Wire } from './wire.ts';

/** Of a run of the shortest kind, and more for each minute of what is kept until the end. MiB. */
const DISK_MIB = 192;
const DISK_MIB_A_MINUTE = 384;

function diskOf(forMs: number): number {
  return DISK_MIB + Math.ceil((forMs * DISK_MIB_A_MINUTE) / 60_000);
}

/** `sentinel` only where it is asked for: its failovers take seconds each, which a short run has not. */
export const STORES = ['redis', 'embedded', 'sentinel'] as const;
export const MODES = ['pull', 'push'] as const;
export interface Variant {
  store: (typeof STORES)[number];
  mode: (typeof MODES)[number];
}

export interface Stage {
  variant: Variant;
  /** No other variant runs at the same time: the machine's network is its own. */
  alone: boolean;
  dir: string;
  /** Addresses of the services. */
  urls: readonly string[];
  parts: readonly Part[];
  of: (role: Role) => Part[];
  redis: RedisServer | undefined;
  /** A master with two replicas and three sentinels, which the programs reach without a proxy between. */
  sentinels: SentinelSet | undefined;
  /** Between a service or dispatcher and Redis, by the part's name. */
  storeWires: ReadonlyMap<string, Wire>;
  /** Between workers and dispatchers, by both parts' names: `worker-1 dispatcher-2`. */
  workerWires: ReadonlyMap<string, Wire>;
  /** The disk of the embedded store, or why it is an ordinary folder. */
  disk: SmallDisk | { reason: string };
  /** By how many ms each part's clock is wrong. */
  skews: ReadonlyMap<string, number>;
  /** Temporary files of each part, by its name. */
  temporary(name: string): string;
  /** SIGTERM to all, workers first; answers how each ended. */
  stop(): Promise<Map<string, number | NodeJS.Signals>>;
  /** Removes what is left on disk, wires and Redis. */
  clear(): Promise<void>;
}

const PYTHON = ['--python', '/usr/bin/python3'];
const HOUR_MS = 3_600_000;
const SLOTS = '4';
const GRACE = '2s';

/** `forMs`: how long the run is to take. */
export async function setStage(
  variant: Variant,
  alone: boolean,
  forMs: number,
  ledger: Ledger,
  dice: Dice,
): Promise<Stage> {
  const { store, mode } = variant;
  const dir = mkdtempSync(join(tmpdir(), 'test-chaos-'));
  const disk = store === 'embedded' ? smallDisk(join(dir, 'disk'), diskOf(forMs)) : { reason: 'Redis keeps the tasks' };
  const redis = store === 'redis' ? await startRedis('always') : undefined;
  const sentinels = store === 'sentinel' ? await startSentinels({ replicas: 2 }) : undefined;
  const wires: Wire[] = [];
  const stretch = async (target: number): Promise<Wire> => {
    const own = dice.apart(`wire ${wires.length}`);
    const wire = await stretchWire(target, () => own.fraction());
    wires.push(wire);
    return wire;
  };
  const skews = new Map<string, number>();
  const storeWires = new Map<string, Wire>();
  const workerWires = new Map<string, Wire>();
  const temporary = (name: string): string => join(dir, 'temporary', name);
  const crashed = (one: Part, how: number | string): void => {
    ledger.violation('crash', `${one.name} ended by itself (${how}): …${one.output().slice(-1500)}`);
    void one.start();
  };
  const add = (name: string, role: Role, ready: RegExp, args: () => string[]): Part => {
    mkdirSync(temporary(name), { recursive: true });
    const skew = dice.pick([-HOUR_MS, 0, HOUR_MS]);
    skews.set(name, skew);
    const env = {
      TMPDIR: temporary(name),
      // Node's cache of compiled code is nobody's leftover, and one for all makes starts quick.
      NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'),
      CHAOS_SKEW_MS: String(skew),
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'skewed-clock.mjs')}`,
    };
    const one = part({ name, role, ready, begin: () => start('mpcsfaas', args(), env) }, crashed);
    parts.push(one);
    return one;
  };

  const parts: Part[] = [];
  const urls: string[] = [];
  const targets: [name: string, port: number][] = [];
  const names = (role: Role, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${role}-${index + 1}`);

  if (store !== 'embedded') {
    if (redis !== undefined) {
      for (const name of [...names('service', 2), ...names('dispatcher', 2)]) {
        storeWires.set(name, await stretch(redis.port));
      }
    }
    const where = (name: string): string[] =>
      sentinels === undefined
        ? ['--redis', `redis://127.0.0.1:${storeWires.get(name)!.port}`]
        : ['--redis', sentinels.url, '--wait-replicas', '1'];
    for (const name of names('service', 2)) {
      const port = await freePort();
      urls.push(`http://127.0.0.1:${port}`);
      add(name, 'service', /\/docs/, () => ['service', '--port', String(port), ...where(name)]);
    }
    for (const name of names('dispatcher', 2)) {
      const port = await freePort();
      targets.push([name, port]);
      add(name, 'dispatcher', /is ready/, () => [
        ...['dispatcher', '--mode', mode, '--port', String(port), ...where(name)],
        ...['--data-dir', join(dir, name), '--grace', GRACE, ...PYTHON],
      ]);
    }
  } else {
    const port = await freePort();
    const workerPort = await freePort();
    urls.push(`http://127.0.0.1:${port}`);
    targets.push(['up', workerPort]);
    add('up', 'up', /\/docs/, () => [
      ...['up', '--mode', mode, '--port', String(port), '--worker-port', String(workerPort)],
      ...['--data-dir', 'path' in disk ? join(disk.path, 'up') : join(dir, 'up'), '--grace', GRACE, ...PYTHON],
    ]);
  }
  for (const name of names('worker', 3)) {
    const own: string[] = [];
    for (const [target, port] of targets) {
      const wire = await stretch(port);
      workerWires.set(`${name} ${target}`, wire);
      own.push(`tcp://127.0.0.1:${wire.port}`);
    }
    add(name, 'worker', /Registered with/, () => [
      ...['worker', mode, ...own, '--slots', SLOTS],
      ...['--data-dir', join(dir, name), '--grace', GRACE, ...PYTHON],
    ]);
  }

  const of = (role: Role): Part[] => parts.filter((one) => one.role === role);
  const stop = async (): Promise<Map<string, number | NodeJS.Signals>> => {
    const ends = new Map<string, number | NodeJS.Signals>();
    for (const role of ['worker', 'dispatcher', 'up', 'service'] as const) {
      await Promise.all(
        of(role).map(async (one) => {
          one.expectEnd();
          one.signal('SIGTERM');
          ends.set(one.name, await one.ended());
        }),
      );
    }
    return ends;
  };
  const clear = async (): Promise<void> => {
    await Promise.all(parts.filter((one) => one.running()).map((one) => one.kill()));
    await Promise.all(wires.map((wire) => wire.close()));
    await redis?.stop();
    await sentinels?.stop();
    if ('path' in disk) disk.remove();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    for (const role of ['service', 'up', 'dispatcher'] as const) await Promise.all(of(role).map((one) => one.start()));
    await Promise.all(of('worker').map((one) => one.start()));
  } catch (error) {
    await clear();
    throw error;
  }
  return {
    variant,
    alone,
    dir,
    urls,
    parts,
    of,
    redis,
    sentinels,
    storeWires,
    workerWires,
    disk,
    skews,
    temporary,
    stop,
    clear,
  };
}
