// What the commands say of themselves, and to those who call them wrongly: one sentence, a non-zero exit, no trace.
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../../test/harness/redis.ts';
import { blockedPort, mpcsfaas, program, takenPort, together, type Said } from './harness.ts';
import { newCertificate } from './new-certificate.ts';
import { standIn } from './stand-in.ts';

const COMMANDS = [
  ...['up', 'service', 'dispatcher', 'worker', 'doctor', 'call', 'fn register', 'fn ls', 'fn show', 'fn rm'],
  ...[
    'task ls',
    'task show',
    'task result',
    'task logs',
    'task cancel',
    'task retry',
    'keys create',
    'keys ls',
    'keys revoke',
  ],
  ...['map', 'workers', 'top', 'config'],
];
/** Options that are no environment variables, as the README says. */
const ON_THE_LINE_ALONE = [
  ...['--json', '--kw', '--wait', '--traceback', '--as', '--description', '--no-check', '--limit'],
  ...[
    '--status',
    '--function',
    '--group',
    '--tag',
    '--since',
    '--until',
    '--spread',
    '--follow',
    '--interval',
    '--frames',
    '--tasks',
    '--priority',
    '--timeout',
    '--memory',
    '--max-attempts',
    '--at-most-once',
    '--no-at-most-once',
    '--retries',
    '--retry-backoff',
    '--retry-on',
    '--result-ttl',
    '--label',
    '--isolation',
    '--delay',
    '--expires',
    '--idempotency-key',
  ],
];
const PROGRAMS = ['task_dispatcher', 'pull_worker', 'push_worker'];
/** The system's has dill: for another one that has none it would be fetched, at every start. */
const PYTHON = '/usr/bin/python3';

let folder: string;
let nobody: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'test-cli-'));
  nobody = `http://127.0.0.1:${await freePort()}`;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One of each kind in a process of its own, as its user starts it; the rest together in one. */
const ALONE = ['up', 'call', 'fn register', 'task ls', 'keys create', 'top', 'config'];
const helps = new Map<string, Said>();
/** What `--help` says of a command. */
async function help(line: string): Promise<Said> {
  const [name = '', ...args] = line.split(' ');
  const said = helps.get(line) ?? (await program(name, [...args, '--help']).ended);
  helps.set(line, said);
  return said;
}
beforeAll(async () => {
  const shared = [...COMMANDS, 'completion'].filter((command) => !ALONE.includes(command));
  const argsOf = (command: string): string[] => [...command.split(' '), '--help'];
  const said = await together(shared.map((command) => ({ program: 'mpcsfaas', args: argsOf(command), env: {} })));
  shared.forEach((command, at) => helps.set(`mpcsfaas ${command}`, said[at]!));
});

/** Options of Node with which a program makes `file` once no connection could be made. */
function tellingOfRefusals(file: string): string {
  const code = `
    import { subscribe } from 'node:diagnostics_channel';
    import { writeFileSync } from 'node:fs';
    subscribe('net.client.socket', ({ socket }) => socket.once('error', () => writeFileSync('${file}', '')));`;
  return `--import=data:text/javascript,${encodeURIComponent(code)}`;
}

/** The one sentence on stderr. Fails where there is more, or a stack trace, or a zero exit. */
function sentence({ code, stderr }: Said): string {
  expect(code).toSatisfy((one) => typeof one === 'number' && one > 0);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr).toMatch(/^\w+: [^\n]+\n$/);
  return stderr.slice(stderr.indexOf(': ') + 2, -1);
}

/** An option and its text, wrapped lines joined. */
function optionsIn(help: string): string[] {
  const entries: string[] = [];
  for (const line of help.split('\n')) {
    if (/^ {2}-/.test(line)) entries.push(line.trim());
    else if (/^ {10,}\S/.test(line) && entries.length > 0) entries.push(`${entries.pop()!} ${line.trim()}`);
  }
  return entries.filter((entry) => !/--help|--version/.test(entry));
}

describe('--help', () => {
  it.each([...COMMANDS.map((command) => `mpcsfaas ${command}`), ...PROGRAMS])(
    '%s: every option tells its default',
    async (line) => {
      const { code, stdout, stderr } = await help(line);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`Usage: ${line}`);
      const options = optionsIn(stdout);
      expect(options.length).toBeGreaterThan(0);
      expect(options.filter((option) => option.split('default: ').length !== 2)).toEqual([]);
      const alone = options
        .filter((option) => !/MPCSFAAS_[A-Z_]+\)$/.test(option))
        .map((option) => /--[a-z-]+/.exec(option)![0]);
      expect(alone.filter((flag) => !ON_THE_LINE_ALONE.includes(flag))).toEqual([]);
    },
  );

  it.each<[string, RegExp, RegExp]>([
    ['mpcsfaas service', /--redis .*default: none, it must be given/, /--sync|embedded|--data-dir/],
    ['mpcsfaas dispatcher', /--redis .*default: none, it must be given/, /--sync|the embedded store\)/],
    ['task_dispatcher', /--redis .*default: redis:\/\/127\.0\.0\.1:6379/, /--sync/],
    ['pull_worker', /--worker-key </, /--slots/],
    ['push_worker', /--worker-key-file/, /--slots/],
  ])('%s: the defaults are its own', async (line, there, notThere) => {
    const text = optionsIn((await help(line)).stdout).join('\n');
    expect(text).toMatch(there);
    expect(text).not.toMatch(notThere);
  });

  it('tells the environment variable of each option', async () => {
    const { stdout } = await help('mpcsfaas up');
    const told = optionsIn(stdout).map((option) => [
      /--[a-z-]+/.exec(option)?.[0],
      /MPCSFAAS_[A-Z_]+\)$/.exec(option)?.[0],
    ]);
    expect(Object.fromEntries(told)).toMatchObject({
      '--host': 'MPCSFAAS_HOST)',
      '--port': 'MPCSFAAS_PORT)',
      '--worker-port': 'MPCSFAAS_WORKER_PORT)',
      '--mode': 'MPCSFAAS_MODE)',
      '--slots': 'MPCSFAAS_SLOTS)',
      '--redis': 'MPCSFAAS_REDIS)',
      '--data-dir': 'MPCSFAAS_DATA_DIR)',
      '--sync': 'MPCSFAAS_SYNC)',
      '--python': 'MPCSFAAS_PYTHON)',
      '--python-path': 'MPCSFAAS_PYTHON_PATH)',
      '--default-timeout': 'MPCSFAAS_DEFAULT_TIMEOUT)',
      '--result-ttl': 'MPCSFAAS_RESULT_TTL)',
      '--require-keys': 'MPCSFAAS_REQUIRE_KEYS)',
      '--grace': 'MPCSFAAS_GRACE)',
    });
    expect((await help('mpcsfaas dispatcher')).stdout).toMatch(/-p, --port[^]*?MPCSFAAS_WORKER_PORT/);
  });

  it.each(['call', 'map', 'fn register', 'task ls', 'completion'])('%s shows what to type', async (command) => {
    const { stdout } = await help(`mpcsfaas ${command}`);
    const [, examples = ''] = stdout.split('\nFor example:\n');
    expect(examples).toMatch(new RegExp(`^ {2}.*mpcsfaas ${command} `));
    // Which service is asked says nothing of how the answer is written.
    expect(stdout.split('Which service:\n')[1] ?? '').not.toMatch(/^ {2}--json/m);
  });

  it('says that the limits of the queue are those of each shard', async () => {
    for (const line of ['mpcsfaas up', 'mpcsfaas service']) {
      const text = optionsIn((await help(line)).stdout).join('\n');
      expect(text).toMatch(/--max-queued-tasks .* with several shards in each/);
      expect(text).toMatch(/--max-queued-bytes .* with several shards in each/);
    }
  });

  it('says whose key an address wants', async () => {
    expect((await help('mpcsfaas up')).stdout).toMatch(/--host <address> +address to listen on; another than/);
    const { stdout } = await help('mpcsfaas dispatcher');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'address that workers connect to; another than loopback needs the worker key',
    );
  });

  it.each([[[]], [['fn']], [['task']], [['keys']]])('%j alone says what there is', async (args) => {
    const { code, stdout, stderr } = await mpcsfaas(args);
    expect([code, stdout]).toEqual([2, '']);
    const help = ['mpcsfaas', ...args, '--help'].join(' ');
    expect(stderr).toMatch(new RegExp(`^mpcsfaas: Say what to do, one of [a-z, ]+; \`${help}\` tells more\\.\n$`));
  });

  it('--version', async () => {
    expect((await mpcsfaas(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a wrong call', () => {
  const env = (): Record<string, string> => ({
    MPCSFAAS_PYTHON: PYTHON,
    MPCSFAAS_DATA_DIR: folder,
    MPCSFAAS_LOG_LEVEL: 'silent',
    MPCSFAAS_URL: nobody,
  });

  describe('that is told before anything begins', () => {
    const calls: [string[], RegExp][] = [
      [['upp'], /unknown command 'upp' \(Did you mean up\?\) See `mpcsfaas --help`/i],
      [['fn', 'lss'], /Did you mean ls\?/],
      [['up', '--prot', '1'], /unknown option '--prot' \(Did you mean --port\?\) See `mpcsfaas up --help`/i],
      [['up', 'extra'], /too many arguments/i],
      [['up', '--port', 'abc'], /'--port <port>' argument 'abc' is invalid\. Give a whole number from 0 to 65535/],
      ...['0x50', '2.1e4', '+21000', ' 21000', '1_000', '-1', '21000.0', ''].map((text): [string[], RegExp] => [
        ['up', `--port=${text}`],
        /is invalid\. Give a whole number from 0 to 65535, in decimal digits/,
      ]),
      [['up', '--port', '70000'], /whole number from 0 to 65535/],
      [['up', '--mode', 'pusch'], /Allowed choices are local, pull, push/],
      [['up', '--slots', '0'], /whole number from 1 to 1024/],
      [['up', '--result-ttl', '9s'], /'9s' is invalid\. Give at least 10s\./],
      // A timer of more than 2^31 - 1 ms is over at once.
      [['up', '--grace', '25d'], /'25d' is invalid\. Give at most 576h\./],
      [['top', '--interval', '600h'], /'600h' is invalid\. Give at most 576h\./],
      [['up', '--default-timeout', 'soon'], /duration such as 90s/],
      [['up', '--max-args-bytes', 'much'], /size such as 64MiB/],
      [['worker', 'push'], /missing required argument 'urls'/i],
      [['worker', 'pus', 'tcp://127.0.0.1:1'], /Allowed choices are pull, push/],
      [['call'], /missing required argument 'name'/i],
      [['fn', 'ls', '--limit', 'all'], /whole number from 1 to 1000/],
      [
        ['fn', 'show', ''],
        /value '' is invalid for argument 'ref'\. Give an id, name or name@version\. See `mpcsfaas fn show --help`/,
      ],
      [['fn', 'rm', ''], /Give an id, name or name@version/],
      [['fn', 'rm', '..'], /Give an id, name or name@version/],
      [['fn', 'show', '.@1'], /Give an id, name or name@version/],
      [['task', 'show', ''], /Give the task's id, from `task ls`/],
      [['task', 'cancel', 'x', ''], /Give the task's id/],
      [['call', '', '1'], /Give a name, name@version or id/],
      [['call', '.'], /Give a name, name@version or id/],
      ...['foo', 'https://a.example/', 'https://A.example', 'http://a.example:80', 'null', '//a.example'].map(
        (origin): [string[], RegExp] => [
          ['up', '--cors-origin', origin],
          /Give an origin as browsers send it, scheme:/,
        ],
      ),
      [['up', '--data-dir', ''], /Give a path; an empty one names nothing/],
      [['up', '--mode', 'push', '--host', '0.0.0.0'], /shared key: set MPCSFAAS_WORKER_KEY/],
      [
        ['up', '--mode', 'push', '--worker-key-file', '/nowhere'],
        /worker key file \/nowhere cannot be read \(ENOENT\)/,
      ],
      [['service'], /meets its dispatchers in Redis/],
      [['dispatcher'], /meets the service in Redis/],
      [['worker', 'push', 'nonsense'], /address looks like tcp:\/\/127\.0\.0\.1:5555, not "nonsense"/],
      [['worker', 'push', 'tcp://127.0.0.1:0'], /address looks like tcp:\/\/127\.0\.0\.1:5555/],
      [['worker', 'push', 'tcp://[::1]:5555'], /dispatcher's address is an IPv4 address or a host's name, not \[::1\]/],
      [['up', '--mode', 'push', '--host', '::1'], /workers' port is an IPv4 address or a host's name, not ::1/],
      [['worker', 'push', 'tcp://10.9.9.9:5555'], /reached with the shared worker key only/],
      [['call', 'f', '--kw', 'oops'], /--kw takes name=value, not "oops"/],
      ...['--port=8001', '--host=::1'].map((more): [string[], RegExp] => [
        ['fn', 'ls', '--url', 'http://127.0.0.1:8000', more],
        /^--url names the whole address: leave --host and --port out, or give them in place of it\.$/,
      ]),
      [['fn', 'ls', '--url', 'nowhere'], /--url takes an address such as http:/],
      [['keys', 'revoke', ''], /Give the key's id, from `keys ls`/],
      [['fn', 'register', 'gone.py'], /The file gone\.py cannot be read \(ENOENT\)/],
      [
        ['fn', 'register', 'two.py:C.m'],
        /^"C\.m" is no name that a file can have at its top level: say two\.py:NAME, or two\.py for the only function\.$/,
      ],
      [
        ['fn', 'register', 'kw.py:'],
        /^After the colon of "kw\.py:" a function is named: say kw\.py:NAME, or kw\.py for the only function\.$/,
      ],
      [['fn', 'register', 'words.txt'], /\.py, \.js, \.mjs, \.ts or \.mts, not "\.txt"/],
    ];
    let said: Said[];
    beforeAll(async () => {
      said = await together(calls.map(([args]) => ({ program: 'mpcsfaas', args, env: env() })));
    });

    it.each(calls.map(([args, expected], at) => [args, expected, at] as const))('%s', (_args, expected, at) => {
      expect(sentence(said[at]!)).toMatch(expected);
    });
  });

  it.each<[string[], RegExp]>([
    [['up', '--redis', 'localhost:6379'], /--redis takes an address such as redis:/],
    [['up', '--host', '0.0.0.0', '--port', '0'], /without API keys it listens on loopback only/],
    [['up', '--data-dir', '/dev/null/x'], /data directory \/dev\/null\/x cannot be made/],
    [
      ['up', '--mode', 'push', '--host', '10.9.9.9', '--require-keys', '--worker-key', 'a-worker-key-of-sixteen'],
      /workers' port 10\.9\.9\.9:5555 cannot be opened: 10\.9\.9\.9 is no address of this machine; .* --host\./,
    ],
    [
      ['up', '--mode', 'push', '--host', 'no.such.host', '--require-keys', '--worker-key', 'a-worker-key-of-sixteen'],
      /there is no host no\.such\.host; choose another with --host\./,
    ],
    [['up', '--shards', '3'], /--shards is for Redis/],
    [['up', '--wait-replicas', '2'], /--wait-replicas is for Redis/],
    [['up', '--max-args-bytes', '200MiB', '--port', '0'], /--max-args-bytes \(209715200\) is more than a request/],
    [['up', '--redis', 'rediss//u:secret@h'], /^(?!.*secret).*--redis takes an address/],
  ])('%s', async (args, expected) => {
    expect(sentence(await mpcsfaas(args, env()))).toMatch(expected);
  });

  it.each<[string, string[], RegExp]>([
    ['task_dispatcher', ['-m', 'weird'], /Allowed choices are local, pull, push/],
    ['pull_worker', ['tcp://127.0.0.1:5555', '2'], /number of slots comes first/],
    ['push_worker', ['2'], /missing required argument 'urls'/i],
  ])('%s %s', async (name, args, expected) => {
    const said = await program(name, args).ended;
    expect(said.stderr).toMatch(new RegExp(`^${name}: `));
    expect(sentence(said)).toMatch(expected);
  });

  it('a wrong value from the environment names the variable', async () => {
    const said = await mpcsfaas(['up'], { MPCSFAAS_PORT: 'abc' });
    expect(sentence(said)).toMatch(/'abc' from env 'MPCSFAAS_PORT' is invalid/);
  });

  it.each([[['fn', 'ls']], [['task', 'show', 'x']], [['task', 'result', 'x']], [['call', 'f', '1']]])(
    '%s: no service runs',
    async (args) => {
      const said = await mpcsfaas([...args, '--url', nobody]);
      expect(sentence(said)).toBe(
        `No service answers at ${nobody} (ECONNREFUSED): start one with \`mpcsfaas up\`, or name another with --url or --port.`,
      );
      expect(said.code).toBe(1);
    },
  );

  it('a service that is starting is waited for, and not for long', async () => {
    const port = await freePort();
    const refused = join(folder, 'refused');
    const asking = mpcsfaas(['fn', 'ls', '--port', String(port)], { NODE_OPTIONS: tellingOfRefusals(refused) });
    // It begins to listen after the first try, and in time for the last.
    await expect.poll(() => existsSync(refused), { interval: 10 }).toBe(true);
    const late = createServer((_request, answer) => answer.end('{"items": [], "next_cursor": ""}'));
    await once(late.listen(port, '127.0.0.1'), 'listening');
    expect(await asking).toMatchObject({ code: 0, stderr: '' });
    late.closeAllConnections();
    late.close();
    const began = performance.now();
    expect((await mpcsfaas(['fn', 'ls', '--url', nobody])).code).toBe(1);
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('a port that another program has', async () => {
    const { port, server } = await takenPort();
    const args = ['up', '--port', String(port), '--data-dir', join(folder, 'taken'), '--log-level', 'silent'];
    expect(sentence(await mpcsfaas(args, { MPCSFAAS_PYTHON: PYTHON }))).toMatch(
      new RegExp(`Port ${port} on 127.0.0.1 is taken by another program`),
    );
    const workers = [
      'up',
      '--port',
      '0',
      '--mode',
      'push',
      '--worker-port',
      String(port),
      '--data-dir',
      join(folder, 'p'),
    ];
    expect(sentence(await mpcsfaas([...workers, '--log-level', 'silent'], { MPCSFAAS_PYTHON: PYTHON }))).toMatch(
      new RegExp(`workers' port 127.0.0.1:${port} cannot be opened: another program has it; .* --worker-port\\.$`),
    );
    server.close();
  });

  it('something else answers at --url, be it at a port that browsers refuse', async () => {
    const server = createServer((_request, response) => response.writeHead(404).end('not here'));
    const port = await blockedPort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const said = await mpcsfaas(['fn', 'ls', '--url', `http://127.0.0.1:${port}`]);
    expect(sentence(said)).toMatch(/is no MPCSFaaS service: it said 404 "not here"/);
    server.close();
  });

  it.each([401, 403, 413])('something in front of the service says %i by itself', async (status) => {
    const proxy = await standIn((_request, response) => response.writeHead(status).end('<h1>nginx</h1>'));
    const { stderr } = await mpcsfaas(['fn', 'ls', '--url', proxy.url]);
    expect(stderr).toBe(
      `mpcsfaas: Something in front of the service at ${proxy.url} refused this with ${status}: change what it lets through, or name another with --url.\n`,
    );
    proxy.close();
  });

  it('a service that is older than this command', async () => {
    const detail = 'There is no GET /v1/functions here.';
    const problem = { type: '', title: '', status: 404, detail, code: 'route_not_found', request_id: 'r' };
    const older = await standIn((_request, response) => {
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
    });
    const { code, stderr } = await mpcsfaas(['fn', 'ls', '--url', older.url]);
    expect([code, stderr]).toEqual([
      1,
      `mpcsfaas: The service at ${older.url} is older than this command: update it. (${detail})\n`,
    ]);
    older.close();
  });

  it.each(['http://me:secret@127.0.0.1:1', 'http://secret@127.0.0.1:1', 'me:secret@127.0.0.1:1', 'ftp://me:secret@a'])(
    'an address with a password, %s, is repeated to nobody',
    async (url) => {
      const [typed, set] = await together([
        { program: 'mpcsfaas', args: ['fn', 'ls', '--url', url], env: {} },
        { program: 'mpcsfaas', args: ['fn', 'ls'], env: { MPCSFAAS_URL: url } },
      ]);
      const what = 'takes no user and password: give a key with --api-key or MPCSFAAS_API_KEY.';
      expect([typed, set].map((said) => [said!.code, sentence(said!)])).toEqual([
        [2, `--url ${what}`],
        [2, `MPCSFAAS_URL ${what}`],
      ]);
    },
  );

  it('a certificate that is not trusted is no service that is away', async () => {
    const server = createTlsServer(newCertificate(folder)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const line of [
      ['fn', 'ls'],
      ['call', 'f'],
    ])
      expect(sentence(await mpcsfaas([...line, '--url', url]))).toBe(
        `The certificate of the service at ${url} is not trusted here (DEPTH_ZERO_SELF_SIGNED_CERT): correct --url, or name the file of whoever signed it in NODE_EXTRA_CA_CERTS.`,
      );
    server.close();
  });

  it('something else says yes to everything', async () => {
    let said = '';
    const server = createServer((_request, response) => response.end(said)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const id = '01890000-0000-7000-8000-000000000000';
    const lines = [
      ...[['fn', 'ls'], ['call', 'x'], ['workers'], ['top'], ['keys', 'ls'], ['task', 'ls'], ['task', 'cancel', id]],
      ...[
        ['task', 'logs', id],
        ['task', 'logs', '-f', id],
        ['task', 'show', id],
        ['task', 'retry', id],
        ['fn', 'show', 'x'],
        ['fn', 'rm', 'x'],
      ],
      ...[
        ['keys', 'create'],
        ['keys', 'revoke', id],
      ],
    ];
    for (said of ['{"hi":1}', '<html>hi</html>']) {
      // A page for people is seen where all answers are read, or where one goes on.
      const asked = said.startsWith('<') ? lines.filter(([group]) => group === 'call' || group === 'task') : lines;
      const answers = await together(
        asked.map((line) => ({ program: 'mpcsfaas', args: [...line, '--port', String(port)], env: {} })),
      );
      for (const answer of answers)
        expect([answer.code, answer.stdout, sentence(answer).replace(`${id}: `, '')]).toEqual([
          1,
          '',
          `What answers at http://127.0.0.1:${port} is no MPCSFaaS service: it said 200 ${JSON.stringify(said)}.`,
        ]);
    }
    server.close();
  });
});

describe('settings in the environment', () => {
  it.each(['1', 'true', 'YES', 'on'])('a switch is on at %j', async (on) => {
    const env = {
      MPCSFAAS_REQUIRE_KEYS: on,
      MPCSFAAS_DATA_DIR: join(folder, 'on'),
      MPCSFAAS_PORT: '0',
      MPCSFAAS_PYTHON: PYTHON,
    };
    expect(sentence(await mpcsfaas(['up', '--log-level', 'silent'], env))).toMatch(/^Callers need a key/);
  });

  it('a switch that says neither on nor off is refused', async () => {
    const said = await mpcsfaas(['up'], { MPCSFAAS_REQUIRE_KEYS: 'maybe', MPCSFAAS_DATA_DIR: folder });
    expect(sentence(said)).toBe(
      'MPCSFAAS_REQUIRE_KEYS is a switch: set it to 1, true, yes or on, or to 0, false, no or off, not to "maybe".',
    );
    expect(said.code).toBe(2);
  });

  it('origins are taken as browsers send them', async () => {
    const origins = 'https://a.example,http://localhost:3000,http://[::1]:5000,chrome-extension://abc,*';
    const env = {
      MPCSFAAS_CORS_ORIGIN: origins,
      MPCSFAAS_PORT: '0',
      MPCSFAAS_DATA_DIR: join(folder, 'cors'),
      MPCSFAAS_PYTHON: PYTHON,
    };
    const up = program('mpcsfaas', ['up', '--json'], env);
    await up.says(/"url": "(http:[^"]+)"/);
    up.signal('SIGTERM');
    expect((await up.ended).code).toBe(0);
  });

  it('an empty one is not set, and a switch is off where it says so', async () => {
    const env = {
      MPCSFAAS_REDIS: '',
      MPCSFAAS_PORT: '0',
      MPCSFAAS_REQUIRE_KEYS: '0',
      MPCSFAAS_DATA_DIR: join(folder, 'env'),
      MPCSFAAS_PYTHON: PYTHON,
    };
    const up = program('mpcsfaas', ['up', '--json'], env);
    const [, url = ''] = await up.says(/"url": "(http:[^"]+)"/);
    expect((await fetch(`${url}/v1/functions`)).status).toBe(200);
    up.signal('SIGTERM');
    expect((await up.ended).code).toBe(0);
  });
});
