// What a pool would run with on this machine, for people.
import type { Runtime } from '@mpcsfaas/contract';
import { dillOf, findInterpreter, isComplete, type PythonPackage } from './interpreter.ts';
import type { Environment } from './processes.ts';
import { packagesFolder } from './provision.ts';

export interface InspectOptions {
  python: string | undefined;
  pythonPath: readonly string[];
  dataDir: string;
  environment: Environment;
}

export interface RuntimeReport {
  runtime: Runtime;
  /** Resolved path; '' where there is none. */
  executable: string;
  version: string;
  /** Python: dill and cloudpickle, with the folder they come from. */
  packages: PythonPackage[];
  /** Folders of users' modules, first ones first. */
  importPath: string[];
  /** What to do about what is missing; '' = nothing is. */
  advice: string;
}

/** Looks at both runtimes; starts nothing that stays and changes nothing. */
export async function inspectRuntimes(options: InspectOptions): Promise<RuntimeReport[]> {
  return [
    await inspectPython(options),
    {
      runtime: 'javascript',
      executable: process.execPath,
      version: process.versions.node,
      packages: [],
      importPath: [],
      advice: '',
    },
  ];
}

async function inspectPython(options: InspectOptions): Promise<RuntimeReport> {
  const importPath = [...options.pythonPath];
  const found = await findInterpreter(options.python, options.environment, [packagesFolder(options.dataDir)]);
  if (typeof found === 'string') {
    return { runtime: 'python', executable: '', version: '', packages: [], importPath, advice: found };
  }
  const pip = `${found.executable} -m pip install dill cloudpickle`;
  const advice = isComplete(found)
    ? ''
    : dillOf(found) !== ''
      ? `functions pickled with cloudpickle need it: the first start brings it where it can, or run ${pip}`
      : `pickled functions need dill: the first start brings it where it can, or run ${pip}`;
  return { runtime: 'python', ...found, importPath, advice };
}
