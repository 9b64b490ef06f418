// The Python SDK: its own tests, under every Python here that has dill, against real systems; its examples; its wheel.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultServiceConfig } from '../packages/server/src/config/service.ts';
import { pythonWheelOf } from '../packages/server/src/service/python-wheel.ts';
import { startRig, type Rig } from '../packages/server/test/service/harness.ts';
import { root, run } from './harness/program.ts';
import { startSystem, type Form, type System } from './harness/system.ts';

const SDK = join(root, 'python');
const SYSTEM_PYTHON = '/usr/bin/python3';
const KEY = 'k'.repeat(43);

/** Every python3.x on PATH that has dill; the system's first, and each version once. */
const PYTHONS = [SYSTEM_PYTHON, ...onPath(/^python3\.\d+$/)].filter(
  (() => {
    const seen = new Set<string>();
    return (python: string): boolean => {
      const { status, stdout } = spawnSync(python, ['-c', 'import dill, sys; print("%d.%d" % sys.version_info[:2])'], {
        encoding: 'utf8',
      });
      if (status !== 0 || seen.has(stdout)) return false;
      seen.add(stdout);
      return true;
    };
  })(),
);

function onPath(pattern: RegExp): string[] {
  return (process.env['PATH'] ?? '')
    .split(':')
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => pattern.test(name))
        .map((name) => join(folder, name)),
    );
}

const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** Runs a program to its end, of the SDK here unless `env` says another; what it wrote is the message where it fails. */
async function passes(command: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const program = run(command, args, { PYTHONPATH: SDK, PYTHONDONTWRITEBYTECODE: '1', ...env });
  expect(await program.ended, program.output()).toBe(0);
  return program.output();
}

const ON_EACH_FORM = ['test_executor', 'test_shown', 'test_client', 'test_aclient', 'test_cuts', 'test_bounds'];
const ONCE = [
  'test_classes',
  'test_pickling',
  'test_bad_days',
  'test_closed',
  'test_connection',
  'test_streams',
  'test_submits',
  'test_forks',
  'test_progress',
  'test_contract',
  'test_backoff',
];
// They sleep most of their time: by parts they sleep at the same time.
const ITS_OWN_CASES = [
  'test_standard_library ShutdownTest ExecutorTest FutureTest',
  'test_standard_library AsCompletedTest',
  'test_standard_library WaitTest',
];

/** Of CPython: a package of their own, which only the system's Python is sure to have. */
function itsOwnCases(python: string): string[] {
  const asks = 'import sys, test_standard_library as t; sys.exit(not t.are_here)';
  const env = { ...process.env, PYTHONPATH: `${SDK}:${join(SDK, 'tests')}`, PYTHONDONTWRITEBYTECODE: '1' };
  if (python === SYSTEM_PYTHON || spawnSync(python, ['-c', asks], { env }).status === 0) return ITS_OWN_CASES;
  console.warn(`CPython's own cases for executors are not run with ${python}, which has no package of them.`);
  return [];
}

const SUITES = PYTHONS.flatMap((python): [Form, string, string[]][] => [
  ['embedded local', python, [...ON_EACH_FORM, ...ONCE, ...itsOwnCases(python)]],
  ['redis push', python, ON_EACH_FORM],
]);

describe.each(SUITES)('%s, %s', (form, python, modules) => {
  let system: System;
  /** For what is cut short where few calls run at a time. */
  let small: System;
  let keyed: Rig;

  beforeAll(async () => {
    // Byte code travels: the workers run the caller's Python.
    system = await startSystem({ form, workers: 1, slots: 10, python });
    const cutsShort = modules.some((words) => words.includes('ShutdownTest'));
    small = cutsShort ? await startSystem({ form: 'embedded local', workers: 1, slots: 4, python }) : system;
    const limits = { ...defaultServiceConfig.limits, maxArgsBytes: 10_000, maxQueuedTasks: 5 };
    keyed = await startRig({ config: { requireKeys: true, limits }, firstKey: KEY });
  });
  afterAll(async () => {
    await keyed.stop();
    await Promise.all([...new Set([system, small])].map((one) => one.stop()));
  });

  // They wait for calls that sleep, more than they compute.
  it.concurrent.each(modules)(
    '%s',
    async (words) => {
      const [module, ...classes] = words.split(' ');
      const { url } = classes.includes('ShutdownTest') ? small : system;
      const env = { MPCSFAAS_URL: url, MPCSFAAS_KEYED_URL: keyed.url, MPCSFAAS_KEYED_KEY: KEY };
      const told = await passes(python, [join(SDK, 'tests', `${module!}.py`), ...classes], env);
      expect(told).toMatch(/^Ran [1-9]/m);
    },
    120_000,
  );
});

describe.each<Form>(['embedded local', 'redis push'])('%s: a service that is stopped and started again', (form) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ form, workers: 1, slots: 4 });
  });
  afterAll(() => system.stop());

  it('has every future of an executor end', async () => {
    const env = { PYTHONPATH: SDK, PYTHONDONTWRITEBYTECODE: '1', MPCSFAAS_URL: system.url };
    const program = run(SYSTEM_PYTHON, ['-c', OUTLIVES], env);
    await program.says(/^40 are outstanding$/m);
    await system.service.stop();
    await program.says(/^more are submitted$/m);
    await system.restartService();
    expect(await program.ended, program.output()).toBe(0);
    expect(program.output()).toMatch(/^all 60 have ended$/m);
  });
});

/** Calls that outlive their service, and more that are submitted while nobody is there. */
const OUTLIVES = `
import time
from mpcsfaas import Client, Executor, errors

def nap(n):
    time.sleep(0.2)
    return n

def is_away():
    try:
        client.version()
    except (errors.ServiceUnreachable, errors.ServiceUnavailableError):
        return True

with Executor() as ex, Client(patience=0) as client:
    futures = [ex.submit(nap, n) for n in range(40)]
    while not all(future.task_id for future in futures):
        time.sleep(0.01)
    print("40 are outstanding", flush=True)
    while not is_away():
        time.sleep(0.01)
    assert not all(future.done() for future in futures)
    futures += [ex.submit(nap, n) for n in range(40, 60)]
    print("more are submitted", flush=True)
    assert [future.result(60) for future in futures] == list(range(60))
    print("all 60 have ended")
`;

describe('for whoever begins', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ form: 'embedded local', workers: 1, slots: 4 });
  });
  afterAll(() => system.stop());

  describe('the examples', () => {
    it.concurrent.each([
      ['hello.py', /^hello, Ada\n.*Ada and Grace/s],
      ['monte_carlo_pi.py', /^π ≈ 3\.1\d+ from 4,000,000 points/m],
      ['text_pipeline.py', /^ *\d+ +the$/m],
      ['scraper.py', /^12 pages read, \d+ links; 2 could not be read/m],
      // The second definition of a function is the one that runs then.
      ['notebook_like.py', /^ *setosa +5\.0(?=.*looking at setosa).*^largest: \[5\.3, 7\.0, 7\.1\]/ms],
    ])('%s', async (file, tells) => {
      const told = await passes(SYSTEM_PYTHON, [join(root, 'examples/python', file)], { MPCSFAAS_URL: system.url });
      expect(told).toMatch(tells);
    });
  });

  describe('the wheel', () => {
    const folder = mkdtempSync(join(tmpdir(), 'test-wheel-'));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const contents = async (wheel: string): Promise<Record<string, string>> =>
      JSON.parse(await passes(SYSTEM_PYTHON, ['-c', READ, wheel], {})) as Record<string, string>;

    it('that the service makes holds what setuptools puts into its own', async () => {
      for (const name of ['pyproject.toml', 'README.md', 'LICENSE', 'mpcsfaas'])
        cpSync(join(SDK, name), join(folder, name), { recursive: true });
      const build = 'from setuptools import build_meta as b; b.build_sdist("dist"); b.build_wheel("dist")';
      const built = run(SYSTEM_PYTHON, ['-c', build], {}, folder);
      expect(await built.ended, built.output()).toBe(0);
      expect(readdirSync(join(folder, 'dist')).sort()).toEqual([
        'mpcsfaas-0.1.0-py3-none-any.whl',
        'mpcsfaas-0.1.0.tar.gz',
      ]);
      const theirs = await contents(join(folder, 'dist/mpcsfaas-0.1.0-py3-none-any.whl'));
      const { file, bytes } = pythonWheelOf(SDK);
      writeFileSync(join(folder, file), bytes);
      const ours = await contents(join(folder, file));
      expect(ours).toEqual(theirs);
      expect(ours['mpcsfaas-0.1.0.dist-info/LICENSE']).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'));
      const sources = spawnSync('tar', ['-tzf', join(folder, 'dist/mpcsfaas-0.1.0.tar.gz')], {
        encoding: 'utf8',
      }).stdout;
      expect(sources).toMatch(/^mpcsfaas-0\.1\.0\/LICENSE$/m);
    });

    it('is handed out by its name', () => {
      const { file } = pythonWheelOf(SDK);
      for (const page of ['README.md', 'docs/python.md', 'docs/migrating.md', 'python/README.md'])
        expect(textOf(page), page).toContain(`pip install http://127.0.0.1:8000/sdk/python/${file}`);
    });

    describe('in a virtual environment', () => {
      const place = join(folder, 'project');
      /** pip asks the service alone: dill, which it would take from PyPI, is the system's here. */
      const done = (script: string): Promise<string> =>
        passes('bash', ['-ec', `mkdir -p '${place}' && cd '${place}'\n${script}`], {
          ...{ PYTHONPATH: '', PIP_NO_INDEX: '1', PIP_NO_CACHE_DIR: '1' },
          MPCSFAAS_URL: system.url,
        });

      beforeAll(async () => {
        const [lines = 'false'] = /^python3 -m venv .*\npip install .*$/m.exec(textOf('docs/python.md')) ?? [];
        const ours = lines.replace('python3 -m venv', `${SYSTEM_PYTHON} -m venv --system-site-packages`);
        await done(ours.replace('http://127.0.0.1:8000', system.url));
      }, 120_000);

      it('installs from a running service by the lines of the documentation, and works', async () => {
        const told = await done(`. .venv/bin/activate\npython3 '${join(root, 'examples/python/hello.py')}'`);
        expect(told).toMatch(/^hello, Ada/);
      });

      it('takes the place of one that the service is too old for by the line that says so', async () => {
        const newer = join(folder, 'newer');
        for (const name of ['pyproject.toml', 'README.md', 'LICENSE', 'mpcsfaas'])
          cpSync(join(SDK, name), join(newer, name), { recursive: true });
        const project = readFileSync(join(newer, 'pyproject.toml'), 'utf8');
        writeFileSync(join(newer, 'pyproject.toml'), project.replace(/^version = .*$/m, 'version = "9.0.0"'));
        const { file, bytes } = pythonWheelOf(newer);
        writeFileSync(join(place, file), bytes);
        const told = await done(`. .venv/bin/activate
          pip install --force-reinstall --no-deps ./${file}
          python3 -c '${VERSION}'
          $(python3 -c '${TOO_OLD}' | grep -o 'pip install .*')
          python3 -c '${VERSION}'`);
        expect(told).toMatch(/^it is 9\.0\.0\n[^]*^it is 0\.1\.0\n$/m);
      }, 120_000);
    });
  });
});

/** Prints which version of the SDK is installed. */
const VERSION = `
from importlib.metadata import version
print("it is", version("mpcsfaas"))
`;

/** Prints what is told of a service that does not know what it was asked for. */
const TOO_OLD = `
import json, os
from mpcsfaas.connection import Address, Answer
from mpcsfaas.refusals import refusal
problem = json.dumps({"type": "urn:mpcsfaas:error:route_not_found", "code": "route_not_found", "status": 404})
print(refusal(Address(os.environ["MPCSFAAS_URL"]), Answer(404, {}, problem.encode()), "GET", "/v1/new"))
`;

/** Prints a wheel's files with their contents; of its own information what pip acts on, in any order. */
const READ = String.raw`
import json, re, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
assert wheel.testzip() is None
texts = {name: wheel.read(name).decode() for name in wheel.namelist()}
for name, text in texts.items():
    if name.endswith('METADATA'):
        head, _, body = text.partition('\n\n')
        head = re.sub(r' \((.*)\)', r'\1', head)
        texts[name] = '\n'.join(sorted(head.splitlines())) + '\n\n' + body
    elif name.endswith('WHEEL'):
        texts[name] = re.sub('Generator: .*', '', text).strip()
    elif name.endswith('RECORD'):
        texts[name] = '\n'.join(sorted(line.split(',')[0] for line in text.split()))
print(json.dumps(texts))
`;
