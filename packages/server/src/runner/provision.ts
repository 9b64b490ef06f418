// Brings dill and cloudpickle to a Python that lacks them: into the data directory, without root, without touching
// the user's own packages. Tried in order: pip's download (it knows the user's index), Debian's packages.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findInterpreter, isComplete, type Interpreter } from './interpreter.ts';
import { run, type Environment } from './processes.ts';

/** An unreachable index must not be waited for long, in ms. */
const PIP_MS = 30_000;
const APT_MS = 60_000;

/** Where the packages are kept between starts. */
export function packagesFolder(dataDir: string): string {
  return join(dataDir, 'python-packages');
}

/** What to do where dill cannot be brought. */
export function installAdvice(interpreter: Interpreter): string {
  return (
    `dill is not importable in ${interpreter.executable} (Python ${interpreter.version}) and could not be brought: ` +
    `install it there (${interpreter.executable} -m pip install dill cloudpickle, or on Debian apt install python3-dill ` +
    'python3-cloudpickle for the system Python), or name another Python with --python. Source functions run without it.'
  );
}

export interface Bringing {
  interpreter: Interpreter;
  /** Where the packages are to be; it is replaced whole. */
  folder: string;
  /** A folder to work in, on the same file system. It is gone afterwards. */
  work: string;
  environment: Environment;
  /** Ends it: what runs is killed and waited for. */
  signal: AbortSignal;
  /** Hears of each way that failed. */
  tell: (way: string, why: string) => void;
}

/** The folder that holds the packages now, or undefined where every way failed. Rejects where `signal` ended it. */
export async function bringPackages(bringing: Bringing): Promise<string | undefined> {
  const { interpreter, folder, work, environment, signal, tell } = bringing;
  try {
    for (const [way, bring] of [
      ['pip', withPip],
      ['apt', withApt],
    ] as const) {
      const target = join(work, way);
      mkdirSync(target, { recursive: true, mode: 0o700 });
      try {
        const made = await bring(interpreter, { cwd: target, env: environment, signal });
        const tried = await findInterpreter(interpreter.executable, environment, [made]);
        if (typeof tried === 'string' || !isComplete(tried)) throw new Error('what it brought cannot be imported');
        rmSync(folder, { recursive: true, force: true });
        renameSync(made, folder);
        return folder;
      } catch (error) {
        signal.throwIfAborted();
        tell(way, lastLine(error));
      }
    }
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Place {
  cwd: string;
  env: Environment;
  signal: AbortSignal;
}

async function withPip(interpreter: Interpreter, place: Place): Promise<string> {
  const options = { ...place, timeoutMs: PIP_MS };
  const target = place.cwd;
  await run(
    interpreter.executable,
    ['-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:', '--disable-pip-version-check'].concat([
      '--timeout',
      '5',
      '--retries',
      '0',
      '--dest',
      target,
      'dill',
      'cloudpickle',
    ]),
    options,
  );
  const out = join(target, 'out');
  for (const wheel of readdirSync(target).filter((name) => name.endsWith('.whl'))) {
    await run(interpreter.executable, ['-m', 'zipfile', '-e', join(target, wheel), out], options);
  }
  return out;
}

async function withApt(_interpreter: Interpreter, place: Place): Promise<string> {
  const options = { ...place, timeoutMs: APT_MS };
  const target = place.cwd;
  await run('apt-get', ['download', 'python3-dill', 'python3-cloudpickle'], options);
  const out = join(target, 'root');
  for (const archive of readdirSync(target).filter((name) => name.endsWith('.deb'))) {
    await run('dpkg-deb', ['-x', join(target, archive), out], options);
  }
  const packages = join(out, 'usr/lib/python3/dist-packages');
  if (!existsSync(packages)) throw new Error('the archives hold no packages');
  return packages;
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  const said = (stderr ?? '').trim();
  return (said === '' ? message : said).split('\n').at(-1) ?? '';
}
