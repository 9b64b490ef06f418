// What an end means: every row of the table in docs/state-machine.md on real programs, in the record, in the result and in
// the exception that a classic client unpickles. Hand-back and drain stand in drain.test.ts, a runner that cannot start in
// breaker.test.ts, those whose worker or dispatcher goes away in losses.test.ts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endsOf, get, post, recordOf, registerSource, type Attempt, type Ended } from './harness/http.ts';
import { root, run } from './harness/program.ts';
import { startSystem, type Form, type System } from './harness/system.ts';

const MiB = 2 ** 20;
const LIMITS = ['--max-result-bytes', '2MiB', '--max-args-bytes', '2MiB'];

/** Python functions; each is registered by its own name. */
const PYTHON = {
  fine: 'def fine(n):\n    return n + 1\n',
  raises: 'def raises():\n    raise KeyError("no such thing")\n',
  raises_much: 'def raises_much():\n    raise ValueError("much", "x" * 3000000)\n',
  hangs: 'def hangs():\n    while True:\n        pass\n',
  hogs: 'def hogs():\n    return len(bytearray(10 ** 9))\n',
  unloadable: 'import not_there_at_all\ndef unloadable():\n    return 1\n',
  generates: 'def generates():\n    yield 1\n',
  holds_a_frame: 'import sys\ndef holds_a_frame():\n    return [sys._getframe()]\n',
  not_json: 'def not_json():\n    return {"deep": [1, 2j]}\n',
  large: 'def large():\n    return "x" * 3000000\n',
  exits: 'import os\ndef exits():\n    os._exit(3)\n',
  killed: 'import os, signal\ndef killed():\n    os.kill(os.getpid(), signal.SIGKILL)\n',
  segfaults: 'import ctypes\ndef segfaults():\n    ctypes.string_at(0)\n',
  // Adds a byte for each start: the fourth one is right.
  fourth: `
def fourth(path):
    with open(path, "ab") as file:
        file.write(b".")
        if file.tell() < 4:
            raise ConnectionResetError("not yet")
    return "at last"
`,
  // Its first life begins before this time and ends after it.
  outlives: `
import datetime, os, time
def outlives(path, when):
    first = not os.path.exists(path)
    open(path, "ab").close()
    if not first:
        return "again"
    until = datetime.datetime.strptime(when + "+0000", "%Y-%m-%dT%H:%M:%S.%fZ%z").timestamp()
    while time.time() <= until:
        time.sleep(0.01)
    os._exit(9)
`,
  third_life: `
import os
def third_life(path):
    with open(path, "ab") as file:
        file.write(b".")
        file.flush()
        if file.tell() < 3:
            os._exit(9)
    return "alive"
`,
};
/** As classic clients send them, by value: a code object made by a Python whose code objects have other fields. */
const PICKLES = { of_another_python: 'ctypes\nCodeType\n(I1\ntR.' };
const JAVASCRIPT = {
  js_raises: 'export default function js_raises() { throw new RangeError("too far"); }',
  js_hangs: 'export default function js_hangs() { for (;;); }',
  js_exits: 'export default function js_exits() { process.exit(4); }',
  js_cycle: 'export default function js_cycle() { const a = {}; a.a = a; return a; }',
};

interface Row {
  what: string;
  function: keyof typeof PYTHON | keyof typeof PICKLES | keyof typeof JAVASCRIPT;
  args?: unknown[];
  /** In place of `args`: a pickle. */
  pickle?: string;
  options?: object;
  status: 'COMPLETED' | 'FAILED' | 'CANCELED';
  value?: unknown;
  /** Of the error. */
  kind?: string;
  type?: string;
  message?: RegExp;
  details?: object;
  /** Claims that began, losses, and why attempts came to nothing. */
  attempts: [attempt: number, losses: number, reasons: string[]];
  /** What a classic client unpickles: the exception's type and text. */
  classic?: [type: string, text: RegExp];
}

const QUICKLY = { max_retries: 3, backoff_ms: 20, max_backoff_ms: 50 };
const ONCE: Row['attempts'] = [1, 0, []];
const THREE_LOSSES: Row['attempts'] = [3, 3, ['lost', 'lost', 'lost']];

function rows(folder: string): Row[] {
  const file = (name: string): string => join(folder, name);
  const failed = (
    what: string,
    fn: Row['function'],
    kind: string,
    type: string,
    message: RegExp,
    classic: Row['classic'] & {},
    more: Partial<Row> = {},
  ): Row => ({ what, function: fn, status: 'FAILED', kind, type, message, classic, attempts: ONCE, ...more });
  const pickle = { result_as: 'both' };
  return [
    { what: 'returns', function: 'fine', args: [1], status: 'COMPLETED', value: 2, attempts: ONCE },
    failed('raises', 'raises', 'raised', 'KeyError', /no such thing/, ['KeyError', /no such thing/]),
    failed('raises, as a pickle', 'raises', 'raised', 'KeyError', /no such thing/, ['KeyError', /no such thing/], {
      options: pickle,
    }),
    failed(
      'raises more than a result may have, as a pickle',
      'raises_much',
      'raised',
      'ValueError',
      /much/,
      ['ValueError', /much/],
      { options: pickle },
    ),
    {
      what: "raises, and the user's policy names it by a base: it runs again until it is right",
      function: 'fourth',
      args: [file('fourth')],
      options: { retry: { ...QUICKLY, on: ['OSError'] } },
      status: 'COMPLETED',
      value: 'at last',
      attempts: [4, 0, ['retry', 'retry', 'retry']],
    },
    failed(
      'raises more often than its policy allows',
      'fourth',
      'raised',
      'ConnectionResetError',
      /not yet/,
      ['ConnectionResetError|RuntimeError', /not yet/],
      { args: [file('too often')], options: { retry: { ...QUICKLY, max_retries: 1 } }, attempts: [2, 0, ['retry']] },
    ),
    failed(
      'raises what its policy does not name',
      'fourth',
      'raised',
      'ConnectionResetError',
      /not yet/,
      ['ConnectionResetError|RuntimeError', /not yet/],
      { args: [file('unnamed')], options: { retry: { ...QUICKLY, on: ['ValueError'] } } },
    ),
    failed('hangs', 'hangs', 'timed_out', 'TimeoutError', /time limit of 400 ms/, ['TimeoutError', /400 ms/], {
      options: { timeout_ms: 400, retry: QUICKLY },
      details: { timeout_ms: 400 },
    }),
    failed('hogs memory', 'hogs', 'memory_exceeded', 'MemoryError', /memory_bytes/, ['MemoryError', /memory_bytes/], {
      options: { memory_bytes: 300 * MiB },
      details: { limit_bytes: 300 * MiB },
    }),
    failed('cannot be loaded', 'unloadable', 'load_failed', 'ModuleNotFoundError', /not_there_at_all.*--python-path/s, [
      'ModuleNotFoundError',
      /not_there_at_all/,
    ]),
    failed(
      'was pickled by another Python',
      'of_another_python',
      'version_mismatch',
      'RuntimeError',
      /another Python version and this worker runs Python 3\.\d+: .*--python/,
      ['RuntimeError', /another Python version/],
    ),
    failed(
      'does not take its arguments',
      'fine',
      'raised',
      'TypeError',
      /positional argument/,
      ['TypeError', /positional argument/],
      { args: [1, 2, 3] },
    ),
    failed(
      'has arguments that cannot be loaded',
      'fine',
      'load_failed',
      'ModuleNotFoundError',
      /not_there_at_all/,
      ['ModuleNotFoundError', /not_there_at_all/],
      { pickle: 'cnot_there_at_all\nthing\n.' },
    ),
    failed('is a generator', 'generates', 'result_not_serializable', 'TypeError', /return a list/, [
      'TypeError',
      /return a list/,
    ]),
    failed(
      'returns what cannot be pickled',
      'holds_a_frame',
      'result_not_serializable',
      'TypeError',
      /frame/,
      ['TypeError', /frame/],
      { options: { result_as: 'pickle' } },
    ),
    failed('returns what is no JSON', 'not_json', 'result_not_json', 'TypeError', /deep.*complex/, [
      'TypeError',
      /deep/,
    ]),
    failed(
      'returns too much',
      'large',
      'result_too_large',
      'ValueError',
      /--max-result-bytes/,
      ['ValueError', /--max-result-bytes/],
      { details: { limit_bytes: expect.any(Number) as number } },
    ),
    failed(
      'ends its runner',
      'exits',
      'lost',
      'WorkerLost',
      /exit code 3/,
      ['RuntimeError', /^WorkerLost: [^\n]*exit code 3[^\n]*([^]*\nattempt \d+ on worker [^\n]*exit code 3){3}/],
      { attempts: THREE_LOSSES, details: { exit_code: 3 } },
    ),
    failed(
      'is killed as the kernel kills',
      'killed',
      'lost',
      'WorkerLost',
      /SIGKILL.*out of memory/,
      ['RuntimeError', /SIGKILL/],
      { attempts: THREE_LOSSES, details: { signal: 'SIGKILL' } },
    ),
    failed('crashes', 'segfaults', 'lost', 'WorkerLost', /SIGSEGV/, ['RuntimeError', /SIGSEGV/], {
      options: { max_attempts: 1 },
      attempts: [1, 1, ['lost']],
      details: { signal: 'SIGSEGV' },
    }),
    failed('crashes, at most once', 'exits', 'lost', 'WorkerLost', /exit code 3/, ['RuntimeError', /exit code 3/], {
      options: { at_most_once: true },
      attempts: [1, 1, ['lost']],
      details: { exit_code: 3 },
    }),
    {
      what: 'ends its runner twice and is right at last',
      function: 'third_life',
      args: [file('lives')],
      status: 'COMPLETED',
      value: 'alive',
      attempts: [3, 2, ['lost', 'lost']],
    },
    failed(
      'is not started by expires_at',
      'fine',
      'expired',
      'TaskExpired',
      /expires_at/,
      ['TimeoutError', /expires_at/],
      { args: [1], options: { labels: ['nowhere'], expires_at: 'SOON' }, attempts: [0, 0, []] },
    ),
    {
      what: 'is started by expires_at, and lost after it: it runs again',
      function: 'outlives',
      args: [file('outlives'), 'LATER'],
      options: { expires_at: 'LATER', priority: 100 },
      status: 'COMPLETED',
      value: 'again',
      attempts: [2, 1, ['lost']],
    },
    failed('JavaScript throws', 'js_raises', 'raised', 'RangeError', /too far/, [
      'RuntimeError',
      /RangeError: too far/,
    ]),
    failed('JavaScript hangs', 'js_hangs', 'timed_out', 'TimeoutError', /400 ms/, ['TimeoutError', /400 ms/], {
      options: { timeout_ms: 400 },
      details: { timeout_ms: 400 },
    }),
    failed(
      'JavaScript ends its runner',
      'js_exits',
      'lost',
      'WorkerLost',
      /exit code 4/,
      ['RuntimeError', /exit code 4/],
      {
        options: { max_attempts: 2 },
        attempts: [2, 2, ['lost', 'lost']],
        details: { exit_code: 4 },
      },
    ),
    failed('JavaScript returns a circle', 'js_cycle', 'result_not_json', 'TypeError', /circular|itself/i, [
      'TypeError',
      /./,
    ]),
  ];
}

/** Why attempts that began came to nothing. */
const COUNTED = new Set(['lost', 'retry']);

type TaskError = Ended['error'] & { attempts?: Attempt[]; details: object };

/** What a classic client has of each: the type and the text of the exception that it unpickled. */
async function classically(url: string, ids: readonly string[]): Promise<[type: string, text: string][]> {
  const client = run('/usr/bin/python3', [join(root, 'test/fixtures/classic_ends.py'), url, ...ids]);
  expect(await client.ended, client.output()).toBe(0);
  return JSON.parse(client.output()) as [string, string][];
}

describe.each(['redis push', 'redis pull', 'embedded push', 'embedded pull', 'embedded local'] as Form[])(
  '%s',
  (form) => {
    let system: System;
    let folder: string;
    /** Of what has no name to be called by. */
    const ids = new Map<string, string>();
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'test-ends-'));
      system = await startSystem({ form, workers: 2, slots: 2, args: LIMITS });
      for (const [name, source] of Object.entries(PYTHON)) await registerSource(system.url, name, source);
      for (const [name, pickle] of Object.entries(PICKLES)) {
        const payload = Buffer.from(pickle).toString('base64');
        const { body } = await post<{ function_id: string }>(`${system.url}/register_function`, { name, payload });
        ids.set(name, body.function_id);
      }
      for (const [name, source] of Object.entries(JAVASCRIPT)) {
        await registerSource(system.url, name, source, 'javascript');
      }
    });
    afterAll(async () => {
      await system.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('each row of the table', async () => {
      const { url } = system;
      const table = rows(folder);
      const moment = (ms: number): string => JSON.stringify(new Date(Date.now() + ms).toISOString());
      const [soon, later] = [moment(1000), moment(4000)];
      const tasks = JSON.parse(
        JSON.stringify(
          table.map(({ function: fn, args = [], pickle, options = {} }) => ({
            function: ids.get(fn) ?? fn,
            ...(pickle === undefined ? { args } : { args_pickle: Buffer.from(pickle).toString('base64') }),
            options,
          })),
        )
          .replaceAll('"SOON"', soon)
          .replaceAll('"LATER"', later),
      ) as object[];
      const { status, body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, { tasks });
      expect(status, JSON.stringify(body)).toBe(201);
      const { task_ids } = body;
      const ends = await endsOf(url, task_ids);
      const classic = await classically(url, task_ids);
      for (const [at, row] of table.entries()) {
        const end = ends.get(task_ids[at]!)!;
        const kept = await recordOf(url, task_ids[at]!);
        const where = `${row.what}: ${JSON.stringify(end)}`;
        expect([end.status, end.error?.kind, end.error?.type], where).toEqual([row.status, row.kind, row.type]);
        if (row.status === 'COMPLETED') expect(end.value, where).toEqual(row.value);
        if (row.message) expect(end.error!.message, where).toMatch(row.message);
        if (row.details) expect((end.error as TaskError).details, where).toMatchObject(row.details);
        // Beside hanging ones some are given back unbegun, uncharged: those attempts are not of the table.
        const reasons = kept.attempts.map(({ reason }) => reason).filter((reason) => COUNTED.has(reason));
        const begun = kept.attempt - (kept.attempts.length - reasons.length);
        expect([begun, kept.losses, reasons], where).toEqual(row.attempts);
        // The end of a failed task tells by itself what the record does.
        if (row.status === 'FAILED') {
          expect((end.error as TaskError).attempts ?? [], where).toEqual(kept.attempts);
        }
        if (row.classic) {
          const [type, text] = classic[at]!;
          expect(type, where).toMatch(new RegExp(`^(${row.classic[0]})$`));
          expect(text, where).toMatch(row.classic[1]);
        }
      }
    });

    it('a retry that waits for its pause is DELAYED, and says until when', async () => {
      const { url } = system;
      const { body } = await post<{ task_id: string }>(`${url}/v1/tasks`, {
        function: 'raises',
        args: [],
        // With full jitter a pause may be short: many of an hour at most are not all.
        options: { retry: { max_retries: 50, backoff_ms: 3_600_000, max_backoff_ms: 3_600_000 } },
      });
      const delayed = (): Promise<unknown> =>
        get<{ status: string }>(`${url}/v1/tasks/${body.task_id}`).then((r) => r.body);
      await expect.poll(delayed).toMatchObject({
        status: 'DELAYED',
        waits: { reason: 'delayed' },
        attempts: [{ reason: 'retry', message: expect.stringMatching(/KeyError/) as string }],
      });
      expect((await post(`${url}/v1/tasks/${body.task_id}/cancel`, {})).status).toBe(200);
      const end = (await endsOf(url, [body.task_id])).get(body.task_id)!;
      expect([end.status, end.error?.kind]).toEqual(['CANCELED', 'canceled']);
      expect((await classically(url, [body.task_id]))[0]).toEqual(['RuntimeError', expect.stringMatching(/^Canceled/)]);
    });

    it('what is canceled ends so, whether it waits or runs', async () => {
      const { url } = system;
      const submitted = async (fn: string, options: object): Promise<string> =>
        (await post<{ task_id: string }>(`${url}/v1/tasks`, { function: fn, args: [], options })).body.task_id;
      const waiting = await submitted('hangs', { labels: ['nowhere'] });
      const running = await submitted('hangs', { timeout_ms: 600_000 });
      const status = async (id: string): Promise<string> => (await recordOf(url, id)).status;
      await expect.poll(() => status(running)).toBe('RUNNING');
      expect(await status(waiting)).toBe('QUEUED');
      for (const id of [waiting, running]) {
        expect((await post(`${url}/v1/tasks/${id}/cancel`, {})).status).toBe(200);
        const end = (await endsOf(url, [id])).get(id)!;
        expect([end.status, end.error?.kind]).toEqual(['CANCELED', 'canceled']);
        // Once more is no conflict: that is how it ended.
        expect((await post(`${url}/v1/tasks/${id}/cancel`, {})).status).toBe(200);
      }
      for (const told of await classically(url, [waiting, running]))
        expect(told).toEqual(['RuntimeError', expect.stringMatching(/^Canceled/)]);
      // The slot that hung is free again.
      const { body } = await post<{ task_id: string }>(`${url}/v1/tasks`, { function: 'fine', args: [1] });
      expect((await endsOf(url, [body.task_id])).get(body.task_id)?.value).toBe(2);
    });
  },
);
