// The options of a task at the shell: what `call` and `map` say of their tasks, and `fn register` for all calls.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '@mpcsfaas/contract';
import { together, type Said } from './harness.ts';
import { startCliService, type CliService } from './service.ts';

let service: CliService;
beforeAll(async () => {
  const source = `import time
def double(x):
    return x * 2
def nap(seconds):
    time.sleep(seconds)
def fail(path):
    with open(path, "a") as file:
        file.write("begun\\n")
    raise FileNotFoundError("gone")
`;
  service = await startCliService(source, ['double', 'nap', 'fail']);
});
afterAll(() => service.stop());

const register = (...args: string[]): Promise<string> => service.done('fn', 'register', 'tools.py:double', ...args);

/** The task of a call that ends well, as `task show` tells it. */
async function taskOf(...args: string[]): Promise<Task> {
  const { task_id: id } = (await service.json('call', ...args)) as { task_id: string };
  return (await service.json('task', 'show', id)) as Task;
}

/** A call that is not waited for: what it says, and its task, which is canceled. */
async function waitingTask(...args: string[]): Promise<{ said: Said; task: Task }> {
  const said = await service.cli('call', ...args);
  const [, id = ''] = /task ([0-9a-f-]{36})/.exec(said.stderr) ?? [];
  const task = (await service.json('task', 'show', id)) as Task;
  await service.done('task', 'cancel', id);
  return { said, task };
}

const ALL = [
  ...['--priority', '-5', '--timeout', '90s', '--memory', '256MiB', '--max-attempts', '5', '--isolation', 'task'],
  ...['--retries', '2', '--retry-backoff', '10ms', '--retry-on', 'OSError', '--retry-on', 'KeyError'],
  ...['--result-ttl', '1h', '--tag', 'a', '--tag', 'b,c'],
];
const ALL_TOLD = {
  ...{ priority: -5, timeout_ms: 90_000, memory_bytes: 256 * 1024 ** 2, max_attempts: 5, isolation: 'task' },
  ...{ result_ttl_ms: 3_600_000, tags: ['a', 'b', 'c'] },
  retry: { max_retries: 2, backoff_ms: 10, factor: 2, max_backoff_ms: 60_000, on: ['OSError', 'KeyError'] },
};

describe('call', () => {
  it("each option is the task's", async () => {
    const { options } = await taskOf('double', '2', ...ALL, '--group', 'g');
    expect(options).toMatchObject({ ...ALL_TOLD, at_most_once: false, group: 'g', labels: [], result_as: 'json' });
    expect((await taskOf('double', '2', '--at-most-once', '--timeout', '0')).options).toMatchObject({
      ...{ at_most_once: true, timeout_ms: 0, retry: null },
    });
  });

  it('without options the defaults are those that the help tells', async () => {
    expect((await taskOf('double', '2')).options).toMatchObject({
      ...{ priority: 0, memory_bytes: 0, max_attempts: 3, isolation: 'warm', labels: [], tags: [], group: '' },
      ...{ retry: null, at_most_once: false, not_before: null, expires_at: null },
    });
    const { options } = await taskOf('double', '2', '--retries', '1');
    expect(options.retry).toMatchObject({ max_retries: 1, backoff_ms: 1000, on: [] });
  });

  it('its time limit ends it', async () => {
    const { code, stdout, stderr } = await service.cli('call', 'nap', '600', '--timeout', '100ms');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^mpcsfaas: The call failed, timed_out: [^\n]*100 ?ms[^\n]* \(task [0-9a-f-]{36}\)\n$/);
  });

  it.each([
    [['--retries', '2', '--retry-backoff', '1ms'], 3],
    [['--retries', '2', '--retry-backoff', '1ms', '--retry-on', 'ValueError'], 1],
    [['--retries', '2', '--retry-backoff', '1ms', '--retry-on', 'ValueError,OSError'], 3],
    [[], 1],
  ])('%j: it runs %i times', async (options, times) => {
    const path = join(service.folder, `runs${options.length}${times}`);
    expect((await service.cli('call', 'fail', path, ...options)).stderr).toMatch(/FileNotFoundError: gone/);
    expect(readFileSync(path, 'utf8')).toBe('begun\n'.repeat(times));
  });

  it('that may start later is waited for where the wait is longer', async () => {
    const task = await taskOf('double', '2', '--delay', '300ms', '--expires', '10m');
    const [submitted, began] = [Date.parse(task.submitted_at), Date.parse(task.started_at!)];
    expect(began - submitted).toBeGreaterThanOrEqual(250);
    expect(Date.parse(task.options.expires_at!) - submitted).toBeGreaterThan(590_000);
  });

  it('that may start only after the wait tells at once when, and how to go on', async () => {
    const began = performance.now();
    const { said, task } = await waitingTask('double', '2', '--delay', '1h', '--tag', 'later');
    expect(performance.now() - began).toBeLessThan(50_000);
    expect(task).toMatchObject({ status: 'DELAYED', options: { tags: ['later'] } });
    expect(Date.parse(task.options.not_before!) - Date.parse(task.submitted_at)).toBeGreaterThan(3_590_000);
    const id = task.task_id;
    expect(said).toEqual({
      code: 3,
      stdout: '',
      stderr: `mpcsfaas: The call has not ended yet; it goes on as task ${id}: \`mpcsfaas task result ${id}\` waits for it. It may start at ${task.options.not_before}.\n`,
    });
  });

  it('under a key of its own it is one task, however often', async () => {
    const first = await taskOf('double', '2', '--idempotency-key', 'order 17', '--tag', 'x');
    expect((await taskOf('double', '2', '--idempotency-key', 'order 17', '--tag', 'x')).task_id).toBe(first.task_id);
    const other = await service.cli('call', 'double', '3', '--idempotency-key', 'order 17', '--tag', 'x');
    expect([other.code, other.stdout]).toEqual([1, '']);
    expect(other.stderr).toMatch(
      new RegExp(
        `^mpcsfaas: This Idempotency-Key came before with other content, as task ${first.task_id}\\.[^\n]*\n$`,
      ),
    );
  });
});

describe('map', () => {
  it('each option is that of all its tasks', async () => {
    writeFileSync(join(service.folder, 'in'), '1\n2\n');
    expect(await service.done('map', 'double', 'in', ...ALL, '--tag', 'mapped', '--expires', '10m')).toBe('2\n4\n');
    const { items } = (await service.json('task', 'ls', '--tag', 'mapped')) as { items: Task[] };
    expect(items).toHaveLength(2);
    for (const { options, submitted_at: at } of items) {
      expect(options).toMatchObject({ ...ALL_TOLD, tags: [...ALL_TOLD.tags, 'mapped'] });
      expect(Date.parse(options.expires_at!)).toBeGreaterThan(Date.parse(at));
    }
  });

  it('times are counted from when a line is submitted', async () => {
    const map = 'mpcsfaas map double lines --tag counted --expires 10m > out & exec 3> lines; echo 1 >&3';
    const line = `mkfifo lines; ${map}; until [ -s out ]; do sleep 0.05; done; echo 2 >&3; exec 3>&-; wait $!; cat out`;
    expect(await service.shell(line)).toEqual({ code: 0, stdout: '2\n4\n', stderr: '' });
    const { items } = (await service.json('task', 'ls', '--tag', 'counted')) as { items: Task[] };
    const [second, first] = items.map(({ options }) => Date.parse(options.expires_at!));
    expect(second).toBeGreaterThan(first!);
  });
});

describe('fn register', () => {
  it('what it says holds for calls that do not', async () => {
    await register('--as', 'fixed', ...ALL);
    const fn = (await service.json('fn', 'show', 'fixed')) as { options: object };
    expect(fn.options).toEqual(ALL_TOLD);
    expect((await taskOf('fixed', '2')).options).toMatchObject(ALL_TOLD);
    const own = ['--priority', '7', '--retries', '1', '--tag', 'own', '--isolation', 'warm', '--timeout', '0'];
    expect((await taskOf('fixed', '2', ...own)).options).toMatchObject({
      ...ALL_TOLD,
      ...{ priority: 7, isolation: 'warm', tags: ['own'], timeout_ms: 0 },
      retry: { max_retries: 1, backoff_ms: 1000, on: [] },
    });
  });

  it('other options are another version, the same are none', async () => {
    expect(await register('--as', 'versioned', '--timeout', '1m')).toMatch(/^versioned@1 registered/);
    expect(await register('--as', 'versioned', '--timeout', '60s')).toMatch(/^versioned@1 is unchanged/);
    expect(await register('--as', 'versioned')).toMatch(/^versioned@2 registered/);
  });

  it('at most once, unless a call says otherwise', async () => {
    await register('--as', 'once', '--at-most-once');
    expect((await taskOf('once', '2')).options.at_most_once).toBe(true);
    const { options } = await taskOf('once', '2', '--no-at-most-once', '--retries', '1');
    expect(options).toMatchObject({ at_most_once: false, retry: { max_retries: 1 } });
    const refused = await service.cli('call', 'once', '2', '--retries', '1');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/^mpcsfaas: [^\n]*whose function runs at most once[^\n]*\n$/),
    ]);
  });

  it('labels say who may run its calls', async () => {
    await register('--as', 'labeled', '--label', 'gpu=a100', '--label', 'big');
    const { task } = await waitingTask('labeled', '2', '--wait', '0');
    expect(task).toMatchObject({ status: 'QUEUED', options: { labels: ['gpu=a100', 'big'] } });
  });
});

describe('what makes no sense is one sentence, before anything is asked', () => {
  const all = ['call', 'map', 'fn register'];
  const tasks = ['call', 'map'];
  const faults: [string[], string[], string | RegExp][] = [
    ...['101', '-101', '1.5', 'high', ''].map((text): [string[], string[], RegExp] => [
      all,
      [`--priority=${text}`],
      /'--priority <n>' argument '.*' is invalid\. Give a whole number from -100 to 100, in decimal digits\./,
    ]),
    [all, ['--timeout', 'soon'], /'--timeout <time>' argument 'soon' is invalid\. Give a duration such as 90s/],
    [all, ['--timeout', '367d'], /Give at most 8784h\./],
    [all, ['--memory', 'much'], /Give a size such as 64MiB/],
    [all, ['--memory', '1048577g'], /Give at most 1048576GiB\./],
    [all, ['--max-attempts', '0'], /Give a whole number from 1 to 1000/],
    [all, ['--retries', '1001'], /Give a whole number from 0 to 1000/],
    [all, ['--retry-backoff', '1s'], '--retry-backoff is for retries: say how many with --retries.'],
    [all, ['--retry-on', 'OSError'], '--retry-on is for retries: say how many with --retries.'],
    [
      all,
      ['--at-most-once', '--retries', '1'],
      '--at-most-once and --retries exclude each other: a retry is a second start.',
    ],
    [all, ['--result-ttl', '9s'], /Give at least 10s\./],
    [all, ['--tag', ''], /'--tag <tag>' argument '' is invalid\. Give a tag\./],
    [all, ['--tag', 'x'.repeat(129)], /Give a tag of 1 to 128 characters\./],
    [all, ['--label', Array(17).fill('x').join()], /Give it 16 times at most\./],
    [all, ['--isolation', 'cold'], /Allowed choices are warm, task\./],
    [tasks, ['--delay', 'later'], /Give a duration such as/],
    [tasks, ['--expires', '0'], /Give at least 1ms\./],
    [
      tasks,
      ['--delay', '2s', '--expires', '2s'],
      '--expires must be more than --delay: it would end before the moment at which it may start.',
    ],
    [tasks, ['--group', ''], /Give a group of 1 to 128 characters\./],
    [['fn register'], ['--delay', '1s'], /unknown option '--delay'/i],
    [['fn register', 'map'], ['--idempotency-key', 'k'], /unknown option '--idempotency-key'/i],
    [['call'], ['--idempotency-key', ''], /Give a key of 1 to 255 ASCII characters\./],
    [['call'], ['--idempotency-key', 'kö'], /Give a key of 1 to 255 ASCII characters\./],
    [
      ['call'],
      ['--idempotency-key', 'k', '--delay', '1s'],
      '--idempotency-key goes with neither --delay nor --expires: they count from now, which makes another call of a repeat.',
    ],
  ];
  const lines = faults.flatMap(([commands, options, sentence]) =>
    commands.map((command) => ({ command, options, sentence })),
  );
  let said: Said[];
  beforeAll(async () => {
    // Whoever asked a service would be told that there is none.
    const env = { MPCSFAAS_URL: 'http://127.0.0.1:1' };
    said = await together(
      lines.map(({ command, options }) => ({
        program: 'mpcsfaas',
        args: [...command.split(' '), 'f', ...(command === 'map' ? ['-'] : []), ...options],
        env,
      })),
    );
  });

  it.each(lines.map((line, at) => [line.command, line.options, line.sentence, at] as const))(
    '%s %j',
    (_command, _options, sentence, at) => {
      const { code, stdout, stderr } = said[at]!;
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^mpcsfaas: [^\n]+\n$/);
      if (typeof sentence === 'string') expect(stderr).toBe(`mpcsfaas: ${sentence}\n`);
      else expect(stderr).toMatch(sentence);
    },
  );
});
