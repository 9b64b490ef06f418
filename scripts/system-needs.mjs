// What the tests need of the system, beside Node: each with the Debian package that brings it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const succeeds = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

export const NEEDS = [
  {
    what: 'redis-server, version 7 or newer',
    package: 'redis-server',
    present: () => {
      const { stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
      return Number(/v=(\d+)/.exec(stdout ?? '')?.[1] ?? 0) >= 7;
    },
  },
  {
    what: 'dill for /usr/bin/python3, for the test clients',
    package: 'python3-dill',
    present: () => succeeds('/usr/bin/python3', '-c', 'import dill'),
  },
  {
    what: 'cloudpickle for /usr/bin/python3, for the test clients',
    package: 'python3-cloudpickle',
    present: () => succeeds('/usr/bin/python3', '-c', 'import cloudpickle'),
  },
  {
    what: 'numpy for /usr/bin/python3, for an example',
    package: 'python3-numpy',
    present: () => succeeds('/usr/bin/python3', '-c', 'import numpy'),
  },
  {
    what: 'openssl, for certificates that nobody trusts',
    package: 'openssl',
    present: () => succeeds('openssl', 'version'),
  },
  ...['pip', 'setuptools', 'wheel'].map((name) => ({
    what: `${name} for /usr/bin/python3, for the Python SDK`,
    package: `python3-${name}`,
    present: () => succeeds('/usr/bin/python3', '-c', `import ${name}`),
  })),
  {
    what: 'mypy, for the types of the Python SDK',
    package: 'mypy',
    present: () => succeeds('mypy', '--version'),
  },
  {
    what: 'venv for /usr/bin/python3, for what the documentation begins with',
    package: 'python3-venv',
    present: () => succeeds('/usr/bin/python3', '-c', 'import ensurepip, venv'),
  },
  {
    what: "CPython's own tests of executors for /usr/bin/python3",
    package: `libpython${pythonMinor()}-testsuite`,
    present: () =>
      ['.py', '/__init__.py'].some((end) =>
        existsSync(`/usr/lib/python${pythonMinor()}/test/test_concurrent_futures${end}`),
      ),
  },
  {
    what: 'Chromium, for the tests of pages',
    // Ubuntu has no package of the first name; the second one brings its snap.
    package: /^ID=ubuntu$/m.test(osRelease()) ? 'chromium-browser' : 'chromium',
    present: () => chromium() !== undefined,
  },
  ...['zsh', 'fish'].map((shell) => ({
    what: `${shell}, for the tests of its completion`,
    package: shell,
    present: () => succeeds(shell, '--version'),
  })),
];

/** The first of these that is here, or Chrome, which does as well. */
export function chromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  return ['/usr/bin', '/snap/bin'].flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
}

function osRelease() {
  return existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
}

/** '3.11' of /usr/bin/python3. */
function pythonMinor() {
  const { stdout } = spawnSync('/usr/bin/python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
    encoding: 'utf8',
  });
  return (stdout ?? '').trim() || '3';
}

/** The needs that are not met. */
export function missingNeeds() {
  return NEEDS.filter((need) => !need.present());
}
