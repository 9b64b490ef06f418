// The Python SDK: its own tests, under every Python here that has dill, against real systems; its examples; its wheel.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultServiceConfig } from '../packages/server/src/config/service.ts';
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
      const { status, stdout } = spawnSync(
        python,
        ['-c', 'import dill, sys; print("%d.%d" % sys.version_info[:2])'],
        { encoding: 'utf8' },
      );
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

/** Runs a Python program to its end; what it wrote is the message where it fails. */
async function passes(python: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const program = run(python, args, { PYTHONPATH: SDK, PYTHONDONTWRITEBYTECODE: '1', ...env });
  expect(await program.ended, program.output()).toBe(0);
  return program.output();
}

const ON_EACH_FORM = ['test_executor', 'test_client', 'test_cuts'];
const ONCE = ['test_pickling', 'test_bad_days', 'test_standard_library', 'test_progress'];

describe.each<[Form, string[]]>([
  ['embedded local', [...ON_EACH_FORM, ...ONCE]],
  ['redis push', ON_EACH_FORM],
])('%s', (form, modules) => {
  let system: System;
  let keyed: Rig;

  beforeAll(async () => {
    system = await startSystem({ form, workers: 1, slots: 6 });
    keyed = await startRig({
      config: {
        requireKeys: true,
        limits: { ...defaultServiceConfig.limits, maxArgsBytes: 10_000, maxQueuedTasks: 5 },
      },
      firstKey: KEY,
    });
  });
  afterAll(async () => {
    await keyed.stop();
    await system.stop();
  });

  describe.each(PYTHONS)('%s', (python) => {
    // They wait for calls that sleep, more than they compute.
    it.concurrent.each(modules)('%s', async (module) => {
      const env = { MPCSFAAS_URL: system.url, MPCSFAAS_KEYED_URL: keyed.url, MPCSFAAS_KEYED_KEY: KEY };
      await passes(python, [join(SDK, 'tests', `${module}.py`)], env);
    });
  });
});
