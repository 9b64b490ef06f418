// The programs' lives: how they start, where they look, what their signals do, and Redis that is there or not.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { get, post, registerSource } from '../../../../test/harness/http.ts';
import { freePort, startRedis, type RedisServer } from '../../../../test/harness/redis.ts';
import { blockedPort, mpcsfaas, program, start, takenPort, type RunningProgram } from './harness.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../../..');
const PYTHON = ['--python', '/usr/bin/python3'];
const URL_IN = /"url": "(http:[^"]+)"/;

let folder: string;
let redis: RedisServer | undefined;
let running: RunningProgram[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'test-cli-'));
});
afterEach(async () => {
  for (const one of running) one.signal('SIGKILL');
  await Promise.all(running.map((one) => one.ended));
  running = [];
  await redis?.stop();
  redis = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a program that the end of the test ends. */
function begin(name: string, args: string[], env: Record<string, string> = {}): RunningProgram {
  const one = program(name, args, env, folder);
  running.push(one);
  return one;
}

const up = (...args: string[]): RunningProgram =>
  begin('mpcsfaas', ['up', '--port', '0', '--json', ...PYTHON, '--data-dir', join(folder, 'data'), ...args]);

async function urlOf(one: RunningProgram): Promise<string> {
  return (await one.says(URL_IN))[1]!;
}

/** A function that says in one file that it began and in another that it ended. */
const NAP = `
import pathlib, time
def nap(folder, seconds):
    pathlib.Path(folder, "began").touch()
    time.sleep(seconds)
    pathlib.Path(folder, "ended").touch()
`;

async function beginNap(url: string, seconds: number): Promise<string> {
  await registerSource(url, 'nap', NAP);
  const { body } = await post<{ task_id: string }>(`${url}/v1/tasks`, { function: 'nap', args: [folder, seconds] });
  await expect.poll(() => existsSync(join(folder, 'began')), { interval: 10 }).toBe(true);
  return body.task_id;
}

describe('signals', () => {
  it('SIGTERM finishes what runs', async () => {
    const one = up();
    await beginNap(await urlOf(one), 1);
    one.signal('SIGTERM');
    expect((await one.ended).code).toBe(0);
    expect(existsSync(join(folder, 'ended'))).toBe(true);
  });

  it.each(['embedded', 'redis'])(
    'SIGTERM: who waits for what runs gets it, new calls are refused (%s)',
    async (store) => {
      if (store === 'redis') redis = await startRedis();
      const one = up(...(redis ? ['--redis', redis.url] : []));
      const url = await urlOf(one);
      const id = await beginNap(url, 2);
      const waits = [
        get<{ status: string }>(`${url}/v1/tasks/${id}/result?wait_ms=60000`),
        post<{ results: unknown[] }>(`${url}/v1/results`, { task_ids: [id], wait_ms: 60_000 }),
      ] as const;
      one.signal('SIGTERM');
      await one.says(/a second signal cuts that short/);
      const refused = await post<{ code: string }>(`${url}/v1/call/nap`, { args: [folder, 0] });
      expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
        503,
        'shutting_down',
        '1',
      ]);
      expect((await get(`${url}/readyz`)).body).toMatchObject({
        status: 503,
        detail: expect.stringMatching(/told to end/) as string,
      });
      expect((await get(`${url}/v1/tasks/${id}`)).body).toMatchObject({ status: 'RUNNING' });
      const [single, many] = await Promise.all(waits);
      expect([single.status, single.body.status]).toEqual([200, 'COMPLETED']);
      expect(many.body.results).toHaveLength(1);
      expect((await one.ended).code).toBe(0);
    },
  );

  it('a second SIGTERM cuts the grace time: what runs is handed back', async () => {
    const one = up();
    const id = await beginNap(await urlOf(one), 600);
    one.signal('SIGTERM');
    await one.says(/a second signal cuts that short/);
    one.signal('SIGTERM');
    expect((await one.ended).code).toBe(1);
    // Without a slot it stays where it is.
    const next = up('--mode', 'push', '--worker-port', String(await freePort()));
    const { body } = await get<{ status: string; losses: number; attempts: { reason: string }[] }>(
      `${await urlOf(next)}/v1/tasks/${id}`,
    );
    expect(body).toMatchObject({ status: 'QUEUED', losses: 0, attempts: [{ reason: 'drain' }] });
  });

  it('in the middle of the start is heard, too', async () => {
    // A Redis that accepts and never answers: the start waits for it.
    const { port, server } = await takenPort();
    const connected = new Promise((resolve) => server.once('connection', resolve));
    const one = up('--redis', `redis://127.0.0.1:${port}`);
    await connected;
    one.signal('SIGTERM');
    expect((await one.ended).code).toBe(0);
    expect(one.stdout()).toBe('');
    server.close();
  });
});

describe('output that nobody reads any more', () => {
  it('does not end a program', async () => {
    const bin = join(root, 'packages/server/bin/mpcsfaas.mjs');
    const line = `"${process.execPath}" "${bin}" up --port 0 --json --python /usr/bin/python3 --data-dir "${folder}/data" & echo $!`;
    const shell = start('sh', ['-c', `(${line}) | head -4`], {}, folder);
    running.push(shell);
    const [, pid = ''] = await shell.says(/^(\d+)$/m);
    const [, url = ''] = await shell.says(URL_IN);
    // head has gone with its four lines.
    expect((await get(`${url}/healthz`)).status).toBe(200);
    process.kill(Number(pid), 'SIGTERM');
    await expect.poll(() => existsSync(`/proc/${pid}`)).toBe(false);
  });
});

describe('npm start', () => {
  /** As typed in a folder of the user's, under a shell. */
  const npmStart = (): RunningProgram => {
    const args = ['--prefix', root, 'start', '--silent', '--', '--port', '0', '--json', ...PYTHON];
    const one = start('npm', [...args, '--data-dir', join(folder, 'data')], {}, folder, true);
    running.push(one);
    return one;
  };

  it('passes options on, and functions find modules where it was typed', async () => {
    writeFileSync(join(folder, 'mine.py'), 'def double(x):\n    return x * 2\n');
    const one = npmStart();
    const url = await urlOf(one);
    const byReference = Buffer.from('cmine\ndouble\n.').toString('base64');
    const { body } = await post<{ function_id: string }>(`${url}/register_function`, {
      name: 'double',
      payload: `${byReference}\n`,
    });
    expect((await post(`${url}/v1/call/${body.function_id}`, { args: [21] })).body).toBe(42);
    one.signal('SIGTERM');
    await one.ended;
  });

  it('a shell of npm that ends without a word takes the program along', async () => {
    // What npx starts: the shell stays between npm and the program, and passes no signal on.
    const bin = join(root, 'packages/server/bin/mpcsfaas.mjs');
    const line = `"${process.execPath}" "${bin}" up --port 0 --json --python /usr/bin/python3 --data-dir "${folder}"; exit`;
    const shell = start('sh', ['-c', line], { npm_lifecycle_event: 'npx' }, folder);
    running.push(shell);
    const pid = Number((await shell.says(/"pid": (\d+)/))[1]);
    shell.signal('SIGTERM');
    try {
      // Its streams close when the program, too, is gone.
      await expect(shell.ended).resolves.toMatchObject({
        stderr: expect.stringMatching(/SIGHUP: finishing/) as string,
      });
    } finally {
      if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
    }
  });

  it('every path is meant from where it was typed, on the line and in the environment', async () => {
    mkdirSync(join(folder, 'lib'));
    writeFileSync(join(folder, 'lib', 'ours.py'), 'def triple(x):\n    return x * 3\n');
    symlinkSync('/usr/bin/python3', join(folder, 'py'));
    writeFileSync(join(folder, 'k'), 'a-worker-key-of-sixteen');
    const typed = ['--port', '0', '--json', '--mode', 'local', '--data-dir', 'kept', '--worker-key-file', 'k'];
    const env = { MPCSFAAS_PYTHON_PATH: 'lib', MPCSFAAS_PYTHON: './py' };
    const one = start('npm', ['--prefix', root, 'start', '--silent', '--', ...typed], env, folder, true);
    running.push(one);
    const url = await urlOf(one);
    expect(existsSync(join(folder, 'kept', 'store.db'))).toBe(true);
    const byReference = Buffer.from('cours\ntriple\n.').toString('base64');
    const { body } = await post<{ function_id: string }>(`${url}/register_function`, {
      name: 'triple',
      payload: `${byReference}\n`,
    });
    expect((await post(`${url}/v1/call/${body.function_id}`, { args: [14] })).body).toBe(42);
    one.signal('SIGTERM');
    await one.ended;
    // A key file that is read from elsewhere would be missing.
    const push = [
      '--port',
      '0',
      '--mode',
      'push',
      '--worker-port',
      '0',
      '--data-dir',
      'kept',
      '--worker-key-file',
      'k',
    ];
    const keyed = start('npm', ['--prefix', root, 'start', '--silent', '--', '--json', ...push], env, folder, true);
    running.push(keyed);
    await urlOf(keyed);
    keyed.signal('SIGTERM');
    await keyed.ended;
  });

  it('Ctrl-C finishes what runs', async () => {
    const one = npmStart();
    await beginNap(await urlOf(one), 1.5);
    process.kill(-one.pid, 'SIGINT');
    await one.ended;
    expect(existsSync(join(folder, 'ended')), one.stderr()).toBe(true);
  });
});

it('a data directory that another has', async () => {
  const first = up();
  const url = await urlOf(first);
  const { code, stdout, stderr } = await up().ended;
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(
    /^mpcsfaas: The data directory \S+ is in use by another mpcsfaas process: [^\n]+ --data-dir\.\n$/,
  );
  expect((await get(`${url}/healthz`)).status).toBe(200);
});

it('keys: the greeting and the refusals say how to call', async () => {
  const key = 'a-first-key-of-at-least-32-characters';
  const args = ['up', '--port', '0', '--host', '0.0.0.0', '--require-keys', ...PYTHON, '--data-dir', folder];
  const one = begin('mpcsfaas', args, { MPCSFAAS_API_KEY: key });
  const [, url = ''] = await one.says(/is ready at (http:\S+)[^]*call\/add .*\n/);
  expect(url).not.toContain('0.0.0.0');
  expect(one.stdout().match(/ -H "authorization: Bearer \$MPCSFAAS_API_KEY"/g)).toHaveLength(2);
  expect((await get(`${url}/v1/functions`, { authorization: `Bearer ${key}` })).status).toBe(200);
  expect((await mpcsfaas(['fn', 'ls', '--url', url])).stderr).toMatch(/wants an API key: give it with --api-key or/);
  const wrong = await mpcsfaas(['fn', 'ls', '--url', url, '--api-key', 'nonsense']);
  expect(wrong.stderr).toMatch(/does not know this API key: give a valid one with --api-key or MPCSFAAS_API_KEY/);
});

it('a folder of --python-path that is none is told once', async () => {
  const one = up('--python-path', 'lib,gone');
  await one.says(/Functions will find no modules in \S+\/lib, \S+\/gone: no such folder; correct --python-path/);
  await urlOf(one);
  expect(one.stderr().match(/find no modules/g)).toHaveLength(1);
});

describe('classic command lines, on a Redis', () => {
  it.each([
    ['local', undefined],
    ['pull', 'pull_worker'],
    ['push', 'push_worker'],
  ])('task_dispatcher -m %s', async (mode, workerName) => {
    redis = await startRedis('no-aof');
    const env = { MPCSFAAS_REDIS: redis.url, MPCSFAAS_DATA_DIR: folder, MPCSFAAS_PYTHON: '/usr/bin/python3' };
    const port = String(await freePort());
    const dispatcher = begin('task_dispatcher', ['-m', mode, '-p', port, '-w', '2', '--json'], env);
    await dispatcher.says(/"dispatcher": "/);
    const worker = workerName === undefined ? undefined : begin(workerName, ['2', `tcp://127.0.0.1:${port}`], env);
    const service = begin('mpcsfaas', ['service', '--port', '0', '--json'], env);
    const url = await urlOf(service);
    await registerSource(url, 'add', 'def add(a, b):\n    return a + b\n');
    expect((await mpcsfaas(['call', 'add', '1', '2', '--url', url])).stdout).toBe('3\n');
    const { body } = await get<{ items: { mode: string; slots: number }[] }>(`${url}/v1/workers`);
    expect(body.items).toMatchObject([{ mode, slots: 2 }]);
    for (const one of [worker, dispatcher, service]) {
      if (one === undefined) continue;
      one.signal('SIGTERM');
      expect((await one.ended).code, one.stderr()).toBe(0);
    }
  });
});

describe('service --processes', () => {
  const childrenOf = (pid: number): number[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

  it('serves one port from several, replaces one that dies, and ends with all of them', async () => {
    redis = await startRedis('no-aof');
    const service = begin('mpcsfaas', ['service', '--port', '0', '--json', '--processes', '2', '--redis', redis.url]);
    const url = await urlOf(service);
    const both = childrenOf(service.pid);
    expect(both).toHaveLength(2);
    process.kill(both[0]!, 'SIGKILL');
    await service.says(/service process \d+ has ended \(SIGKILL\)/);
    expect((await get(`${url}/healthz`)).status).toBe(200);
    await expect.poll(() => childrenOf(service.pid).length).toBe(2);
    const now = childrenOf(service.pid);
    expect(now).not.toContain(both[0]);
    service.signal('SIGTERM');
    expect((await service.ended).code).toBe(0);
    expect(now.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });

  it('tells once why it cannot start', async () => {
    redis = await startRedis('no-aof');
    const { port, server } = await takenPort();
    const args = ['service', '--port', String(port), '--processes', '3', '--redis', redis.url];
    const said = await mpcsfaas([...args, '--log-level', 'silent']);
    server.close();
    expect(said.code).toBe(1);
    expect(said.stderr).toMatch(/^mpcsfaas: Port \d+ on 127.0.0.1 is taken by another program[^\n]*\n$/);
  });
});

describe('a Redis that is away at the start', () => {
  const key = 'a-first-key-of-at-least-32-characters';

  it.each([[[]], [['--require-keys']]])('up %j answers 503 and goes on by itself when it comes', async (more) => {
    redis = await startRedis('no-aof');
    await redis.kill();
    const env: Record<string, string> = more.length > 0 ? { MPCSFAAS_API_KEY: key } : {};
    const one = begin(
      'mpcsfaas',
      ['up', '--port', '0', '--json', '--redis', redis.url, ...PYTHON, '--data-dir', folder, ...more],
      env,
    );
    const url = await urlOf(one);
    expect(one.stderr()).toMatch(
      /Redis cannot be reached[^"]*Waiting for redis:\/\/127\.0\.0\.1:\d+: calls are answered 503/,
    );
    expect((await get(`${url}/healthz`)).status).toBe(200);
    expect((await get(`${url}/readyz`)).status).toBe(503);
    const headers = { authorization: `Bearer ${key}` };
    expect(await get(`${url}/v1/functions`, headers)).toMatchObject({
      status: 503,
      body: { code: 'store_unavailable', detail: expect.stringMatching(/goes on by itself/) as string },
    });
    await redis.restart();
    await expect.poll(async () => (await get(`${url}/v1/functions`, headers)).status).toBe(200);
    const source = 'def add(a, b):\n    return a + b\n';
    await post(`${url}/v1/functions`, { name: 'add', runtime: 'python', source }, headers);
    expect((await post(`${url}/v1/call/add`, { args: [1, 2] }, headers)).body).toBe(3);
    one.signal('SIGTERM');
    expect((await one.ended).code).toBe(0);
  });

  it('up says that it waits, and not that it is ready', async () => {
    redis = await startRedis('no-aof');
    await redis.kill();
    const one = begin('mpcsfaas', ['up', '--port', '0', '--redis', redis.url, ...PYTHON, '--data-dir', folder]);
    await one.says(/serves http:\S+ and waits for its store: calls are answered 503 until it is there\n/);
    await one.says(/call\/add /);
    expect(one.stdout()).not.toMatch(/is ready/);
  });

  it('a dispatcher and its worker, too', async () => {
    redis = await startRedis('no-aof');
    await redis.kill();
    const port = String(await freePort());
    const data = ['--data-dir', folder, ...PYTHON];
    const dispatcher = begin('mpcsfaas', ['dispatcher', '-m', 'push', '-p', port, '--redis', redis.url, ...data]);
    await dispatcher.says(
      /Dispatcher \S+ waits for its store, and is ready \(push\) for workers at \S+ once that is there\./,
    );
    await begin('mpcsfaas', ['worker', 'push', `127.0.0.1:${port}`, '-w', '1', ...data]).says(/Registered/);
    await redis.restart();
    const url = await urlOf(begin('mpcsfaas', ['service', '--port', '0', '--json', '--redis', redis.url]));
    await registerSource(url, 'one', 'def one():\n    return 1\n');
    expect((await post(`${url}/v1/call/one`, {})).body).toBe(1);
  });
});

describe('doctor', () => {
  interface Finding {
    what: string;
    ok: boolean;
    found: string;
    advice: string;
  }
  const doctor = async (...args: string[]): Promise<{ code: unknown; of: (what: string) => Finding | undefined }> => {
    const ports = ['--port', String(await freePort()), '--worker-port', String(await freePort())];
    const { code, stdout } = await mpcsfaas(['doctor', '--json', '--data-dir', folder, ...ports, ...args]);
    const findings = JSON.parse(stdout) as Finding[];
    return { code, of: (what) => findings.find((one) => one.what === what) };
  };

  it('all is well: a Redis is there, and is left as it was', async () => {
    redis = await startRedis('no-aof');
    const { code, of } = await doctor(...PYTHON, '--redis', redis.url);
    expect(of('Redis')).toMatchObject({ ok: true, found: expect.stringMatching(/redis \d+\./) as string });
    expect(of('Python')).toMatchObject({ ok: true });
    expect(of('dill, cloudpickle')?.found).toMatch(/dill \d.*cloudpickle \d/);
    expect(code).toBe(0);
    const client = new Redis(redis.url);
    expect(await client.dbsize()).toBe(0);
    client.disconnect();
  });

  it('a Python that is none', async () => {
    writeFileSync(join(folder, 'silent'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    writeFileSync(join(folder, 'chatty'), '#!/bin/sh\necho hello\n', { mode: 0o755 });
    const doctor = ['doctor', '--port', '0', '--worker-port', '0', '--data-dir', folder, '--python'];
    expect((await mpcsfaas([...doctor, './silent'], {}, folder)).stdout).toMatch(
      /→ \S+\/silent does not work as a Python \(it ends with exit code 3\): name another with --python\n/,
    );
    expect((await mpcsfaas([...doctor, './chatty'], {}, folder)).stdout).toMatch(
      /chatty does not work as a Python \(it does not answer as a Python\): name another with --python\n/,
    );
  });

  it('a Redis that is away, a Python that is missing', async () => {
    const { code, of } = await doctor(
      '--python',
      '/nowhere/python3',
      '--redis',
      `redis://:secret@127.0.0.1:${await freePort()}`,
    );
    expect(code).toBe(1);
    expect(of('Python')).toMatchObject({ ok: false, advice: expect.stringContaining('correct --python') as string });
    expect(of('Redis')).toMatchObject({ ok: false, found: expect.stringContaining('ECONNREFUSED') as string });
    expect(of('Redis')?.found).not.toContain('secret');
  });

  it('a port that another program has, and one that is served by us', async () => {
    const { port, server } = await takenPort();
    const mine = await urlOf(up());
    const { code, of } = await doctor(...PYTHON, '--port', new URL(mine).port, '--worker-port', String(port));
    expect(code).toBe(1);
    expect(of('REST API')).toMatchObject({ ok: true, found: expect.stringMatching(/is served by mpcsfaas/) as string });
    expect(of('workers (pull, push)')).toMatchObject({
      ok: false,
      advice: expect.stringContaining('--worker-port') as string,
    });
    server.close();
  });

  it('a service of ours at a port that browsers refuse', async () => {
    const port = String(await blockedPort());
    const one = begin('mpcsfaas', ['up', '--port', port, '--json', ...PYTHON, '--data-dir', join(folder, 'data')]);
    const url = await urlOf(one);
    const { of } = await doctor(...PYTHON, '--port', port);
    expect(of('REST API')).toMatchObject({ ok: true, found: expect.stringMatching(/is served by mpcsfaas/) as string });
    expect((await mpcsfaas(['fn', 'ls', '--json', '--url', url])).stdout).toMatch(/"items": \[\]/);
  });

  it('in words', async () => {
    const { stdout } = await mpcsfaas(['doctor', ...PYTHON, '--data-dir', folder]);
    expect(stdout).toMatch(/^ok {2}mpcsfaas +\d/m);
    expect(stdout).toMatch(/^ok {2}Python +3\.\d+\.\d+ \//m);
  });
});

it.each(['push', 'pull'])('a %s worker that is given a dispatcher by two addresses serves it once', async (mode) => {
  const port = String(await freePort());
  const url = await urlOf(up('--mode', mode, '--worker-port', port));
  const addresses = [`127.0.0.1:${port}`, `tcp://127.0.0.1:${port}/`, `localhost:${port}`];
  const worker = begin('mpcsfaas', ['worker', mode, ...addresses, '-w', '1', ...PYTHON, '--data-dir', folder]);
  await worker.says(/registers with tcp:\/\/127\.0\.0\.1:\d+, tcp:\/\/localhost:\d+\./);
  await worker.says(/are one and the same/);
  await beginNap(url, 3);
  await registerSource(url, 'one', 'def one():\n    return 1\n');
  expect((await post(`${url}/v1/call/one`, {})).body).toBe(1);
  const said = worker.stderr();
  // Where the other's registration has ended its session, the one that stays has registered anew, once.
  expect(said.match(/Registered with/g)!.length).toBeLessThanOrEqual(2);
  expect(said.match(/one and the same/g)).toHaveLength(1);
});
