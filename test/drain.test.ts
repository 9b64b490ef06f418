// Leaving: what is told to end takes nothing new, finishes what runs, hands back what waits, and is gone at once.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endsOf, get, post, registerSource } from './harness/http.ts';
import { leftovers } from './harness/leftovers.ts';
import { start, type Program } from './harness/program.ts';
import { freePort } from './harness/redis.ts';
import { startSystem, type System } from './harness/system.ts';

/** Says in a file that it began, then takes its time. */
const HOLD = `
import os, time
def hold(n, seconds, file):
    with open(file, "a") as out:
        out.write("%d %d\\n" % (n, os.getpid()))
    time.sleep(seconds)
    return n
`;

interface Record {
  status: string;
  worker: string | null;
  losses: number;
}

interface Worker {
  worker_id: string;
  slots: number;
}

async function submit(url: string, count: number, seconds: number, file: string, options = {}): Promise<string[]> {
  const tasks = Array.from({ length: count }, (_, n) => ({ function: 'hold', args: [n, seconds, file], options }));
  const { status, body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, { tasks });
  expect(status).toBe(201);
  return body.task_ids;
}

async function records(url: string, ids: readonly string[]): Promise<Record[]> {
  return Promise.all(ids.map(async (id) => (await get<Record>(`${url}/v1/tasks/${id}`)).body));
}

async function workers(url: string): Promise<Worker[]> {
  return (await get<{ items: Worker[] }>(`${url}/v1/workers`)).body.items;
}

const values = async (url: string, ids: readonly string[]): Promise<unknown[]> => {
  const ends = await endsOf(url, ids);
  return ids.map((id) => ends.get(id)?.value);
};

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** The calls that began, by the function's own account, in their order. */
function begun(file: string): number[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split(' ')[0]));
}

/** Resolves once so many calls have begun: asked of the file alone, which costs the service nothing. */
async function untilBegun(file: string, count: number): Promise<void> {
  await expect.poll(() => begun(file).length, { timeout: 60_000, interval: 20 }).toBeGreaterThanOrEqual(count);
}

/**
 * What is so before the three seconds are over for which a worker may be silent: its last words were just said, but a push worker
 * waits for no answer to them, and what they tell comes into the store a moment later.
 */
const beforeSilence = <T>(look: () => Promise<T>) => expect.poll(look, { timeout: 2_500, interval: 20 });

const inOrder = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);

describe.each(['pull', 'push'] as const)('redis %s', (mode) => {
  /** Service and dispatcher for all of them; the workers are each test's own. */
  let served: System;
  beforeAll(async () => {
    served = await startSystem({ form: `redis ${mode}`, workers: 0, slots: 2 });
    await registerSource(served.url, 'hold', HOLD);
  });
  afterAll(async () => {
    await served.stop();
    expect(await leftovers(served.dataDir)).toEqual([]);
  });
  /** Where the calls of one test say that they began. */
  const fileOf = (test: string): string => join(served.dataDir, test);

  describe('SIGTERM to a worker', () => {
    const begunWorkers: Program[] = [];
    afterEach(async () => {
      await Promise.all(begunWorkers.splice(0).map((worker) => worker.stop()));
      expect(await leftovers(join(served.dataDir, 'worker'))).toEqual([]);
    });
    const startWorker = async (...args: string[]): Promise<Program> => {
      const worker = await served.startWorker(...args);
      begunWorkers.push(worker);
      return worker;
    };

    it('finishes what runs, hands back what waits, deregisters', async () => {
      const { url } = served;
      const worker = await startWorker();
      const file = fileOf('finishes');
      const ids = await submit(url, 6, 1.5, file);
      await untilBegun(file, 2);
      expect(await worker.stop(), worker.output()).toBe(0);
      // The goodbye says so, not the silence of three seconds.
      await beforeSilence(async () => ({
        fleet: await workers(url),
        left: (await records(url, ids)).map(({ status }) => status).sort(),
      })).toEqual({ fleet: [], left: ['COMPLETED', 'COMPLETED', 'QUEUED', 'QUEUED', 'QUEUED', 'QUEUED'] });
      await startWorker();
      expect(await values(url, ids)).toEqual(numbers(6));
      const after = await records(url, ids);
      expect(after.map(({ losses }) => losses)).toEqual([0, 0, 0, 0, 0, 0]);
      expect(inOrder(begun(file))).toEqual(numbers(6));
    });

    it('grace over: what still runs is handed back and runs elsewhere', async () => {
      const { url } = served;
      const worker = await startWorker('--grace', '300ms');
      const file = fileOf('grace');
      const ids = await submit(url, 2, 4, file);
      await untilBegun(file, 2);
      const [first] = await workers(url);
      expect(await worker.stop()).toBe(0);
      await startWorker();
      expect(await values(url, ids)).toEqual([0, 1]);
      const after = await records(url, ids);
      expect(after.map(({ losses }) => losses)).toEqual([0, 0]);
      const [second] = await workers(url);
      expect(after.map(({ worker }) => worker)).toEqual([second!.worker_id, second!.worker_id]);
      expect(second!.worker_id).not.toBe(first!.worker_id);
    });

    it('a second signal: what runs is handed back at once', async () => {
      const { url } = served;
      const worker = await startWorker();
      const file = fileOf('second signal');
      const ids = await submit(url, 2, 600, file);
      await untilBegun(file, 2);
      worker.signal('SIGTERM');
      await worker.says(/a second signal cuts that short/);
      expect(await worker.stop()).toBe(1);
      // It said so before it ended: nobody has to notice its silence, or the end of its leases.
      await beforeSilence(async () => ({
        fleet: await workers(url),
        left: (await records(url, ids)).map(({ status, losses }) => [status, losses]),
      })).toEqual({ fleet: [], left: ids.map(() => ['QUEUED', 0]) });
      for (const id of ids) expect((await post(`${url}/v1/tasks/${id}/cancel`, {})).status).toBe(200);
    });

    it('grace over: at-most-once calls that began end lost, those that wait run elsewhere', async () => {
      const { url } = served;
      const worker = await startWorker('--grace', '300ms');
      const file = fileOf('at most once');
      const ids = await submit(url, 3, 3, file, { at_most_once: true });
      await untilBegun(file, 2);
      expect(await worker.stop()).toBe(0);
      await startWorker();
      const ends = await endsOf(url, ids);
      const kinds = ids.map((id) => ends.get(id)?.error?.kind ?? ends.get(id)?.value);
      expect(kinds).toEqual(['lost', 'lost', 2]);
      expect(inOrder(begun(file))).toEqual(numbers(3));
    });
  });

  describe('two dispatchers, one worker that serves both', () => {
    let second: Program;
    let worker: Program;
    beforeAll(async () => {
      const { dataDir, redis } = served;
      const port = String(await freePort());
      second = start('mpcsfaas', ['dispatcher', '-m', mode, '-p', port, '--redis', redis!.url, '--data-dir', dataDir]);
      await second.says(/is ready/);
      worker = start('mpcsfaas', [
        ...['worker', mode, served.dispatcherUrl, `tcp://127.0.0.1:${port}`, '--slots', '4'],
        ...['--python', '/usr/bin/python3', '--data-dir', `${dataDir}/both`],
      ]);
      await worker.says(/Registered[^]*Registered/);
    });
    afterAll(async () => {
      await Promise.all([second.stop(), worker.stop()]);
    });
    /** Starts the first one again; resolves when the worker serves both. */
    const startFirst = async (): Promise<Program> => {
      const before = worker.output().length;
      const first = await served.startDispatcher();
      await expect.poll(() => worker.output().slice(before), { timeout: 20_000 }).toMatch(/Registered/);
      return first;
    };

    it('SIGTERM to a dispatcher: nothing is lost, nothing runs twice', async () => {
      const { url, dispatcher: first } = served;
      const file = fileOf('leaves');
      const ids = await submit(url, 40, 0.25, file);
      await untilBegun(file, 4);
      expect(await first.stop(), first.output()).toBe(0);
      expect(await values(url, ids)).toEqual(numbers(40));
      expect((await records(url, ids)).map(({ losses }) => losses)).toEqual(numbers(40).map(() => 0));
      expect(inOrder(begun(file))).toEqual(numbers(40));
    });

    it('gets work from each', async () => {
      const { url } = served;
      const file = fileOf('each');
      const first = await startFirst();
      await expect
        .poll(async () => (await workers(url)).map(({ slots }) => slots), { timeout: 20_000 })
        .toEqual([4, 4]);
      expect(await values(url, await submit(url, 60, 0.02, file))).toEqual(numbers(60));
      // Each of the two alone.
      await first.stop();
      expect(await values(url, await submit(url, 8, 0, file))).toEqual(numbers(8));
      const again = await startFirst();
      await second.stop();
      expect(await values(url, await submit(url, 8, 0, file))).toEqual(numbers(8));
      expect(await again.stop()).toBe(0);
    });
  });
});
