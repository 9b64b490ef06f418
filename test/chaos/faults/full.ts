// F9: no room on the embedded store's disk, and no descriptor left in a process.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { sleep, withPart, type Fault, type Scene } from '../scene.ts';
import type { Dice } from '../random.ts';

export const fullDisk: Fault = {
  name: 'F9 disk full',
  weight: 3,
  applies: ({ variant }) => variant.store === 'embedded',
  missing: ({ disk }) => ('path' in disk ? undefined : disk.reason),
  run: async (scene, dice) => {
    const { disk } = scene.stage;
    if (!('path' in disk) || scene.taken.has('disk')) return;
    scene.taken.add('disk');
    const fault = scene.ledger.fault('F9 disk full', 'store');
    disk.fill();
    await sleep(dice.between(500, Math.min(4000, scene.longestMs)));
    disk.free();
    fault.over();
    scene.taken.delete('disk');
  },
};

const prlimit = (...args: string[]): ReturnType<typeof spawnSync> => spawnSync('prlimit', args, { encoding: 'utf8' });

const ROLES = ['service', 'dispatcher', 'worker', 'up'] as const;

export const noDescriptors: Fault = {
  name: 'F9 descriptors used up',
  weight: 2,
  applies: () => true,
  missing: () => (prlimit('--version').status === 0 ? undefined : 'prlimit is missing: install the package util-linux'),
  run: (scene: Scene, dice: Dice) =>
    withPart(scene, dice.pick(ROLES.filter((role) => scene.stage.of(role).length > 0)), dice, async (part) => {
      const pid = String(part.pid());
      const [, soft = '', hard = ''] =
        /Max open files\s+(\d+)\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'latin1')) ?? [];
      const most = Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number)) + 1;
      const fault = scene.ledger.fault('F9 descriptors used up', part.name);
      prlimit('--pid', pid, `--nofile=${most}:${hard}`);
      await sleep(dice.between(500, Math.min(4000, scene.longestMs)));
      prlimit('--pid', pid, `--nofile=${soft}:${hard}`);
      fault.over();
    }),
};
