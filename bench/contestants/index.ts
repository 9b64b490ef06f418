// The programs that we are measured against, each set up as its own documentation advises for throughput of calls that are tasks of
// their own: `map` of the pools with large chunks ships a hundred calls as one.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startBenchRedis } from '../redis.ts';
import { Absent, type Contestant } from '../contest.ts';
import { PYTHON } from '../noop.ts';
import { talk } from './talk.ts';

function file(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** A Python program of this folder. */
function python(name: string, program: string, ...args: string[]): Contestant {
  return {
    name,
    start: () => {
      if (!existsSync(PYTHON)) throw new Absent(`${PYTHON} is not there`);
      return talk(PYTHON, ['-u', file(program), ...args], {});
    },
  };
}

/** The same with a Redis of its own, on the setting that ours is measured on. */
function withRedis(name: string, command: string, args: string[]): Contestant {
  return {
    name,
    start: async () => {
      const redis = await startBenchRedis();
      try {
        const player = await talk(command, args, { BENCH_REDIS: redis.url });
        const stop = async (): Promise<void> => {
          await player.stop();
          await redis.stop();
        };
        return { ...player, pids: () => [redis.pid(), ...player.pids()], stop };
      } catch (error) {
        await redis.stop();
        throw error;
      }
    },
  };
}

export const PROCESS_POOL = python('ProcessPoolExecutor.submit', 'executors.py', 'submit');
export const POOL = python('multiprocessing.Pool.apply_async', 'executors.py', 'apply_async');
/** `concurrency` of its workers, where it is not to find out its best. */
export function bullmq(concurrency?: number): Contestant {
  const given = concurrency === undefined ? [] : [String(concurrency)];
  return withRedis('BullMQ addBulk', process.execPath, [file('bullmq.ts'), ...given]);
}
export const CELERY = withRedis('Celery', PYTHON, ['-u', file('celery_play.py')]);
export const RQ = withRedis('RQ', PYTHON, ['-u', file('rq_play.py')]);
export const DASK = python('Dask', 'dask_play.py');
