// How a child is started: the one function that turns (runtime, tenant, limits, profile) into a command line, an
// environment and descriptors. A sandbox wraps the command here, and nowhere else.
import { fileURLToPath } from 'node:url';
import type { Runtime } from '@mpcsfaas/contract';
import type { Environment } from './processes.ts';

/** Where the children's programs are. */
const RUNTIMES = new URL('../../runtimes/', import.meta.url);

/** How a child is fenced in. `bare`: a process of its own, and nothing else. */
export type Profile = 'bare';

export interface LaunchRequest {
  runtime: Runtime;
  /** A process that ran one tenant's code never runs another's. */
  tenant: string;
  profile: Profile;
  limits: { memoryBytes: number };
  /** The executable: of Python or of Node. */
  executable: string;
  /** Folders of users' modules, first ones first. */
  importPath: readonly string[];
  /** Folder with dill and cloudpickle for a Python that has none, or undefined. */
  packages: string | undefined;
  cwd: string;
  /** The environment that the explicit list of a runner is taken from. */
  environment: Environment;
  /** Marks every process that comes from this pool. */
  mark: string;
  /** Python: how many runners the template can fork. */
  groups: number;
  /** The Python that keeps the child (keeper.ts), or undefined: nobody does. */
  keeper: string | undefined;
}

/** A descriptor of the child, beside 0 (nothing), 1 and 2. */
export type Descriptor = 'duplex' | 'gate';

export interface Launch {
  command: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  /** Descriptors 3, 4, … in order. */
  descriptors: Descriptor[];
  /** Is the command a keeper of the child? Its line is then the last descriptor. */
  kept: boolean;
}

/** The variable that carries the mark. */
export const MARK_NAME = 'RUNNER_POOL_MARK';

/** Of the owner's environment a child sees these, and those that begin with LC_. */
const PASSED: readonly string[] = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR'],
  ...['PYTHONPATH', 'PYTHONHOME', 'LD_LIBRARY_PATH', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
];

function runnerEnvironment(request: LaunchRequest): Record<string, string> {
  const env: Record<string, string> = { [MARK_NAME]: request.mark };
  for (const [name, value] of Object.entries(request.environment)) {
    if (value !== undefined && (PASSED.includes(name) || name.startsWith('LC_'))) {
      env[name] = value;
    }
  }
  return env;
}

/** Descriptors of one group of a template. */
const GROUP: readonly Descriptor[] = ['duplex', 'duplex', 'duplex', 'gate'];

type Command = Pick<Launch, 'command' | 'args' | 'descriptors'>;
type Recipe = (request: LaunchRequest) => Command;

const RECIPES: Record<Runtime, Recipe> = {
  python: (request) => {
    const groups = Array.from({ length: request.groups }, (_, index) => {
      const first = 4 + index * GROUP.length;
      return [first, first + 1, first + 2, first + 3];
    });
    const options = {
      control: 3,
      groups,
      importPath: request.importPath,
      packages: request.packages ?? null,
      cwd: request.cwd,
    };
    return {
      command: request.executable,
      args: [fileURLToPath(new URL('python/start.py', RUNTIMES)), JSON.stringify(options)],
      descriptors: ['duplex', ...groups.flatMap(() => GROUP)],
    };
  },
  javascript: (request) => {
    const heap = request.limits.memoryBytes > 0 ? Math.ceil(request.limits.memoryBytes / 2 ** 20) : 0;
    return {
      command: request.executable,
      args: [
        '--no-warnings',
        ...(heap > 0 ? [`--max-old-space-size=${heap}`] : []),
        fileURLToPath(new URL('javascript/runner.mjs', RUNTIMES)),
        ...(request.keeper === undefined ? [] : ['kept']),
      ],
      // The channel, the gate, and a line whose end tells that the owner is gone.
      descriptors: ['duplex', 'gate', 'duplex'],
    };
  },
};

/** The command, environment and descriptors of a child. */
export function planLaunch(request: LaunchRequest): Launch {
  const child = RECIPES[request.runtime](request);
  const { keeper } = request;
  return {
    ...(keeper === undefined ? child : keptBy(keeper, child)),
    env: runnerEnvironment(request),
    cwd: request.cwd,
    kept: keeper !== undefined,
  };
}

function keptBy(keeper: string, { command, args, descriptors }: Command): Command {
  const line = 3 + descriptors.length;
  return {
    command: keeper,
    // Without the site packages, which it does not need: it starts in half the time.
    args: ['-S', fileURLToPath(new URL('python/keep.py', RUNTIMES)), String(line), command, ...args],
    descriptors: [...descriptors, 'duplex'],
  };
}
