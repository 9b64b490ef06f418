// Functions that kill, hang, hog and close: each fails with its reason, neighbours and later calls are right, and no
// process outlives its system, however that ends.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { endsOf, post, registerSource, type Ended } from './harness/http.ts';
import { leftovers, marked, type Leftover } from './harness/leftovers.ts';
import { root, type Program } from './harness/program.ts';
import { startSystem, type Form, type System } from './harness/system.ts';

const FIXTURES = join(root, 'packages/server/test/runner/fixtures');
const MiB = 2 ** 20;

let system: System | undefined;
afterEach(async () => {
  const mark = system?.dataDir;
  await system?.stop();
  system = undefined;
  if (mark !== undefined) expect(await leftovers(mark)).toEqual([]);
});

/** What each does, how it fails, and which words tell why. */
const HOSTILE: [file: string, options: object, kind: string, why: RegExp][] = [
  ['exits', {}, 'lost', /exit code 3/],
  ['segfaults', {}, 'lost', /SIGSEGV/],
  ['ignores_sigterm', { timeout_ms: 1500 }, 'timed_out', /time limit of 1500 ms/],
  ['hogs_memory', { memory_bytes: 300 * MiB }, 'memory_exceeded', /limit.*memory_bytes/],
  ['closes_everything', {}, 'lost', /closed/],
];

async function register(url: string, file: string): Promise<string> {
  return registerSource(url, file, readFileSync(join(FIXTURES, `${file}.py`), 'utf8'));
}

async function submit(url: string, tasks: object[]): Promise<string[]> {
  const { status, body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, { tasks });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.task_ids;
}

const SANE = 'def sane(n):\n    return n + 1\n';
const neighbours = Array.from({ length: 20 }, (_, n) => ({ function: 'sane', args: [n] }));

function expectSane(ids: readonly string[], ends: ReadonlyMap<string, Ended>): void {
  expect(ids.map((id) => ends.get(id)?.value)).toEqual(ids.map((_, n) => n + 1));
}

const FORMS: Form[] = ['redis push', 'embedded local'];

describe.each(FORMS)('%s', (form) => {
  it('fails each with its reason; neighbours and what comes next are right', async () => {
    system = await startSystem({ form, workers: 2, slots: 2 });
    const { url } = system;
    await registerSource(url, 'sane', SANE);
    for (const [file] of HOSTILE) await register(url, file);
    // Hostile ones in the middle of sane ones, all at once.
    const bad = HOSTILE.map(([file, options]) => ({ function: file, args: [], options }));
    const ids = await submit(url, [...neighbours, ...bad, ...neighbours]);
    const ends = await endsOf(url, ids);
    expectSane(ids.slice(0, 20), ends);
    expectSane(ids.slice(20 + bad.length), ends);
    for (const [at, [file, , kind, why]] of HOSTILE.entries()) {
      const end = ends.get(ids[20 + at]!);
      expect([file, end?.status, end?.error?.kind]).toEqual([file, 'FAILED', kind]);
      expect(end?.error?.message).toMatch(why);
    }
    // Each slot once more, and more than once.
    const next = await submit(url, neighbours);
    expectSane(next, await endsOf(url, next));
  });
});

describe('no process is left', () => {
  /** Starts calls that never end, one of them with a child of its own, and waits until they run. */
  const occupy = async (form: Form, grace = '30s'): Promise<System> => {
    const brief = ['--grace', grace];
    system = await startSystem({
      form,
      workers: 1,
      ...(form === 'embedded local' ? { args: brief } : { workerArgs: brief }),
    });
    const { url, dataDir } = system;
    await register(url, 'ignores_sigterm');
    const child = `
import subprocess, sys, time
def parent():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "${dataDir}/child"], start_new_session=True)
    time.sleep(600)
`;
    await registerSource(url, 'parent', child);
    await submit(url, [
      { function: 'ignores_sigterm', args: [] },
      { function: 'parent', args: [] },
    ]);
    await expect.poll(() => marked(`${dataDir}/child`).length, { interval: 20 }).toBeGreaterThan(0);
    return system;
  };
  /** The owner of the runners: `up`, or the worker. */
  const owner = ({ workers, service }: System): Program => workers[0] ?? service;
  /** What is left of the owner, its runners and their children. */
  const left = async ({ dataDir, workers }: System): Promise<Leftover[]> => [
    ...(await leftovers(`${dataDir}/${workers.length > 0 ? 'worker' : 'up'}`)),
    ...(await leftovers(`${dataDir}/child`)),
  ];

  it.each(FORMS)('SIGTERM, then a second one: %s', async (form) => {
    const running = await occupy(form);
    const program = owner(running);
    program.signal('SIGTERM');
    await program.says(/a second signal cuts that short/);
    program.signal('SIGTERM');
    expect(await program.ended).toBe(1);
    expect(await left(running)).toEqual([]);
  });

  it.each(FORMS)('SIGTERM, grace over: %s', async (form) => {
    const running = await occupy(form, '300ms');
    const program = owner(running);
    expect(await program.stop()).toBe(0);
    expect(await left(running)).toEqual([]);
  });

  it.each(FORMS)('SIGKILL: %s', async (form) => {
    const running = await occupy(form);
    await owner(running).kill();
    expect(await left(running)).toEqual([]);
  });
});
