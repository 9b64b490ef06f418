// The workers' port: who gets in, and what /v1/workers tells after restarts.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endsOf, get, post, recordOf, registerSource } from './harness/http.ts';
import { start, type Program } from './harness/program.ts';
import { freePort, startRedis } from './harness/redis.ts';
import { startSystem, type Form, type System } from './harness/system.ts';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** Says in a file that it began, then takes its time. */
const SLOW = `
import time
def slow(n, seconds, file):
    with open(file, "a") as out:
        out.write("%d\\n" % n)
    time.sleep(seconds)
    return n
`;

describe.each(['pull', 'push'])('a %s worker that serves two dispatchers', (mode) => {
  /** One system for both tests; the dispatcher that the last one kills is not needed any more. */
  let url: string;
  let data: string;
  let first: Program;
  let second: Program;
  const stops: (() => unknown)[] = [];
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });
  beforeAll(async () => {
    // Leases are taken over within a second or two: no disk is to stand still in that time.
    const redis = await startRedis('no-aof');
    stops.push(() => redis.stop());
    data = mkdtempSync(join(tmpdir(), 'test-link-'));
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
    await registerSource(url, 'slow', SLOW);
    await post(`${url}/v1/call/slow`, { args: [0, 0, '/dev/null'] });
  });
  /** Two tasks and two at-most-once ones that run on the worker of both dispatchers: its room is shared evenly. */
  const occupy = async (file: string): Promise<string[]> => {
    // What is told of the worker is as old as a heartbeat, and may be what the test before had it do.
    await fleetIs(url, ({ items }) => items.length === 2 && items.every(({ busy }) => busy === 0));
    const options = [{}, {}, { at_most_once: true }, { at_most_once: true }];
    const tasks = options.map((one, n) => ({ function: 'slow', args: [n, 9, file], options: one }));
    const { body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, { tasks });
    await fleetIs(url, ({ items }) => items.some(({ busy }) => busy === 4));
    return body.task_ids;
  };
  const allEndWell = async (ids: string[], file: string): Promise<void> => {
    const ends = await endsOf(url, ids);
    expect(ids.map((id) => [ends.get(id)?.status, ends.get(id)?.value])).toEqual(ids.map((_, n) => ['COMPLETED', n]));
    // By their own account each began once. The record may tell of more attempts: one that was claimed ahead of the others' ends
    // comes back and is claimed anew.
    const begun = readFileSync(file, 'utf8').trim().split('\n').map(Number);
    expect(begun.sort()).toEqual(ids.map((_, n) => n));
    for (const id of ids) expect((await recordOf(url, id)).losses).toBe(0);
  };

  it('names what another has adopted to both, once the silent one is back', async () => {
    const file = join(data, 'silent');
    const ids = await occupy(file);
    first.signal('SIGSTOP');
    cleanups.push(() => first.signal('SIGCONT'));
    await second.says(/were adopted/);
    first.signal('SIGCONT');
    await allEndWell(ids, file);
  });

  it('hands what it runs for a dispatcher that dies to the other: nothing runs twice, at-most-once calls end well', async () => {
    const file = join(data, 'dies');
    const ids = await occupy(file);
    await first.kill();
    await allEndWell(ids, file);
  });
});

interface Fleet {
  items: { pid: number; state: string; dispatcher_id: string; busy: number }[];
  dispatchers: { dispatcher_id: string; pid: number }[];
}

/** A heartbeat and a report, and whatever a busy machine adds to them. */
const PATIENCE_MS = 20_000;

/** Resolves as soon as the fleet is what `right` says. */
async function fleetIs(url: string, right: (fleet: Fleet) => boolean): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const { body } = await get<Fleet>(`${url}/v1/workers`);
    if (right(body)) return;
    if (performance.now() > until) throw new Error(`not within ${PATIENCE_MS} ms: ${JSON.stringify(body)}`);
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
    await fleetIs(system.url, (fleet) => ready(fleet).join() === pids(system.workers).join());

    await system.workers[0]!.kill();
    const fresh = await system.startWorker();
    const now = [system.workers[1]!, fresh];
    // The dead one is shown as lost when its heartbeat is overdue, the new one at once.
    await fleetIs(system.url, (fleet) => ready(fleet).join() === pids(now).join());

    await system.dispatcher.kill();
    const successor = await system.startDispatcher();
    // Its workers are told at their next heartbeat to register anew; nobody is shown twice.
    await fleetIs(system.url, ({ items, dispatchers }) => {
      const alone = dispatchers.length === 1 && dispatchers[0]!.pid === successor.pid;
      return alone && items.length === 2 && ready({ items, dispatchers }).join() === pids(now).join();
    });

    await system.service.kill();
    await system.restartService();
    await fleetIs(system.url, (fleet) => ready(fleet).join() === pids(now).join());
  });
});
