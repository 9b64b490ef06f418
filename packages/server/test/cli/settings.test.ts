// Where a setting comes from: argument, environment, config file, default. And what the shells complete.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfigFile } from '../../src/cli/config-file.ts';
import { mpcsfaas, program, together, type Said } from './harness.ts';

const here = dirname(fileURLToPath(import.meta.url));
let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'test-cli-'));
  mkdirSync(join(home, 'mpcsfaas'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const file = (): string => join(home, 'mpcsfaas', 'config.json');
const run = (args: string[], env: Record<string, string> = {}): Promise<Said> =>
  mpcsfaas(args, { XDG_CONFIG_HOME: home, ...env }, home);
/** The same for lines that begin nothing: answers in their order. */
const runTogether = (lines: string[][], env: Record<string, string> = {}): Promise<Said[]> =>
  together(lines.map((args) => ({ program: 'mpcsfaas', args, env: { XDG_CONFIG_HOME: home, ...env } })));

interface Setting {
  setting: string;
  value: string;
  from: string;
}

async function config(
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<(name: string) => [string, string]> {
  const { stdout, stderr } = await run(['config', ...args, '--json'], env);
  expect(stderr).toBe('');
  const { settings } = JSON.parse(stdout) as { settings: Setting[] };
  return (name) => {
    const { value, from } = settings.find(({ setting }) => setting === name)!;
    return [value, from];
  };
}

describe('config', () => {
  it('argument before environment before file before default', async () => {
    writeFileSync(
      file(),
      JSON.stringify({ port: 1111, slots: 3, 'log-level': 'warn', label: ['a', 'b=c'], 'api-key': 'secret' }),
    );
    const told = await config(['--port', '3333'], { MPCSFAAS_PORT: '2222', MPCSFAAS_SLOTS: '4' });
    expect(told('port')).toEqual(['3333', 'argument']);
    expect(told('slots')).toEqual(['4', 'environment']);
    expect(told('log-level')).toEqual(['warn', 'file']);
    expect(told('label')).toEqual(['a,b=c', 'file']);
    expect(told('sync')).toEqual(['normal', 'default']);
    expect(told('url')[0]).toBe('http://127.0.0.1:3333');
    const { stdout } = await run(['config']);
    expect(stdout).not.toContain('secret');
    expect(stdout).toMatch(/^api-key +\(hidden\) +file +MPCSFAAS_API_KEY$/m);
    expect(stdout).toContain(`the environment before the file ${file()}.\n`);
  });

  it.each(['', 'relative'])('XDG_CONFIG_HOME and XDG_DATA_HOME of %j are not set', async (folder) => {
    const env = { XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, HOME: home };
    mkdirSync(join(home, '.config', 'mpcsfaas'), { recursive: true });
    writeFileSync(join(home, '.config', 'mpcsfaas', 'config.json'), JSON.stringify({ port: 1234 }));
    const told = await config([], env);
    expect(told('port')).toEqual(['1234', 'file']);
    expect(told('data-dir')).toEqual([join(home, '.local', 'share', 'mpcsfaas'), 'default']);
  });

  it('the file holds for every command, and the stronger word for the address counts', async () => {
    const refusing = async (args: string[], env: Record<string, string>): Promise<string> =>
      /answers at (\S+) /.exec((await run(['fn', 'ls', ...args], env)).stderr)?.[1] ?? '';
    writeFileSync(file(), JSON.stringify({ url: 'http://127.0.0.1:1' }));
    // Together: each waits for a service that may be starting.
    const asked = [
      refusing([], {}),
      refusing([], { MPCSFAAS_PORT: '2' }),
      refusing(['--port', '3'], { MPCSFAAS_URL: 'http://127.0.0.1:4' }),
      refusing([], { MPCSFAAS_PORT: '2', MPCSFAAS_URL: 'http://127.0.0.1:4' }),
    ];
    expect(await Promise.all(asked)).toEqual([1, 2, 3, 4].map((port) => `http://127.0.0.1:${port}`));
    writeFileSync(file(), JSON.stringify({ 'require-keys': true }));
    expect((await config())('require-keys')).toEqual(['true', 'file']);
    expect((await config([], { MPCSFAAS_REQUIRE_KEYS: 'off' }))('require-keys')[0]).toBe('off');
  });

  it('the worker key and its file are one setting: the stronger word counts, of the same place the file', async () => {
    writeFileSync(file(), JSON.stringify({ 'worker-key': 'short' }));
    writeFileSync(join(home, 'with-file.json'), JSON.stringify({ 'worker-key-file': '/nowhere' }));
    const withFile = { MPCSFAAS_CONFIG: join(home, 'with-file.json') };
    const [key, keyFile] = [{ MPCSFAAS_WORKER_KEY: 'short' }, { MPCSFAAS_WORKER_KEY_FILE: '/nowhere' }];
    const said = async (more: string[], env: Record<string, string>): Promise<string> => {
      const { stderr } = await run(['worker', 'push', 'tcp://127.0.0.1:1', ...more], env);
      return /is too short|\/nowhere cannot be read/.exec(stderr)?.[0] ?? stderr;
    };
    const [keyCounts, fileCounts] = ['is too short', '/nowhere cannot be read'];
    expect(await said(['--worker-key', 'short'], keyFile)).toBe(keyCounts);
    expect(await said([], { ...key, ...withFile })).toBe(keyCounts);
    expect(await said(['--worker-key-file', '/nowhere'], key)).toBe(fileCounts);
    expect(await said([], { ...key, ...keyFile })).toBe(fileCounts);
    expect(await said([], keyFile)).toBe(fileCounts);
  });

  it('a file that begins with a byte order mark is read', () => {
    writeFileSync(file(), '\uFEFF{"port": 9000}');
    expect([...readConfigFile(file(), new Set(['MPCSFAAS_PORT']), false).values()]).toEqual([
      { setting: 'port', value: '9000' },
    ]);
  });

  it.each<[string, RegExp]>([
    ['{', /^The config file \S+ is no JSON \(.*\)\.$/],
    ['[]', /^The config file \S+ must hold one object, such as /],
    ['{"prot": 1}', /^The config file \S+ knows a setting "prot", which is none: `mpcsfaas config` lists them\.$/],
    ['{"port": {}}', /says port with \{\}: give a text, a number/],
  ])('a file that holds %s is one sentence', (text, sentence) => {
    writeFileSync(file(), text);
    expect(() => readConfigFile(file(), new Set(['MPCSFAAS_PORT']), false)).toThrow(sentence);
  });

  it.each<[string, RegExp]>([
    ['{"port": "abc"}', /value 'abc' from "port" of the config file \S+config\.json is invalid/],
    ['{"url": "abc"}', /^mpcsfaas: "url" of the config file \S+config\.json takes an address such as .*, not "abc"\./],
    [
      '{"require-keys": "maybe"}',
      /^mpcsfaas: "require-keys" of the config file \S+config\.json is a switch: .* "maybe"\./,
    ],
    ['{"url": 5}', /^mpcsfaas: The config file \S+ says url with 5: give a text\./],
    ['{', /is no JSON/],
  ])('a command says so of %s', async (text, sentence) => {
    writeFileSync(file(), text);
    const { code, stderr } = await run(text.includes('5') ? ['config'] : ['fn', 'ls']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^mpcsfaas: [^\n]+\n$/)]);
    expect(stderr).toMatch(sentence);
  });

  it.each(['{', '[]', '{"prot": 1}', '{"port": "abc"}', '{"require-keys": "maybe"}'])(
    'help and completion are to be had beside a file that holds %s',
    async (text) => {
      writeFileSync(file(), text);
      const env = { MPCSFAAS_WORKER_PORT: 'abc', MPCSFAAS_CLASSIC_CREATED: 'maybe' };
      const asked = [['--help'], ['up', '--help'], ['fn', 'ls', '-h'], ['help'], ['--version'], ['completion', 'bash']];
      // Beside one of the files each in a process of its own, as its user starts it.
      const all = text === '{' ? await Promise.all(asked.map((args) => run(args, env))) : await runTogether(asked, env);
      for (const { code, stdout, stderr } of all) {
        expect([code, stderr]).toEqual([0, '']);
        expect(stdout).not.toBe('');
      }
    },
  );

  it.each<[string, Record<string, string>]>([
    ['{}', { MPCSFAAS_MODE: 'abc' }],
    ['{"mode": "abc"}', {}],
  ])('a classic program without arguments heeds it, too: %s %j', async (text, more) => {
    writeFileSync(file(), text);
    const dispatcher = program('task_dispatcher', [], { XDG_CONFIG_HOME: home, ...more }, home);
    try {
      await dispatcher.says(/value 'abc' from .* is invalid/);
    } finally {
      dispatcher.signal('SIGKILL');
    }
  });

  it('another file is named by MPCSFAAS_CONFIG, and must be there then', async () => {
    rmSync(file());
    writeFileSync(join(home, 'other.json'), '{"port": 7}');
    expect((await config([], { MPCSFAAS_CONFIG: 'other.json' }))('port')).toEqual(['7', 'file']);
    expect((await run(['config'], { MPCSFAAS_CONFIG: 'gone.json' })).stderr).toMatch(
      /gone\.json cannot be read \(ENOENT\)\.\n$/,
    );
    expect((await config())('port')).toEqual(['8000', 'default']);
  });
});

describe('completion', () => {
  let bash: string;
  beforeAll(async () => {
    bash = (await run(['completion', 'bash'])).stdout;
    writeFileSync(join(home, 'other.json'), '{"port": 7}');
  });

  /** What bash offers for a line that ends where the cursor is. `first`: commands before the script. */
  function offered(line: string, first = ''): string[] {
    const words = line.split(' ');
    const script = `${first}
${bash}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_mpcsfaas; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('/bin/bash', ['--norc', '-c', script], { cwd: home, encoding: 'utf8' })
      .split('\n')
      .filter((word) => word !== '');
  }

  const COMMANDS: [string, string[]][] = [
    ['mpcsfaas w', ['worker', 'workers']],
    ['mpcsfaas fn ', ['register', 'ls', 'show', 'rm']],
    ['mpcsfaas task ca', ['cancel']],
    ['mpcsfaas up --mode ', ['local', 'pull', 'push']],
    ['mpcsfaas up -m pu', ['pull', 'push']],
    ['mpcsfaas up --port 80 --requ', ['--require-keys']],
    ['mpcsfaas completion ', ['bash', 'zsh', 'fish']],
    ['mpcsfaas worker pu', ['pull', 'push']],
    ['mpcsfaas fn register oth', ['other.json']],
    ['mpcsfaas map double oth', ['other.json']],
    ['mpcsfaas up --data-dir mp', ['mpcsfaas']],
    ['mpcsfaas up --port ', []],
    ['mpcsfaas call double --isolation ', ['warm', 'task']],
    ['mpcsfaas map double --retr', ['--retries', '--retry-backoff', '--retry-on']],
    ['mpcsfaas fn register --at', ['--at-most-once']],
    ['mpcsfaas task ls --status C', ['COMPLETED', 'CANCELED']],
  ];

  it.each(COMMANDS)('bash offers for %j %j', (line, words) => {
    // Bash tells an option beside a command, the others only after a dash.
    const more = /(fn|completion) $/.test(line) ? ['--help'] : [];
    expect(offered(line)).toEqual([...words, ...more]);
  });

  it.each([
    ['its own builtins', ''],
    ['those of 3.2, as macOS has it', 'enable -n mapfile readarray compopt'],
  ])('bash with %s offers whole what has blanks', (_, first) => {
    writeFileSync(join(home, 'two words.json'), '{}');
    expect(offered('mpcsfaas fn register two', first)).toEqual(['two words.json']);
    expect(offered('mpcsfaas worker pu', first)).toEqual(['pull', 'push']);
  });

  describe.each<[string, (script: string, line: string) => string[]]>([
    ['zsh', (script, line) => ['-f', join(here, 'fixtures/complete.zsh'), script, line, join(home, 'compdump')]],
    ['fish', (script, line) => ['--no-config', '-c', `source ${script}; complete -C '${line}'`]],
  ])('%s', (shell, args) => {
    let script: string;
    beforeAll(async () => {
      script = join(home, `completion.${shell}`);
      writeFileSync(script, (await run(['completion', shell])).stdout);
    });

    it.each(COMMANDS)('offers for %j %j', (line, words) => {
      const env = { ...process.env, HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, TERM: 'dumb' };
      const told = execFileSync(shell, args(script, line), { cwd: home, env, encoding: 'utf8', timeout: 30_000 });
      const found = told.split('\n').filter((word) => word !== '');
      expect(found.map((word) => word.replace(/\/?(\t.*)?$/, '')).sort()).toEqual([...words].sort());
    });
  });

  it('every shell is told of every command and every option of them', async () => {
    const shells = ['bash', 'zsh', 'fish'];
    const asked = [[], ['fn', 'register'], ['call'], ['map'], ['up']];
    const said = await runTogether([
      ...shells.map((shell) => ['completion', shell]),
      ...asked.map((args) => [...args, '--help']),
    ]);
    const scripts = said.slice(0, shells.length).map(({ stdout }) => stdout);
    for (const [index, args] of asked.entries()) {
      const help = said[shells.length + index]!.stdout;
      const flags = [...help.matchAll(/^ {2}(?:-\w, )?--([\w-]+)/gm)].map(([, flag]) => flag!);
      const commands =
        args.length > 0
          ? []
          : [...help.matchAll(/^ {2}([a-z]+) (?:\[|<| {2})/gm)]
              .map(([, name]) => name!)
              .filter((name) => name !== 'help');
      expect(flags.length + commands.length).toBeGreaterThan(2);
      for (const [at, script] of scripts.entries()) {
        const words = [...flags.map((flag) => (at === 2 ? `-l ${flag} ` : `--${flag}`)), ...commands];
        expect(words.filter((word) => !script.includes(word))).toEqual([]);
      }
    }
    // Quotes are in pairs: outside of them each shell reads the same words.
    for (const [at, script] of scripts.entries()) {
      const quoted = at === 2 ? /'(?:[^'\\]|\\.)*'/g : /'[^']*'|\\'/g;
      expect(script.replaceAll(quoted, '').replaceAll(/#.*$/gm, '')).not.toContain("'");
    }
  });
});
