// `mpcsfaas doctor`: what this machine has, and what to do about what it has not.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { withoutPassword } from '../../store/redis/address.ts';
import { exchange } from '../http.ts';
import { listenFault } from '../listen-fault.ts';
import { environment, withOptions } from '../options.ts';
import { version } from '../package.ts';
import { printJson, printLine } from '../print.ts';
import { trialTrouble } from '../roots/data-directory.ts';
import { missingFolders, pythonPathOf } from '../roots/runners.ts';
import { redisAddress, type StoreOptions } from '../roots/store.ts';
import { UserError } from '../user-error.ts';

interface DoctorOptions {
  python?: string;
  pythonPath?: string[];
  dataDir: string;
  redis?: string;
  expectAof: StoreOptions['expectAof'];
  host: string;
  port: number;
  workerPort: number;
  json: boolean;
}

/** One line: what was looked at, whether it is fine, what was found, what to do ('' = nothing). */
interface Finding {
  what: string;
  ok: boolean;
  found: string;
  advice: string;
}

export function doctorCommand(parent: Command): void {
  const command = parent.command('doctor').description('look at this machine: Node, Python and its dill, Redis, ports');
  withOptions(
    command,
    'python',
    'pythonPath',
    'dataDir',
    'redis',
    'expectAof',
    'host',
    'port',
    'workerPort',
    'json',
  ).action(doctor);
}

async function doctor(options: DoctorOptions): Promise<void> {
  const findings = [
    { what: 'mpcsfaas', ok: true, found: version, advice: '' },
    ...(await runtimes(options)),
    ...importPath(options),
    dataDirectory(options),
    await redis(options),
    await portFinding('REST API', options.host, options.port, '--port'),
    await portFinding('workers (pull, push)', options.host, options.workerPort, '--worker-port'),
  ];
  if (options.json) printJson(findings);
  else {
    for (const { what, ok, found, advice } of findings) {
      printLine(`${ok ? 'ok' : '--'}  ${what.padEnd(22)} ${found}`);
      if (advice !== '') printLine(`    ${' '.repeat(22)} → ${advice}`);
    }
  }
  const wrong = findings.filter(({ ok }) => !ok).map(({ what }) => what);
  if (wrong.length > 0) throw new UserError(`Not everything is as it should be: ${wrong.join('; ')}.`);
}

async function runtimes({ python, pythonPath, dataDir }: DoctorOptions): Promise<Finding[]> {
  const importPath = pythonPathOf({ ...(pythonPath && { pythonPath }) });
  const { inspectRuntimes } = await import('../../runner/index.ts');
  const reports = await inspectRuntimes({ python, pythonPath: importPath, dataDir, environment });
  return reports.flatMap(({ runtime, executable, version: found, packages, advice }) => {
    const name = runtime === 'python' ? 'Python' : 'Node';
    const lines = [
      {
        what: name,
        ok: executable !== '',
        found: `${found} ${executable}`.trim() || 'not found',
        advice: executable === '' ? advice : '',
      },
    ];
    if (runtime !== 'python' || executable === '') return lines;
    const where = packages
      .map(({ name: one, version: has, from }) => (has === '' ? `no ${one}` : `${one} ${has} (${from})`))
      .join(', ');
    // The first start brings what is missing.
    return [...lines, { what: 'dill, cloudpickle', ok: true, found: where, advice }];
  });
}

function importPath(options: DoctorOptions): Finding[] {
  const missing = missingFolders({ ...(options.pythonPath && { pythonPath: options.pythonPath }) });
  if (missing.length === 0) return [];
  return [
    { what: 'import path', ok: false, found: `no folder ${missing.join(', ')}`, advice: 'correct --python-path' },
  ];
}

function dataDirectory({ dataDir }: DoctorOptions): Finding {
  const trouble = trialTrouble(dataDir);
  return { what: 'data directory', ok: trouble === '', found: trouble || dataDir, advice: '' };
}

async function redis({ redis: url, expectAof }: DoctorOptions): Promise<Finding> {
  const what = 'Redis';
  if (url === undefined) {
    const server = await redisServerVersion();
    const advice =
      'only needed for several processes or machines: start one and give it with --redis redis://HOST:6379';
    return { what, ok: true, found: `none named; ${server}`, advice };
  }
  const address = redisAddress(url);
  const { inspectRedis } = await import('../../store/index.ts');
  const { ok, version: found, detail, warnings } = await inspectRedis(address, expectAof);
  const place = withoutPassword(address);
  if (!ok) {
    const advice = 'start it, or correct --redis (MPCSFAAS_REDIS)';
    return { what, ok, found: `${place}: ${detail}`, advice };
  }
  return { what, ok: warnings.length === 0, found: `${place}: ${found}`, advice: warnings.join(' ') };
}

async function redisServerVersion(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('redis-server', ['--version']);
    return `redis-server ${/v=(\S+)/.exec(stdout)?.[1] ?? ''} is installed`;
  } catch {
    return 'redis-server is not installed';
  }
}

/** Free, or taken: by a service of ours, which is fine, or by another program. */
async function portFinding(what: string, host: string, port: number, option: string): Promise<Finding> {
  const fault = await listenFault(host, port);
  const place = `${host}:${port}`;
  if (fault === undefined) return { what, ok: true, found: `${place} is free`, advice: '' };
  if (fault.code !== 'EADDRINUSE')
    return { what, ok: false, found: `${place}: ${fault.message}`, advice: 'correct --host' };
  const ours = await serviceVersion(place);
  if (ours !== '') return { what, ok: true, found: `${place} is served by mpcsfaas ${ours}`, advice: '' };
  const advice = `another program has it, or workers of an mpcsfaas that runs: choose another with ${option}`;
  return { what, ok: false, found: `${place} is in use`, advice };
}

/** The version of the mpcsfaas that serves there, '' where it is none. */
async function serviceVersion(place: string): Promise<string> {
  try {
    const answer = await exchange(new URL(`http://${place}/v1/version`), { signal: AbortSignal.timeout(2000) });
    const { name, version: found } = JSON.parse(answer.text) as { name?: string; version?: string };
    return name === 'mpcsfaas' ? (found ?? '') : '';
  } catch {
    return '';
  }
}
