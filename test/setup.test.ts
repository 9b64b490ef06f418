// From the tarball to the first results, as somebody who has just the machine: an empty folder, the system's own Node
// and npm, no root, a Python without pip and without dill.
import { execFileSync } from 'node:child_process';
import {
  accessSync,
  chownSync,
  constants,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { get, post, registerSource } from './harness/http.ts';
import { leftovers } from './harness/leftovers.ts';
import { root, run, type Program, type RunAs } from './harness/program.ts';
import { freePort, startRedis } from './harness/redis.ts';

const NOBODY: RunAs = { uid: 65_534, gid: 65_534 };
const user = process.getuid?.() === 0 ? NOBODY : {};
// The workspace's own folders of programs hold a newer Node: a user has none of them.
const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));

let home: string;
let folder: string;
let env: Record<string, string>;
let started: Program[] = [];

/** Runs a command as the user to its end and answers what it said; fails with that where it failed. */
async function done(command: string, args: string[], cwd = folder): Promise<string> {
  const program = run(command, args, env, cwd, user);
  expect(await program.ended, program.output()).toBe(0);
  return program.output();
}

/** Starts a program by the name that the installation gave it. */
function installed(program: string, args: string[], environment = env): Program {
  const one = run(join(folder, 'node_modules/.bin', program), args, environment, folder, user);
  started.push(one);
  return one;
}

function systemProgram(name: string): string {
  const found = path.map((one) => join(one, name)).find(isProgram);
  if (found === undefined) throw new Error(`There is no ${name} on PATH: install the packages nodejs and npm.`);
  return realpathSync(found);
}

/** Puts an older Node than ours first on the path: what newer one is needed comes along. */
async function olderNode(): Promise<void> {
  const major = Number(/^v(\d+)/.exec(execFileSync(systemProgram('node'), ['--version'], { encoding: 'utf8' }))?.[1]);
  if (major < 24) return;
  const prefix = join(home, 'older');
  mkdirSync(prefix);
  if (user.uid !== undefined) chownSync(prefix, user.uid, user.gid!);
  const name = `node-linux-${process.arch}`;
  await done('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', `${name}@20`]);
  env['PATH'] = [join(prefix, 'node_modules', name, 'bin'), ...path].join(delimiter);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'test-setup-'));
  folder = join(home, 'project');
  const python = join(home, 'python');
  mkdirSync(folder);
  cpSync(join(root, 'test/fixtures/bare_python'), python, { recursive: true });
  env = {
    HOME: home,
    PATH: path.join(delimiter),
    PYTHONPATH: python,
    npm_config_cache: join(home, '.npm'),
    npm_config_update_notifier: 'false',
  };
  execFileSync('npm', ['pack', '--pack-destination', home], { cwd: join(root, 'packages/server'), stdio: 'pipe' });
  if (user.uid !== undefined) for (const one of [home, folder, python]) chownSync(one, user.uid, user.gid!);
  await olderNode();
  expect(await done('node', ['--version'])).toMatch(/^v2[0-3]\./);
  await done('npm', ['init', '-y']);
  await done('npm', ['install', '--no-audit', '--no-fund', join(home, 'mpcsfaas-0.1.0.tgz')]);
}, 240_000);

afterEach(async () => {
  await Promise.all(started.map((program) => program.stop()));
  started = [];
  expect(await leftovers(home)).toEqual([]);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('the tarball', () => {
  it('brings its programs, and npx finds them', async () => {
    expect(await done('npx', ['--no-install', 'mpcsfaas', '--version'])).toMatch(/^0\.1\.0$/m);
    for (const name of ['mpcsfaas', 'task_dispatcher', 'pull_worker', 'push_worker'])
      expect(await done(join(folder, 'node_modules/.bin', name), ['--help'])).toContain(`Usage: ${name}`);
  });

  it('holds what runs and nothing else', async () => {
    const files = (await done('tar', ['-tzf', join(home, 'mpcsfaas-0.1.0.tgz')])).trim().split('\n');
    const kinds = new Set(files.map((file) => /[^./]+$/.exec(file)![0]));
    // The Python SDK's own: pyproject.toml, py.typed.
    expect([...kinds].sort()).toEqual(['LICENSE', 'js', 'json', 'lua', 'md', 'mjs', 'py', 'toml', 'typed']);
  });

  it('tells on this machine what there is', async () => {
    const findings = JSON.parse(await done(join(folder, 'node_modules/.bin/mpcsfaas'), ['doctor', '--json'])) as {
      what: string;
      ok: boolean;
      found: string;
    }[];
    expect(findings.find(({ what }) => what === 'Node')).toMatchObject({
      ok: true,
      found: expect.stringMatching(/^24\./) as string,
    });
    expect(findings.find(({ what }) => what === 'dill, cloudpickle')?.found).toBe('no dill, no cloudpickle');
  });
});

describe('up, the first time', () => {
  it('runs Python and JavaScript from source, and a function pickled with dill', { timeout: 120_000 }, async () => {
    // As long as a machine is bare: this Python has neither.
    for (const name of ['pip', 'ensurepip', 'dill', 'cloudpickle'])
      expect(await run('python3', ['-c', `import ${name}`], env, folder, user).ended, name).not.toBe(0);
    const apt = watchedApt();
    const up = installed('mpcsfaas', ['up', '--port', '0', '--data-dir', join(home, 'data')], apt.env);
    const [, url = ''] = await up.says(/ready at (http:\S+)/);

    await registerSource(url, 'add', 'def add(a, b):\n    return a + b\n');
    expect((await post(`${url}/v1/call/add`, { args: [1, 2] })).body).toBe(3);
    await registerSource(url, 'twice', 'export default (x: number): number => x * 2;', 'javascript');
    expect((await post(`${url}/v1/call/twice`, { args: [21] })).body).toBe(42);

    // The Python SDK's sources are in the package: the service makes its wheel from them.
    expect((await get<string>(`${url}/sdk/python/`)).body).toMatch(/mpcsfaas-[\d.]+-py3-none-any\.whl#sha256=/);

    const client = run('/usr/bin/python3', [join(root, 'test/fixtures/dill_client.py'), url]);
    expect(await client.ended, client.output()).toBe(0);
    const end = JSON.parse(client.output()) as { status: string; value: unknown };
    if (apt.downloaded()) {
      expect(end).toEqual({ status: 'COMPLETED', value: 42 });
    } else {
      // Neither pip nor a Debian mirror: pickled functions fail with what to do, and only they.
      console.warn('No Debian mirror is reachable from here: tested was what is said where dill cannot be brought.');
      expect(end.status).toBe('FAILED');
      expect(end.value).toMatch(/dill is not importable in .* and could not be brought: install it there/);
    }
    expect(await up.stop(), up.output()).toBe(0);
    expect(up.output()).not.toMatch(/\n\s+at /);
  });

  it('takes a Ctrl-C, which its launcher gets and passes on, for one', async () => {
    const up = installed('mpcsfaas', ['up', '--port', '0', '--json', '--data-dir', join(home, 'interrupted')]);
    const [, url = '', pid] = await up.says(/"url": "(http:[^"]+)"[^]*"pid": (\d+)/);
    await registerSource(url, 'nap', 'import time\ndef nap():\n    time.sleep(2)\n');
    const { body } = await post<{ task_id: string }>(`${url}/v1/tasks`, { function: 'nap' });
    await expect.poll(async () => (await get(`${url}/v1/tasks/${body.task_id}`)).body['started_at']).not.toBeNull();
    // As a terminal does: to each of them, which are one where the system's Node is new enough.
    for (const one of new Set([Number(pid), up.pid])) process.kill(one, 'SIGINT');
    // Ended at once it would say 1.
    expect(await up.ended, up.output()).toBe(0);
  });

  it('leaves no process when its launcher is killed', async () => {
    const up = installed('mpcsfaas', ['up', '--port', '0', '--data-dir', join(home, 'killed')]);
    const [, url = ''] = await up.says(/ready at (http:\S+)/);
    await registerSource(url, 'one', 'def one():\n    return 1\n');
    expect((await post(`${url}/v1/call/one`, {})).body).toBe(1);
    up.signal('SIGKILL');
    expect(await up.ended).toBe('SIGKILL');
  });
});

it('runs a service, a dispatcher and a worker on Redis', async () => {
  const redis = await startRedis('no-aof');
  const port = String(await freePort());
  const data = ['--data-dir', join(home, 'redis')];
  const service = installed('mpcsfaas', ['service', '--port', '0', '--redis', redis.url, '--json']);
  const dispatcher = run(
    join(folder, 'node_modules/.bin/task_dispatcher'),
    ['-m', 'push', '-p', port, ...data],
    { ...env, MPCSFAAS_REDIS: redis.url },
    folder,
    user,
  );
  started.push(dispatcher);
  await dispatcher.says(/is ready/);
  const worker = installed('push_worker', ['2', `tcp://127.0.0.1:${port}`, ...data]);
  await worker.says(/Registered/);
  const [, url = ''] = await service.says(/"url": "(http:[^"]+)"/);
  await registerSource(url, 'add', 'def add(a, b):\n    return a + b\n');
  expect((await post(`${url}/v1/call/add`, { args: [1, 2] })).body).toBe(3);
  // The worker first: each of them deregisters where somebody listens.
  for (const program of [worker, dispatcher, service]) expect(await program.stop(), program.output()).toBe(0);
  await redis.stop();
});

/** An environment whose apt-get is the machine's, and whether that brought what it was asked for: to ask the mirror once more may go otherwise. */
function watchedApt(): { env: Record<string, string>; downloaded: () => boolean } {
  const bin = join(home, 'apt');
  const code = join(bin, 'code');
  mkdirSync(bin);
  if (user.uid !== undefined) chownSync(bin, user.uid, user.gid!);
  const script = `#!/bin/sh
PATH=\${PATH#*:}
apt-get "$@" &
trap "kill $!" TERM
wait $!
code=$?
echo $code > ${code}
exit $code
`;
  writeFileSync(join(bin, 'apt-get'), script, { mode: 0o755 });
  return {
    env: { ...env, PATH: [bin, env['PATH']].join(delimiter) },
    // It throws where apt-get was never asked.
    downloaded: () => readFileSync(code, 'utf8') === '0\n',
  };
}
