// Finds the Python that runs users' functions: resolved once, because a shim on PATH can cost half a second a start.
import { NOT_FROM_HERE } from '../python-question.ts';
import { run, type Environment } from './processes.ts';

/** One of the packages that pickled functions need. */
export interface PythonPackage {
  name: 'dill' | 'cloudpickle';
  /** '' where it is not importable. */
  version: string;
  /** The folder it is imported from, '' where it is not. */
  from: string;
}

export interface Interpreter {
  executable: string;
  /** '3.11.2' */
  version: string;
  packages: PythonPackage[];
}

const ASK = `
${NOT_FROM_HERE}
import json, os
sys.path.extend(sys.argv[1:])
def about(name):
    try:
        module = __import__(name)
        return {'name': name, 'version': str(getattr(module, '__version__', '?')), 'from': os.path.dirname(os.path.dirname(module.__file__))}
    except BaseException:
        return {'name': name, 'version': '', 'from': ''}
print(json.dumps({'executable': sys.executable, 'version': '%d.%d.%d' % sys.version_info[:3],
                  'packages': [about('dill'), about('cloudpickle')]}))
`;

/**
 * The interpreter at `python`, or the first python3 on the PATH of `environment`. A string is the sentence that says
 * why there is none.
 * @param extraPath - folders at the end of its import path
 */
export async function findInterpreter(
  python: string | undefined,
  environment: Environment,
  extraPath: readonly string[],
): Promise<Interpreter | string> {
  const command = python ?? 'python3';
  try {
    const stdout = await run(command, ['-c', ASK, ...extraPath], { env: environment, timeoutMs: 20_000 });
    const found = JSON.parse(stdout) as Interpreter;
    const [major = 0, minor = 0] = found.version.split('.').map(Number);
    if (major > 3 || (major === 3 && minor >= 8)) return found;
    return `${found.executable} is Python ${found.version}: name Python 3.8 or newer with --python`;
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string | number; stderr?: string };
    if (code !== 'ENOENT') {
      // What a traceback ends with says what it is about.
      const last = stderr.trim().split('\n').at(-1) ?? '';
      const how =
        typeof code === 'number'
          ? `it ends with exit code ${code}`
          : error instanceof SyntaxError
            ? 'it does not answer as a Python'
            : code === 'EACCES'
              ? 'it may not be run'
              : 'it does not answer';
      return `${command} does not work as a Python (${how}${last === '' ? '' : `: ${last}`}): name another with --python`;
    }
    return python === undefined
      ? 'there is no python3 on PATH: install Python 3.8 or newer, or name one with --python'
      : `there is no Python at ${python}: correct --python`;
  }
}

/** Can every package be imported? */
export function isComplete(interpreter: Interpreter): boolean {
  return interpreter.packages.every((one) => one.version !== '');
}

/** The version of dill; '' = there is none, and pickled functions cannot be read. */
export function dillOf(interpreter: Interpreter): string {
  return interpreter.packages.find((one) => one.name === 'dill')?.version ?? '';
}
