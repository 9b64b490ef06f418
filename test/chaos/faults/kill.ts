// F1: kill -9 of each part in the middle of its work, and its start by a supervisor soon after.
import { readFileSync, readdirSync } from 'node:fs';
import { runningNow, untilFlowing, untilStartedAgain } from '../recovery.ts';
import type { Dice } from '../random.ts';
import { sleep, withPart, type Fault, type Scene } from '../scene.ts';
import type { Part } from '../part.ts';

const SUPERVISOR_MS = 1000;
/** Few of these come in a run, and how long each takes is promised. */
const QUIET = 0.7;

async function startAgain(part: Part, dice: Dice): Promise<void> {
  await sleep(dice.between(0, SUPERVISOR_MS));
  await part.start();
}

export const killWorker: Fault = {
  name: 'F1 kill worker',
  weight: 5,
  quiet: QUIET,
  applies: () => true,
  run: (scene, dice) =>
    withPart(scene, 'worker', dice, async (worker) => {
      const hit = runningNow(scene, (start) => start.worker === worker.name).map(({ entry }) => entry);
      const fault = scene.ledger.fault('F1 kill worker', worker.name);
      await worker.kill();
      await Promise.all([startAgain(worker, dice), untilStartedAgain(scene, 'worker', fault.from, hit)]);
      fault.over();
    }),
};

export const killDispatcher: Fault = {
  name: 'F1 kill dispatcher',
  weight: 4,
  quiet: QUIET,
  applies: ({ of }) => of('dispatcher').length > 0,
  run: (scene, dice) =>
    withPart(scene, 'dispatcher', dice, async (dispatcher) => {
      const fault = scene.ledger.fault('F1 kill dispatcher', dispatcher.name);
      await dispatcher.kill();
      await Promise.all([startAgain(dispatcher, dice), untilFlowing(scene, 'dispatcher', fault.from)]);
      fault.over();
    }),
};

export const killService: Fault = {
  name: 'F1 kill service',
  weight: 2,
  applies: ({ of }) => of('service').length > 0,
  run: (scene, dice) =>
    withPart(scene, 'service', dice, async (service) => {
      const fault = scene.ledger.fault('F1 kill service', service.name);
      await service.kill();
      await startAgain(service, dice);
      fault.over();
    }),
};

/** Service, dispatcher and store at once. */
export const killUp: Fault = {
  name: 'F1 kill up',
  weight: 4,
  applies: ({ of }) => of('up').length > 0,
  run: (scene, dice) =>
    withPart(scene, 'up', dice, async (up) => {
      const fault = scene.ledger.fault('F1 kill up', up.name);
      await up.kill();
      await startAgain(up, dice);
      await untilFlowing(scene, 'up', fault.from);
      fault.over();
    }),
};

/** The child that runs user code: one call is hit. */
export const killRunner: Fault = {
  name: 'F1 kill runner',
  weight: 10,
  applies: () => true,
  run: async (scene, dice) => {
    // What has run for a moment: a call that ends while the signal is on its way was not hit.
    const running = runningNow(scene, ({ pid }) => belongs(scene, pid));
    if (running.length === 0) return;
    const { entry, start } = dice.pick(running);
    const fault = scene.ledger.fault('F1 kill runner', `${start.worker} ${start.pid}`);
    process.kill(start.pid, 'SIGKILL');
    await untilStartedAgain(scene, 'runner', fault.from, [entry]);
    fault.over();
  },
};

/** The process that forks Python runners: all Python calls of one worker are hit. */
export const killTemplate: Fault = {
  name: 'F1 kill template',
  weight: 2,
  applies: () => true,
  run: async (scene, dice) => {
    const worker = dice.pick(scene.stage.of('worker'));
    const all = processesOf(scene, worker.name);
    const keepers = new Set(all.filter(({ command }) => command.includes('python/keep.py')).map(({ pid }) => pid));
    const templates = all.filter(({ parent, command }) => keepers.has(parent) && command.includes('python/start.py'));
    if (templates.length === 0) return;
    const { pid } = dice.pick(templates);
    const own = new Set(all.filter(({ parent }) => parent === pid).map((one) => one.pid));
    const hit = runningNow(scene, (start) => own.has(start.pid)).map(({ entry }) => entry);
    const fault = scene.ledger.fault('F1 kill template', `${worker.name} ${pid}`);
    process.kill(pid, 'SIGKILL');
    await untilStartedAgain(scene, 'template', fault.from, hit);
    fault.over();
  },
};

interface Process {
  pid: number;
  parent: number;
  command: string;
}

/** Processes below a part, found by where their temporary files go. */
function processesOf(scene: Scene, name: string): Process[] {
  const mark = `TMPDIR=${scene.stage.temporary(name)}\0`;
  return readdirSync('/proc')
    .filter((one) => /^\d+$/.test(one) && read(one, 'environ').includes(mark))
    .map((one) => ({
      pid: Number(one),
      parent: Number(/\) \S (\d+)/.exec(read(one, 'stat'))?.[1] ?? 0),
      command: read(one, 'cmdline').replaceAll('\0', ' '),
    }));
}

/** Is this a runner of ours? A pid that is read in a file may have become anybody's. */
function belongs(scene: Scene, pid: number): boolean {
  return read(String(pid), 'environ').includes(scene.stage.dir) && !/\) Z /.test(read(String(pid), 'stat'));
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
