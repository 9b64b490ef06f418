// fn, call and task against a service that runs.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mpcsfaas, program, start, type RunningProgram, type Said } from './harness.ts';

/** The pickle of the builtin `len`, as a classic client registers a function. */
const CLASSIC = Buffer.from('\x80\x02c__builtin__\nlen\n.', 'latin1').toString('base64');

let folder: string;
let up: RunningProgram;
let env: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'test-cli-'));
  up = program('mpcsfaas', ['up', '--port', '0', '--json', '--python', '/usr/bin/python3', '--data-dir', folder]);
  const [, url = ''] = await up.says(/"url": "(http:[^"]+)"/);
  env = { MPCSFAAS_URL: url };
  writeFileSync(
    join(folder, 'tools.py'),
    `import time
def add(a, b=10):
    return a + b
def greet(name, excited=False):
    return "Hello, " + name + ("!" if excited else ".")
def fail():
    raise ValueError("no such luck")
def say(text):
    return text
def scream(text):
    raise ValueError(text)
def nap(seconds):
    time.sleep(seconds)
    return "rested"
`,
  );
  writeFileSync(join(folder, 'greet.ts'), 'export default (name: string, n: number): string => name.repeat(n);\n');
  for (const name of ['add', 'greet', 'fail', 'say', 'scream', 'nap']) await done('fn', 'register', `tools.py:${name}`);
});
afterAll(async () => {
  up.signal('SIGTERM');
  expect((await up.ended).code, up.stderr()).toBe(0);
  rmSync(folder, { recursive: true, force: true });
});

const cli = (...args: string[]): Promise<Said> => mpcsfaas(args, env, folder);

/** Runs a command that works; its stdout. */
async function done(...args: string[]): Promise<string> {
  const said = await cli(...args);
  expect(said, said.stderr).toMatchObject({ code: 0, stderr: '' });
  return said.stdout;
}

const json = async (...args: string[]): Promise<unknown> => JSON.parse(await done(...args, '--json'));

describe('fn', () => {
  it('register, again, show, ls, rm', async () => {
    expect(await done('fn', 'register', 'greet.ts', '--as', 'repeat')).toMatch(
      /^repeat@1 registered \([0-9a-f-]{36}\)\n$/,
    );
    expect(await done('fn', 'register', 'greet.ts', '--as', 'repeat')).toMatch(/^repeat@1 is unchanged/);
    expect(await json('fn', 'show', 'repeat')).toMatchObject({ name: 'repeat', version: 1, runtime: 'javascript' });
    const table = await done('fn', 'ls');
    expect(table).toMatch(/^NAME +RUNTIME +FORM +BYTES +CREATED +ID\n/);
    expect(table).toMatch(/^repeat@1 +javascript +source/m);
    expect(table).toMatch(/^add@1 +python +source/m);
    expect(await json('fn', 'ls', '--limit', '1')).toMatchObject({ items: [{ name: 'repeat' }] });
    expect(await done('fn', 'rm', 'repeat')).toBe('1 version of repeat removed.\n');
    const gone = await cli('fn', 'show', 'repeat');
    expect(gone).toMatchObject({ code: 1, stdout: '' });
    expect(gone.stderr).toMatch(/^mpcsfaas: [^\n]*repeat[^\n]*\n$/);
  });

  it('a function that is not in the file', async () => {
    expect((await cli('fn', 'register', 'tools.py:nowhere')).stderr).toMatch(
      /^mpcsfaas: tools\.py defines no function 'nowhere'; it defines add, greet, fail, say, scream, nap \(--no-check .*\)\.\n$/,
    );
    // Nothing of it runs before its first call: that one tells.
    await done('fn', 'register', 'tools.py:nowhere', '--no-check');
    const { code, stderr } = await cli('call', 'nowhere');
    expect(code).toBe(1);
    expect(stderr).toMatch(/load_failed.*nowhere/);
  });
});

it('fn ls and task ls page as far as they are asked, and say where there is more', async () => {
  const wide = 'x'.repeat(5000);
  await cli('fn', 'register', 'tools.py:add', '--as', 'more');
  expect(await cli('fn', 'ls', '--limit', '1')).toMatchObject({
    code: 0,
    stderr: 'There may be more: raise --limit, or narrow the list.\n',
  });
  expect((await cli('fn', 'ls', '--limit', '2000')).stderr).toBe('');
  await done('fn', 'rm', 'more');
  expect(await json('task', 'ls', '--status', 'completed,FAILED', '--limit', '2000')).toMatchObject({
    next_cursor: '',
  });
  const answer = await fetch(`${env['MPCSFAAS_URL']!}/register_function`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: wide, payload: CLASSIC }),
  });
  expect(answer.status).toBe(200);
  const { function_id: id } = (await answer.json()) as { function_id: string };
  const table = await done('fn', 'ls');
  expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThan(250);
  await done('fn', 'rm', id);
});

it('fn register refuses a source that is no UTF-8, and a Python that is not there', async () => {
  writeFileSync(join(folder, 'latin.py'), Buffer.from('# coding: latin-1\ndef f(): return "\xe9"\n', 'latin1'));
  expect((await cli('fn', 'register', 'latin.py')).stderr).toMatch(/latin\.py is no UTF-8: save it as UTF-8/);
  expect((await cli('fn', 'register', 'tools.py:add', '--python', './gone/python')).stderr).toMatch(
    /There is no Python at \S+\/gone\/python to look at the source: correct --python, or say --no-check\.\n$/,
  );
});

it('files of the caller that are named as modules of Python do not mislead it', async () => {
  const shadows = join(folder, 'shadows');
  mkdirSync(shadows);
  for (const name of ['json.py', 'ast.py', 'dill.py'])
    writeFileSync(join(shadows, name), 'raise RuntimeError("mine")\n');
  writeFileSync(join(shadows, 'mine.py'), 'def f(): return 1\n');
  const doctor = ['doctor', '--json', '--python', '/usr/bin/python3', '--port', '0', '--worker-port', '0'];
  const said = await mpcsfaas([...doctor, '--data-dir', join(folder, 'other')], {}, shadows);
  expect(JSON.parse(said.stdout)).toMatchObject(
    expect.arrayContaining([
      expect.objectContaining({ what: 'dill, cloudpickle', found: expect.stringMatching(/dill \d/) as string }),
    ]) as object[],
  );
  expect((await mpcsfaas(['fn', 'register', 'mine.py:nope'], env, shadows)).stderr).toMatch(
    /defines no function 'nope'/,
  );
});

it.each([
  ['two.py', 'def one(): pass\ndef two(): pass\n', /two\.py defines several functions \(one, two\): say which one/],
  ['bad.py', 'def one(:\n    pass\n', /bad\.py line 1 is no Python 3\.\d+: /],
  ['bad.ts', 'export default (a) => {\n  return a +;\n}\n', /bad\.ts line 2 cannot be read: Expression expected/],
  ['none.py', 'import os\nLIMIT = 3\n', /none\.py defines no function whose name is public \(--no-check/],
  ['plain.py:LIMIT', 'LIMIT = 3\ndef f(): pass\n', /plain\.py defines no function 'LIMIT'; it defines f \(/],
  ['limits.py', 'import os\nLIMIT = 3\ndef one(): pass\ndef two(): pass\n', /defines several functions \(one, two\)/],
  ['common.js', 'function f() {}\nmodule.exports = f;\n', /common\.js is CommonJS, and an ES module is wanted: /],
  ['bare.js', '// Twice.\nmodule.exports = (x) => x * 2;\n', /bare\.js is CommonJS, and an ES module is wanted: /],
  ['g.ts:zz', 'export default (n: number) => n;\n', /g\.ts exports no function 'zz'; it exports default \(/],
  ['both.ts', 'export function a() {}\nexport function b() {}\n', /exports several functions \(a, b\): say which one/],
  [
    'arrows.ts',
    'export const a = (n: number) => n;\nexport const b = async () => 1;\n',
    /arrows\.ts exports several functions \(a, b\): say which one, as FILE:NAME \(/,
  ],
  [
    'named.js',
    'const a = () => 1;\nclass B {}\nconst LIMIT = 3;\nexport { a as one, B, LIMIT };\n',
    /named\.js exports several functions \(B, one\): say which one/,
  ],
  [
    'object.ts',
    'export default { a: 1 };\n',
    /object\.ts exports as its default what is no function: write "export default" before the function \(/,
  ],
  ['five.js', 'export default 5;\n', /five\.js exports as its default what is no function/],
  ['six.js', '6\n', /six\.js exports as its default what is no function/],
  [
    'data.ts:LIMIT',
    'export const LIMIT = 3, f = () => 1;\n',
    /exports as 'LIMIT' what is no function; it exports f \(/,
  ],
  ['const.ts', 'export const LIMIT = 3;\n', /const\.ts exports no function: write "export default" before it \(/],
  [
    'decorated.ts',
    'const log = (f: unknown) => f;\nclass A {\n  @log\n  m() { return 1; }\n}\nexport default () => new A().m();\n',
    /decorated\.ts line 3 cannot be read once its types are gone: decorators and JSX, say, are taken in compiled form only \(/,
  ],
  ['page.js', 'export default () => {\n  return <b>x</b>;\n};\n', /page\.js line 2 cannot be read/],
  ['nothing.ts', 'const a = 1;\n', /nothing\.ts exports no function: write "export default" before it \(/],
  ['enum.ts', 'enum A { X }\nexport default () => A.X;\n', /enum\.ts line 1 uses what is not taken: TypeScript enum/],
])('fn register %s is refused', async (target, source, expected) => {
  writeFileSync(join(folder, target.split(':')[0]!), source);
  const { code, stderr } = await cli('fn', 'register', target);
  expect(code).toBe(1);
  expect(stderr).toMatch(expected);
  expect(stderr).toMatch(/^mpcsfaas: [^\n]+\n$/);
});

it('fn register lets pass what only running can tell', async () => {
  writeFileSync(join(folder, 'made.py'), 'globals()["made"] = lambda: 1\n');
  await done('fn', 'register', 'made.py:made');
  writeFileSync(join(folder, 'bare.ts'), '(a: number) => a + 1;\n');
  await done('fn', 'register', 'bare.ts');
  const foreign = "import { x } from 'https://example.invalid/x.js';\nexport default () => x;\n";
  writeFileSync(join(folder, 'foreign.js'), foreign);
  await done('fn', 'register', 'foreign.js');
  writeFileSync(
    join(folder, 'own.ts'),
    "import { join } from 'node:path';\nexport const path = (a: string) => join(a, 'b');\n",
  );
  await done('fn', 'register', 'own.ts:path');
  expect(await done('call', 'path', 'a')).toBe('a/b\n');
  for (const [name, source, value] of [
    ['of-two', 'export const LIMIT = 3;\nexport const add = (n: number) => n + LIMIT;\n', '4\n'],
    ['made-of', 'const make = () => (n: number) => n + 1;\nexport const LIMIT = 3;\nexport default make();\n', '2\n'],
    ['let-it', 'let late: unknown = 0;\nlate = (n: number) => n;\nexport { late as default };\n', '1\n'],
    ['with-data', 'const add = (n: number) => n + 2;\nexport default { a: 1 };\nexport { add };\n', '3\n'],
    ['a-class', 'export default class { constructor(n: number) { return [n]; } }\n', undefined],
  ] as const) {
    writeFileSync(join(folder, `${name}.ts`), source);
    await done('fn', 'register', `${name}.ts`);
    if (value !== undefined) expect(await done('call', name, '1')).toBe(value);
  }
  writeFileSync(join(folder, 'pair.ts'), 'export const a = () => 1;\nexport const b = () => 2;\n');
  await done('fn', 'register', 'pair.ts:b');
  expect(await done('call', 'b')).toBe('2\n');
});

it('a class is called where it is named, as any function is, and never taken for the only one', async () => {
  writeFileSync(join(folder, 'color.py'), 'from enum import Enum\nclass Color(Enum):\n    RED = 1\n');
  expect((await cli('fn', 'register', 'color.py')).stderr).toMatch(
    /color\.py defines no function whose name is public; a class is named, as FILE:NAME \(/,
  );
  expect((await cli('fn', 'register', 'color.py:Paint')).stderr).toMatch(/no function 'Paint'; it defines Color \(/);
  await done('fn', 'register', 'color.py:Color');
  expect(await done('call', 'Color', '1')).toBe('1\n');
});

describe('what users wrote and would steer a terminal', () => {
  const RED = '\u001b[31m\u009b1m\ttwo\nlines';

  it('is shown in tables and sentences', async () => {
    expect((await cli('call', 'scream', RED)).stderr).toContain(
      'raised: ValueError: \\x1b[31m\\x9b1m\\ttwo lines (task ',
    );
    expect((await cli('call', 'scream', RED, '--traceback')).stderr).toMatch(
      /\nValueError: \\x1b\[31m\\x9b1m\\ttwo\nlines\n$/,
    );
    expect(await done('task', 'ls', '--function', 'scream')).toMatch(/raised: \\x1b\[31m\\x9b1m\\ttwo\n/);
    const classic = { name: 'bell\u0007\u202e', payload: 'Y2J1aWx0aW5zCmxlbgou' };
    await fetch(`${env['MPCSFAAS_URL']!}/register_function`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(classic),
    });
    expect(await done('fn', 'ls')).toMatch(/^bell\\x07\\u202e \(classic\) +python/m);
  });

  it('is a value as it is for a program, and shown on a terminal', async () => {
    expect(await done('call', 'say', RED)).toBe(`${RED}\n`);
    expect(await done('call', 'say', '["\u009b1m"]')).toBe('["\\u009b1m"]\n');
    const bin = new URL('../../bin/mpcsfaas.mjs', import.meta.url).pathname;
    const pty = 'import pty, sys; pty.spawn(sys.argv[1:])';
    const call = [process.execPath, bin, 'call', 'say', RED];
    const { stdout } = await start('/usr/bin/python3', ['-c', pty, ...call], env, folder).ended;
    expect(stdout.replaceAll('\r\n', '\n')).toBe('\\x1b[31m\\x9b1m\ttwo\nlines\n');
  });
});

describe('call', () => {
  it.each<[string[], string]>([
    [['add', '1', '2'], '3\n'],
    [['add', '-1', '--kw', 'b=-2'], '-3\n'],
    [['add', 'spam', '--kw', 'b="eggs"'], 'spameggs\n'],
    [['add', '[1]', '--kw', 'b=[2, {"x": null}]'], '[1,2,{"x":null}]\n'],
    [['greet', 'Ada', '--kw', 'excited=true'], 'Hello, Ada!\n'],
  ])('%j', async (args, expected) => {
    expect(await done('call', ...args)).toBe(expected);
  });

  it('--json tells the task, too', async () => {
    expect(await json('call', 'add', '1', '2')).toEqual({
      task_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      value: 3,
    });
  });

  it('that fails: one line on stderr, exit 1; the remote traceback where it is asked for', async () => {
    const { code, stdout, stderr } = await cli('call', 'fail');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^mpcsfaas: The call failed, raised: ValueError: no such luck \(task [0-9a-f-]{36}\)\n$/);
    expect((await cli('call', 'fail', '--traceback')).stderr).toMatch(
      /Traceback \(most recent call last\)[^]*raise ValueError\("no such luck"\)/,
    );
    const told = await cli('call', 'fail', '--json');
    expect(JSON.parse(told.stdout)).toMatchObject({ error: { kind: 'raised', type: 'ValueError' } });
    expect(told.code).toBe(1);
    expect(told.stderr).toMatch(/^mpcsfaas: [^\n]+\n$/);
  });

  it.each([
    ['9007199254740993', '-9007199254740992', '1'],
    ['1.0', '1', '2.0'],
    ['[1e2, {"x": -0.0}]', '[0.10]', '[100.0,{"x":-0.0},0.1]'],
  ])('%s and %s arrive as they are written, and so does their sum %s', async (one, other, sum) => {
    expect(await cli('call', 'add', one, other)).toEqual({ code: 0, stdout: `${sum}\n`, stderr: '' });
  });

  it('goes where the service was told to listen', async () => {
    const { port } = new URL(env['MPCSFAAS_URL']!);
    const call = ['call', 'add', '1', '2'];
    expect((await mpcsfaas(call, { MPCSFAAS_PORT: port, MPCSFAAS_HOST: '0.0.0.0' })).stdout).toBe('3\n');
    expect((await mpcsfaas([...call, '--port', port], { MPCSFAAS_URL: 'http://127.0.0.1:1' })).stdout).toBe('3\n');
    expect((await mpcsfaas(call, { ...env, MPCSFAAS_PORT: '1' })).stdout).toBe('3\n');
  });

  it('whose service goes away names the task, and how to look again', async () => {
    const other = program('mpcsfaas', [
      ...['up', '--port', '0', '--json', '--grace', '0', '--python', '/usr/bin/python3'],
      ...['--data-dir', join(folder, 'other')],
    ]);
    const [, url = ''] = await other.says(/"url": "(http:[^"]+)"/);
    await mpcsfaas(['fn', 'register', 'tools.py:nap', '--url', url], {}, folder);
    const waiting = program('mpcsfaas', ['call', 'nap', '600', '--url', url]);
    await expect
      .poll(async () => (await mpcsfaas(['task', 'ls', '--status', 'running', '--url', url])).stdout, {
        timeout: 30_000,
      })
      .toMatch(/RUNNING/);
    other.signal('SIGKILL');
    const { code, stderr } = await waiting.ended;
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^mpcsfaas: No service answers at \S+ .* Task (\S+) was waited for: its end is kept, and `mpcsfaas task result \1`/,
    );
    await other.ended;
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('that is interrupted by %s goes on, and tells its task', async (name) => {
    const call = program('mpcsfaas', ['call', 'nap', '600'], env);
    const running = async (): Promise<string> => done('task', 'ls', '--function', 'nap', '--status', 'queued,running');
    await expect.poll(running).toMatch(/RUNNING/);
    call.signal(name);
    const { code, stdout, stderr } = await call.ended;
    expect([code, stdout]).toEqual([130, '']);
    const [, id = ''] =
      /^mpcsfaas: Interrupted; the call goes on as task (\S+): `mpcsfaas task result \1` waits for it, `mpcsfaas task cancel \1` ends it\.\n$/.exec(
        stderr,
      ) ?? [];
    expect(await running()).toContain(id);
    expect(await done('task', 'cancel', id)).toBe(`${id} canceled\n`);
  });

  it('that is interrupted before anything answers says that it may go on', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const call = program('mpcsfaas', ['call', 'nap', '--port', String((silent.address() as AddressInfo).port)]);
    await once(silent, 'request');
    call.signal('SIGINT');
    expect(await call.ended).toEqual({
      code: 130,
      stdout: '',
      stderr:
        'mpcsfaas: Interrupted before the service answered; the call may go on all the same: `mpcsfaas task ls` tells.\n',
    });
    silent.closeAllConnections();
    silent.close();
  });

  it('of nothing that is registered', async () => {
    const said = await cli('call', 'nobody');
    expect([said.code, said.stdout]).toEqual([1, '']);
    expect(said.stderr).toMatch(/^mpcsfaas: [^\n]*nobody[^\n]*\n$/);
  });

  it('that takes longer than --wait goes on as a task', async () => {
    const { code, stderr } = await cli('call', 'nap', '1.5', '--wait', '100ms');
    expect(code).toBe(3);
    const [, id = ''] = /goes on as task ([0-9a-f-]{36})/.exec(stderr) ?? [];
    // As many as there are slots: nothing else starts meanwhile.
    const long: string[] = [];
    for (let n = 0; n < 2; n += 1) {
      const told = await cli('call', 'nap', '600', '--wait', '100ms', '--json');
      const said = JSON.parse(told.stdout) as { task_id: string };
      expect([told.code, said]).toEqual([
        3,
        {
          task_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
          status: expect.stringMatching(/^(QUEUED|RUNNING)$/) as string,
        },
      ]);
      long.push(said.task_id);
    }
    const at = await cli('call', 'nap', '0', '--wait', '0', '--json');
    expect(JSON.parse(at.stdout)).toMatchObject({ status: 'QUEUED' });
    expect(await cli('task', 'result', long[0]!, '--wait', '0')).toEqual({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(
        /^mpcsfaas: Task [0-9a-f-]{36} has not ended yet, it is (QUEUED|RUNNING): ask again/,
      ) as string,
    });
    await cli('task', 'cancel', ...long);
    expect(await json('task', 'result', id)).toMatchObject({ task_id: id });
    expect(((await json('task', 'show', id)) as { status: string }).status).toBe('COMPLETED');
    expect(await cli('task', 'result', long[0]!)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^mpcsfaas: The call failed, canceled: /) as string,
    });
  });
});

describe('task', () => {
  it('ls, show, cancel', async () => {
    const { stderr } = await cli('call', 'nap', '600', '--wait', '0');
    const [, id = ''] = /task ([0-9a-f-]{36})/.exec(stderr) ?? [];
    await done('call', 'add', '1');
    const table = await done('task', 'ls');
    expect(table).toMatch(/^TASK +STATUS +FUNCTION +SUBMITTED +ATTEMPT +NOTE\n/);
    expect(table).toMatch(new RegExp(`^${id} +(RUNNING|QUEUED) +nap@1`, 'm'));
    expect(await done('task', 'ls', '--function', 'add', '--status', 'completed')).not.toContain(id);
    expect(await done('task', 'cancel', id)).toBe(`${id} canceled\n`);
    expect(await json('task', 'show', id)).toMatchObject({ task_id: id, status: 'CANCELED' });
    // Whoever asks again hears it again; one that has ended otherwise stays as it is.
    expect(await done('task', 'cancel', id)).toBe(`${id} canceled\n`);
    const [, ended = ''] = /^([0-9a-f-]{36}) +COMPLETED/m.exec(table) ?? [];
    const late = await cli('task', 'cancel', ended);
    expect(late.code).toBe(1);
    expect(late.stderr).toMatch(new RegExp(`^mpcsfaas: ${ended}: [^\\n]+COMPLETED\\.\\n$`));
  });

  it('cancel says of each that cannot be why, in a line of its own', async () => {
    const ids = [1, 2].map((n) => `01890000-0000-7000-8000-00000000000${n}`);
    const { code, stderr } = await cli('task', 'cancel', ...ids);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^mpcsfaas: ${ids[0]}: [^\n]+\nmpcsfaas: ${ids[1]}: [^\n]+\n$`));
  });

  it('ls of a time alone', async () => {
    await done('call', 'add', '1', '--kw', 'b=1');
    const idsOf = async (...when: string[]): Promise<string[]> =>
      ((await json('task', 'ls', '--limit', '1', ...when)) as { items: { task_id: string }[] }).items.map(
        ({ task_id: id }) => id,
      );
    const [newest = ''] = await idsOf();
    const [past, future] = ['2020-01-01T00:00:00Z', '2999-12-31T23:59:59.999+01:00'];
    expect(await idsOf('--since', past, '--until', future)).toEqual([newest]);
    expect(await idsOf('--since', future)).toEqual([]);
    expect(await idsOf('--until', past)).toEqual([]);
    const { code, stderr } = await cli('task', 'ls', '--since', 'yesterday');
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^mpcsfaas: [^\n]* such as 2030-12-31T23:59:59Z\.[^\n]*\n$/),
    ]);
  });

  it('a wrong status is named', async () => {
    const { code, stderr } = await cli('task', 'ls', '--status', 'lost');
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(/QUEUED[^\n]*\n$/);
  });

  it('an id that is none, and one of nobody', async () => {
    expect((await cli('task', 'show', 'x')).stderr).toMatch(/^mpcsfaas: [^\n]+\n$/);
    expect((await cli('task', 'show', '01890000-0000-7000-8000-000000000000')).code).toBe(1);
  });
});

it('keys create, ls, revoke', async () => {
  const made = await cli('keys', 'create', 'ops');
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^mpk_[0-9a-zA-Z_-]{40,}\n$/) as string });
  const [, id = ''] = /^Key ([0-9a-f-]+): shown this once\..*\n$/.exec(made.stderr) ?? [];
  const listed = await done('keys', 'ls');
  expect(listed).toMatch(new RegExp(`^${id} +ops +20\\d\\d-`, 'm'));
  expect(listed).not.toContain(made.stdout.trim());
  expect(await json('keys', 'ls')).toMatchObject({ items: [{ key_id: id, name: 'ops' }] });
  expect(await done('keys', 'revoke', id)).toBe(`Key ${id} is revoked.\n`);
  expect(await json('keys', 'ls')).toMatchObject({ items: [] });
  const again = await cli('keys', 'revoke', id);
  expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^mpcsfaas: [^\n]+\n$/) as string });
});

it.each(['fn ls', 'task ls --json', 'call add 1 2', '--help', 'completion bash'])(
  '%s that cannot be written is a failure with a sentence',
  async (line) => {
    const bin = new URL('../../bin/mpcsfaas.mjs', import.meta.url).pathname;
    const shell = start('bash', ['-c', `"${process.execPath}" "${bin}" ${line} > /dev/full`], env, '/');
    expect(await shell.ended).toEqual({
      code: 1,
      stdout: '',
      stderr: 'mpcsfaas: The output cannot be written (ENOSPC).\n',
    });
  },
);

it('a key that no header can carry is the key’s fault', async () => {
  const sentence = (place: string): string =>
    `mpcsfaas: ${place} has characters that no API key has: give the key as it was shown when it was made.\n`;
  for (const key of ['mpk_…', 'ключ', 'two words']) {
    const given = await cli('fn', 'ls', '--api-key', key);
    expect(given).toEqual({ code: 2, stdout: '', stderr: sentence('--api-key') });
    const set = await mpcsfaas(['call', 'add', '1', '2'], { ...env, MPCSFAAS_API_KEY: key });
    expect(set).toEqual({ code: 2, stdout: '', stderr: sentence('MPCSFAAS_API_KEY') });
  }
});

it('an address holds no query, and TLS where there is none is told', async () => {
  const url = env['MPCSFAAS_URL']!;
  expect((await cli('call', 'add', '1', '2', '--url', `${url}/?x=1#y`)).stdout).toBe('3\n');
  const { code, stderr } = await cli('fn', 'ls', '--url', url.replace('http:', 'https:'));
  expect([code, stderr]).toEqual([
    1,
    `mpcsfaas: What answers at ${url.replace('http:', 'https:')} speaks no TLS: correct --url, which for a service without it begins with http://.\n`,
  ]);
});

it('a reader that has seen enough is no fault', async () => {
  const bin = new URL('../../bin/mpcsfaas.mjs', import.meta.url).pathname;
  const line = `for i in 1 2 3; do "${process.execPath}" "${bin}" fn ls --json | head -c 1; done 2>&1`;
  expect(execFileSync('bash', ['-c', line], { env: { ...process.env, ...env }, encoding: 'utf8' })).toBe('{{{');
});
