// Every option of the programs, once: flag, environment variable, default, what it means. Commands pick from here.
import { availableParallelism, homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { LIMITS, MIN_RESULT_TTL_MS, type LimitName } from '@mpcsfaas/contract/words';
import { readConfigFile, variableOf } from './config-file.ts';
import { UserError } from './user-error.ts';
import {
  collect,
  duration,
  durationFrom,
  durationText,
  MOST_TIMED_MS,
  origin,
  port,
  size,
  sizeText,
  whole,
} from './units.ts';

/** The shell's variables, read here and nowhere else. */
export const environment: Readonly<Record<string, string | undefined>> = process.env;

/** The variables that nobody set and the config file did: each with the name that it has there. */
const fromFile = new Map<string, string>();

/**
 * Forgets what the environment says, and reads no file: whoever asks for help may do so because something there is wrong.
 */
export function ignoreEnvironment(): void {
  for (const name of Object.keys(process.env))
    if (name.startsWith('MPCSFAAS_')) Reflect.deleteProperty(process.env, name);
}

/**
 * Settles what the environment says: an empty variable is one that is not set, a switch is off where it says so (commander
 * itself takes every variable that exists for given), and below it stands the config file. @throws UserError
 */
export function settleEnvironment(): void {
  const options = settings();
  const switches = new Set(options.filter((option) => option.isBoolean()).map(({ envVar }) => envVar));
  const known = new Set(options.map(({ envVar }) => envVar!));
  const said = (name: string, value: string, place = name): boolean =>
    switches.has(name) ? switchOf(place, value) : value !== '';
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith('MPCSFAAS_') || value === undefined || said(name, value)) continue;
    // A switch that is off is said, too: the file does not turn it on.
    if (switches.has(name) && value !== '') known.delete(name);
    Reflect.deleteProperty(process.env, name);
  }
  const { path, demanded } = configFile();
  for (const [name, { setting, value }] of readConfigFile(
    path,
    new Set(options.map(({ envVar }) => envVar!)),
    demanded,
    new Set(options.filter((one) => !one.isBoolean() && one.parseArg === undefined).map(({ envVar }) => envVar!)),
  )) {
    if (!known.has(name) || process.env[name] !== undefined || !said(name, value, inFile(setting, path))) continue;
    process.env[name] = value;
    fromFile.set(name, setting);
  }
}

/** Where the config file is, or would be; `demanded`: somebody named it. */
export function configFile(): { path: string; demanded: boolean } {
  const named = environment['MPCSFAAS_CONFIG'];
  if (named !== undefined) return { path: typedPath(named), demanded: true };
  return { path: join(baseFolder('XDG_CONFIG_HOME', '.config'), 'mpcsfaas', 'config.json'), demanded: false };
}

/** All options that are settings, each variable once. */
export function settings(): Option[] {
  const found = new Map<string, Option>();
  for (const make of Object.values(OPTIONS)) {
    const option = make();
    const { envVar, long } = option;
    // The dispatcher's --port is a setting by another name, which has an option of its own.
    const isItsName = envVar !== undefined && envVar === variableOf(long?.slice(2) ?? '');
    if (isItsName && !found.has(envVar)) found.set(envVar, option);
  }
  return [...found.values()];
}

/** Who said an option of this command. */
export function saidBy(
  command: Command,
  name: string,
  variable: string,
): 'argument' | 'environment' | 'file' | 'default' {
  switch (command.getOptionValueSource(name)) {
    case 'cli':
      return 'argument';
    case 'env':
      return fromFile.has(variable) ? 'file' : 'environment';
    default:
      return 'default';
  }
}

/** commander's `from env 'MPCSFAAS_PORT'`, where it was the file. */
export function toldPlace(sentence: string): string {
  return sentence.replace(/from env '(\w+)'/, (whole, name: string) =>
    fromFile.has(name) ? `from ${placeOf(name)}` : whole,
  );
}

/** Where a setting stands that no argument gave, or where it could. */
export function placeOf(variable: string): string {
  const setting = fromFile.get(variable);
  return setting === undefined ? variable : inFile(setting, configFile().path);
}

function inFile(setting: string, path: string): string {
  return `${JSON.stringify(setting)} of the config file ${path}`;
}

function switchOf(place: string, value: string): boolean {
  if (/^(0|false|no|off|)$/i.test(value)) return false;
  if (/^(1|true|yes|on)$/i.test(value)) return true;
  throw new UserError(
    `${place} is a switch: set it to 1, true, yes or on, or to 0, false, no or off, not to ${JSON.stringify(value)}.`,
    2,
  );
}

/** Where `npm start` was typed; npm itself runs scripts in the package's folder. */
export function startDirectory(): string {
  return environment['INIT_CWD'] ?? process.cwd();
}

/** A path as it was typed: from the directory of the command, whichever folder npm runs us in. @throws InvalidArgumentError */
export function typedPath(text: string): string {
  if (text === '') throw new InvalidArgumentError('Give a path; an empty one names nothing.');
  return resolve(startDirectory(), text);
}

/** A command is looked for on PATH where it names no folder, as a shell does. */
function typedCommand(text: string): string {
  return text.includes('/') ? typedPath(text) : text;
}

function dataHome(): string {
  return join(baseFolder('XDG_DATA_HOME', join('.local', 'share')), 'mpcsfaas');
}

/** As the XDG Base Directory Specification has it: what is empty, or no absolute path, counts as not set. */
function baseFolder(variable: string, inHome: string): string {
  const named = environment[variable];
  return named !== undefined && isAbsolute(named) ? named : join(homedir(), inHome);
}

/** `--data-dir DIR` is MPCSFAAS_DATA_DIR in the environment, and so on. */
function envName(flags: string): string {
  return variableOf(/--([a-z-]+)/.exec(flags)?.[1] ?? flags);
}

function option(flags: string, description: string): Option {
  return new Option(flags, description).env(envName(flags));
}

function limit(name: LimitName, what: string): Option {
  const { option: flag, default: value } = LIMITS[name];
  if (name.endsWith('_tasks') || name.startsWith('rate_'))
    return option(`${flag} <n>`, what)
      .argParser(whole(name.startsWith('rate_') ? 0 : 1, 1e9))
      .default(value);
  if (name.endsWith('_ms'))
    return (
      option(`${flag} <time>`, what)
        // No task may ask for less: what is not found after so long has expired, what is younger was never there.
        .argParser(name === 'result_ttl_ms' ? durationFrom(MIN_RESULT_TTL_MS) : duration)
        .default(value, durationText(value))
    );
  return option(`${flag} <size>`, what).argParser(size).default(value, sizeText(value));
}

const cores = availableParallelism();

const OPTIONS = {
  host: () => option('--host <address>', 'address to listen on; another than loopback needs keys').default('127.0.0.1'),
  dispatcherHost: () =>
    option('--host <address>', 'address that workers connect to; another than loopback needs the worker key').default(
      '127.0.0.1',
    ),
  port: () => option('--port <port>', 'port of the REST API').argParser(port).default(8000),
  dispatcherPort: () =>
    new Option('-p, --port <port>', 'port that workers connect to')
      .env('MPCSFAAS_WORKER_PORT')
      .argParser(port)
      .default(5555),
  workerPort: () =>
    option('--worker-port <port>', 'with --mode pull or push: port that workers connect to')
      .argParser(port)
      .default(5555),
  dataDir: () =>
    option('--data-dir <dir>', 'where the embedded store, large results and unpacked Python packages are kept')
      .argParser(typedPath)
      .default(dataHome()),
  /** A service keeps nothing here, but one list of options may serve for all programs of a machine. */
  unusedDataDir: () => option('--data-dir <dir>', 'not used by this program').hideHelp(),
  sync: () =>
    option('--sync <level>', 'embedded store: survive the end of the process (normal) or of the machine (full)')
      .choices(['normal', 'full'])
      .default('normal'),
  redis: () =>
    option(
      '--redis <url>',
      'keep everything in this Redis (7 or newer) or Valkey; redis+sentinel:// or redis+cluster:// where it is several servers, rediss… for TLS',
    ).default(undefined, 'the embedded store'),
  sharedRedis: () =>
    option(
      '--redis <url>',
      'the Redis (7 or newer) or Valkey where service and dispatchers meet; redis+sentinel:// or redis+cluster:// where it is several servers',
    ).default(undefined, 'none, it must be given'),
  classicRedis: () =>
    option(
      '--redis <url>',
      'the Redis (7 or newer) or Valkey where service and dispatchers meet; redis+sentinel:// or redis+cluster:// where it is several servers',
    ).default('redis://127.0.0.1:6379'),
  shards: () =>
    option('--shards <n>', 'number of shards, fixed at the first start; more than 1 is for Cluster')
      .argParser(whole(1, 4096))
      .default(undefined, '1, or what the store has'),
  waitReplicas: () =>
    option('--wait-replicas <n>', 'Redis: acknowledge only what this many replicas have')
      .argParser(whole(0, 16))
      .default(0),
  mode: () =>
    new Option('-m, --mode <mode>', 'where functions run')
      .env('MPCSFAAS_MODE')
      .choices(['local', 'pull', 'push'])
      .default('local'),
  slots: () =>
    new Option('-w, --slots <n>', 'slots: calls that run at a time')
      .env('MPCSFAAS_SLOTS')
      .argParser(whole(1, 1024))
      .default(cores, `${cores}, the number of cores`),
  python: () =>
    option('--python <path>', 'the Python that runs functions')
      .argParser(typedCommand)
      .default(undefined, 'the first python3 on PATH'),
  pythonPath: () =>
    option('--python-path <dir>', 'where functions find your own modules; repeatable')
      .argParser(collect(`[,${delimiter}]`, typedPath))
      .default(undefined, 'the directory of the command'),
  label: () => option('--label <label>', 'a label that tasks can require; repeatable').argParser(collect(',')),
  workerKey: () =>
    option(
      '--worker-key <key>',
      'the shared key of dispatchers and workers itself; others can read a command line, the file and the variable not',
    ),
  workerKeyFile: () =>
    option(
      '--worker-key-file <file>',
      'the file with the shared key of dispatchers and workers; needed off loopback',
    ).argParser(typedPath),
  grace: () =>
    option('--grace <time>', 'time for running calls when the program is told to end')
      .argParser(durationFrom(0, MOST_TIMED_MS))
      .default(30_000, '30s'),
  apiKey: () =>
    option('--api-key <key>', 'key to call with; others can read a command line, the variable and the config file not'),
  processes: () =>
    option('--processes <n>', 'processes that serve the port, where there are cores for them')
      .argParser(whole(1, 256))
      .default(1),
  requireKeys: () => option('--require-keys', 'refuse calls without a key, on loopback too').default(false),
  corsOrigin: () =>
    option('--cors-origin <origin>', 'web pages of this origin may call the API; repeatable; * = any').argParser(
      collect(',', origin),
    ),
  classicCreated: () => option('--classic-created', 'classic POST calls answer 201').default(false),
  classicComplete: () =>
    option('--classic-complete', 'the classic API says COMPLETE in place of COMPLETED').default(false),
  logLevel: () =>
    option('--log-level <level>', 'how much is logged to stderr')
      .choices(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info'),
  url: () =>
    option('--url <url>', 'address of the service').default(undefined, 'http://HOST:PORT, of --host and --port'),
  serviceHost: () => option('--host <address>', 'host of the service').default('127.0.0.1'),
  servicePort: () => option('--port <port>', 'port of the service').argParser(port).default(8000),
  json: () => new Option('--json', 'print JSON, for programs').default(false),
  maxArgs: () => limit('max_args_bytes', 'largest arguments of a task'),
  maxResult: () => limit('max_result_bytes', 'largest result of a task'),
  maxBody: () => limit('max_body_bytes', 'largest request'),
  maxCode: () => limit('max_code_bytes', "largest function's code"),
  logHead: () => limit('log_head_bytes', "what is kept of a call's output: its beginning"),
  logTail: () => limit('log_tail_bytes', "what is kept of a call's output: its end"),
  defaultTimeout: () => limit('default_timeout_ms', 'time limit of tasks that name none; 0 = none'),
  resultTtl: () => limit('result_ttl_ms', 'how long ended tasks and their results are kept'),
  maxQueuedTasks: () => limit('max_queued_tasks', 'most tasks in the queue; with several shards in each'),
  maxQueuedBytes: () => limit('max_queued_bytes', 'most argument bytes in the queue; with several shards in each'),
  rateLimit: () =>
    limit('rate_limit', 'tasks that each caller may submit a second, to each process of the service; 0 = no limit'),
  rateLimitBurst: () => limit('rate_limit_burst', 'tasks that a caller may submit at once; 0 = those of one second'),
  expectAof: () =>
    option('--expect-aof <level>', 'warn in /readyz when the Redis keeps less than this')
      .choices(['none', 'everysec', 'always'])
      .default('none'),
} as const;

export type OptionName = keyof typeof OPTIONS;

const GROUPS = {
  store: ['dataDir', 'redis', 'shards', 'waitReplicas', 'expectAof', 'sync'],
  sharedStore: ['sharedRedis', 'shards', 'waitReplicas', 'expectAof'],
  classicStore: ['classicRedis', 'shards', 'waitReplicas', 'expectAof'],
  service: [
    'host',
    'port',
    'requireKeys',
    'corsOrigin',
    'classicCreated',
    'classicComplete',
    'maxArgs',
    'maxResult',
    'maxBody',
    'maxCode',
    'defaultTimeout',
    'resultTtl',
    'maxQueuedTasks',
    'maxQueuedBytes',
    'rateLimit',
    'rateLimitBurst',
  ],
  runners: ['slots', 'python', 'pythonPath', 'label', 'grace', 'logHead', 'logTail'],
  classicRunners: ['python', 'pythonPath', 'label', 'grace', 'logHead', 'logTail'],
  client: ['json', 'url', 'serviceHost', 'servicePort', 'apiKey'],
} as const satisfies Record<string, readonly OptionName[]>;

/** What stands above a group in a command's help. */
const HEADINGS: Record<keyof typeof GROUPS, string> = {
  store: 'Where tasks are kept:',
  sharedStore: 'Where tasks are kept:',
  classicStore: 'Where tasks are kept:',
  service: 'The REST API:',
  runners: 'What runs functions:',
  classicRunners: 'What runs functions:',
  client: 'Which service:',
};

/** Adds options to a command, in the order given; a group's name stands for all of its options. */
export function withOptions(command: Command, ...names: (OptionName | keyof typeof GROUPS)[]): Command {
  for (const name of names) {
    if (!isGroup(name)) command.addOption(OPTIONS[name]());
    else
      for (const member of GROUPS[name]) {
        const option = OPTIONS[member]();
        // It says how, and not which service.
        command.addOption(member === 'json' ? option : option.helpGroup(HEADINGS[name]));
      }
    if (name === 'workerKeyFile') command.hook('preAction', (_parent, called) => settleWorkerKey(called));
    if (name === 'client') command.hook('preAction', (_parent, called) => settleUrl(called));
  }
  return command;
}

const RANKS = ['default', 'file', 'environment', 'argument'] as const;

/**
 * One address of the service for a client's command: --url, else that of host and port, by which a service on this
 * machine was told where to listen. A host or port that was said in a stronger place counts before a url, and on the line
 * beside one it is a mistake. @throws UserError
 */
export function settleUrl(command: Command): void {
  const rank = (name: string, variable: string): number => RANKS.indexOf(saidBy(command, name, variable));
  const { url, host, port: at } = command.opts<{ url?: string; host: string; port: number }>();
  const here = Math.max(rank('host', 'MPCSFAAS_HOST'), rank('port', 'MPCSFAAS_PORT'));
  const there = rank('url', 'MPCSFAAS_URL');
  if (here === there && RANKS[here] === 'argument') {
    throw new UserError('--url names the whole address: leave --host and --port out, or give them in place of it.', 2);
  }
  if (url !== undefined && here <= there) return;
  // What listens on all addresses is asked at the nearest.
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  command.setOptionValue('url', `http://${near.includes(':') ? `[${near}]` : near}:${at}`);
}

/** Whichever of the worker key and its file was said in the stronger place; of the same place the file. */
function settleWorkerKey(command: Command): void {
  const rank = (name: string, variable: string): number => RANKS.indexOf(saidBy(command, name, variable));
  if (rank('workerKey', 'MPCSFAAS_WORKER_KEY') > rank('workerKeyFile', 'MPCSFAAS_WORKER_KEY_FILE'))
    command.setOptionValue('workerKeyFile', undefined);
}

function isGroup(name: OptionName | keyof typeof GROUPS): name is keyof typeof GROUPS {
  return name in GROUPS;
}
