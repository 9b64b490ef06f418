// What the tests need of the system, beside Node: each with the Debian package that brings it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

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
    what: 'Chromium, for the tests of pages',
    package: 'chromium',
    present: () => existsSync('/usr/bin/chromium'),
  },
];

/** The needs that are not met. */
export function missingNeeds() {
  return NEEDS.filter((need) => !need.present());
}
