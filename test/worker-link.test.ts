// The workers' port: who gets in, and what /v1/workers tells after restarts.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endsOf, get, post, registerSource } from './harness/http.ts';
import { start, type Program } from './harness/program.ts';
import { freePort, startRedis } from './harness/redis.ts';
import { startSystem, type Form, type System } from './harness/system.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'test-link-'));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The system's has dill: for another one that has none it would be fetched, at every start. */
const WITH_DILL = { MPCSFAAS_PYTHON: '/usr/bin/python3' };

function program(args: string[], env: Record<string, string> = {}): Program {
  const one = start('mpcsfaas', args, { ...WITH_DILL, ...env });
  cleanups.push(() => one.stop());
  return one;
}

describe('the worker key', () => {
  it.each(['pull', 'push'])('lets in %s workers that have it, and nobody else', async (mode) => {
    const data = folder();
    const port = await freePort();
    const workers = await freePort();
    const key = 'correct horse battery staple';
    const keyFile = join(data, 'key');
    writeFileSync(keyFile, `${key}\n`);
    const up = program([
      'up',
      '--mode',
      mode,
      '--port',
      String(port),
      '--worker-port',
      String(workers),
      '--data-dir',
      join(data, 'up'),
      '--worker-key-file',
      keyFile,
    ]);
    await up.says(/is ready at/);
    const url = `http://127.0.0.1:${port}`;
    const address = `tcp://127.0.0.1:${workers}`;
    const stranger = program(['worker', mode, address, '-w', '1', '--data-dir', join(data, 'a')], {
      MPCSFAAS_WORKER_KEY: 'some other key of length',
    });
    await stranger.says(/No answer from a dispatcher at tcp:.*its worker key is another one than this worker's/);
    await up.says(/A worker was turned away/);
    const friend = program(['worker', mode, address, '-w', '1', '--data-dir', join(data, 'b')], {
      MPCSFAAS_WORKER_KEY: key,
    });
    await friend.says(/Registered with/);
    await registerSource(url, 'pid', 'import os\ndef pid():\n    return os.getppid() > 0\n');
    expect((await post(`${url}/v1/call/pid`, {})).body).toBe(true);
    const { body } = await get<{ items: { pid: number }[] }>(`${url}/v1/workers`);
    expect(body.items.map((worker) => worker.pid)).toEqual([friend.pid]);
    expect(stranger.output()).not.toMatch(/Registered with|serves/);
  });

  it('is demanded off loopback, of the dispatcher and of the worker', async () => {
    const dispatcher = program(
      ['up', '--mode', 'push', '--host', '0.0.0.0', '--port', '0', '--require-keys', '--data-dir', folder()],
      {
        MPCSFAAS_API_KEY: 'a-first-key-of-thirty-two-characters',
      },
    );
    expect(await dispatcher.ended).toBe(1);
    expect(dispatcher.output()).toMatch(/Workers beyond this machine need a shared key/);
    const worker = program(['worker', 'push', 'tcp://192.0.2.1:5555', '--data-dir', folder()]);
    expect(await worker.ended).toBe(1);
    expect(worker.output()).toMatch(/reached with the shared worker key only/);
  });
});

describe.each(['pull', 'push'])('a %s worker that serves two dispatchers', (mode) => {
  /** One system for both tests; the dispatcher that the last one kills is not needed any more. */
  let url: string;
  let first: Program;
  let second: Program;
  const stops: (() => unknown)[] = [];
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });
  beforeAll(async () => {
    const redis = await startRedis();
    stops.push(() => redis.stop());
    const data = mkdtempSync(join(tmpdir(), 'test-link-'));
    stops.push(() => rmSync(data, { recursive: true, force: true }));
    const begin = (args: string[]): Program => {
      const one = start('mpcsfaas', args, WITH_DILL);
      stops.push(() => one.stop());
      return one;
    };
    const common = ['--redis', redis.url];
    const service = begin(['service', '--port', '0', ...common]);
    [, url = ''] = await service.says(/(http:\/\/127\.0\.0\.1:\d+)\/docs/);
    const dispatchers = await Promise.all(
      [1, 2].map(async () => {
        const port = await freePort();
        const one = begin(['dispatcher', '--mode', mode, '--port', String(port), ...common]);
        await one.says(/is ready/);
        return { one, address: `tcp://127.0.0.1:${port}` };
      }),
    );
    [first, second] = [dispatchers[0]!.one, dispatchers[1]!.one];
    const addresses = dispatchers.map(({ address }) => address);
    const worker = begin(['worker', mode, ...addresses, '-w', '4', '--data-dir', join(data, 'w')]);
    for (const address of addresses) await worker.says(new RegExp(`Registered with the dispatcher at ${address}`));
    await registerSource(url, 'slow', 'import time\ndef slow(s):\n    time.sleep(s)\n    return s\n');
    await post(`${url}/v1/call/slow`, { args: [0] });
  });
  /** Two tasks and two at-most-once ones that run on the worker of both dispatchers: its room is shared evenly. */
  const occupy = async (seconds: number): Promise<string[]> => {
    // What is told of the worker is as old as a heartbeat, and may be what the test before had it do.
    await fleetWithin(url, 10_000, ({ items }) => items.length === 2 && items.every(({ busy }) => busy === 0));
    const options = [{}, {}, { at_most_once: true }, { at_most_once: true }];
    const tasks = options.map((one) => ({ function: 'slow', args: [seconds], options: one }));
    const { body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, { tasks });
    await fleetWithin(url, 10_000, ({ items }) => items.some(({ busy }) => busy === 4));
    return body.task_ids;
  };
  const allEndWell = async (ids: string[], value: number): Promise<void> => {
    const ends = await endsOf(url, ids);
    expect([...ends.values()].map((end) => [end.status, end.value])).toEqual(ids.map(() => ['COMPLETED', value]));
    // One that was claimed ahead of the others' ends comes back and is claimed anew: it has not been begun.
    const unbegun = ['handed_back', 'unclaimed_answer'];
    for (const id of ids) {
      const { body } = await get<{ losses: number; attempts: { reason: string }[] }>(`${url}/v1/tasks/${id}`);
      const begun = body.attempts.filter(({ reason }) => !unbegun.includes(reason));
      expect([body.losses, begun]).toEqual([0, []]);
    }
  };

  it('names what another has adopted to both, once the silent one is back', async () => {
    const ids = await occupy(9);
    first.signal('SIGSTOP');
    cleanups.push(() => first.signal('SIGCONT'));
    await second.says(/were adopted/);
    first.signal('SIGCONT');
    await allEndWell(ids, 9);
  });

  it('hands what it runs for a dispatcher that dies to the other: nothing runs twice, at-most-once calls end well', async () => {
    const ids = await occupy(9);
    await first.kill();
    await allEndWell(ids, 9);
  });
});

interface Fleet {
  items: { pid: number; state: string; dispatcher_id: string; busy: number }[];
  dispatchers: { dispatcher_id: string; pid: number }[];
}

/** The fleet as soon as it is what `right` says; rejects when it is not within a heartbeat and a report. */
async function fleetWithin(url: string, ms: number, right: (fleet: Fleet) => boolean): Promise<void> {
  const until = performance.now() + ms;
  for (;;) {
    const { body } = await get<Fleet>(`${url}/v1/workers`);
    if (right(body)) return;
    if (performance.now() > until) throw new Error(`not within ${ms} ms: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.each(['redis pull', 'redis push'] as Form[])('/v1/workers, %s', (form) => {
  let system: System;
  afterEach(async () => {
    await system.stop();
  });

  it('is right again after restarts of a worker, the dispatcher and the service', async () => {
    system = await startSystem({ form });
    const ready = (fleet: Fleet): number[] =>
      fleet.items
        .filter(({ state }) => state === 'ready')
        .map(({ pid }) => pid)
        .sort();
    const pids = (programs: Program[]): number[] => programs.map(({ pid }) => pid).sort();
    await fleetWithin(system.url, 1_000, (fleet) => ready(fleet).join() === pids(system.workers).join());

    await system.workers[0]!.kill();
    const fresh = await system.startWorker();
    const now = [system.workers[1]!, fresh];
    // The dead one is shown as lost when its heartbeat is overdue, the new one at once.
    await fleetWithin(system.url, 3_000, (fleet) => ready(fleet).join() === pids(now).join());

    await system.dispatcher.kill();
    const successor = await system.startDispatcher();
    // Its workers are told at their next heartbeat to register anew; nobody is shown twice.
    await fleetWithin(system.url, 3_000, ({ items, dispatchers }) => {
      const alone = dispatchers.length === 1 && dispatchers[0]!.pid === successor.pid;
      return alone && items.length === 2 && ready({ items, dispatchers }).join() === pids(now).join();
    });

    await system.service.kill();
    await system.restartService();
    await fleetWithin(system.url, 1_000, (fleet) => ready(fleet).join() === pids(now).join());
  });
});
