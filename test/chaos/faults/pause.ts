// F2: a worker or dispatcher that stands still and comes back with old news: SIGSTOP, then SIGCONT.
import type { Role } from '../part.ts';
import { sleep, withPart, type Fault } from '../scene.ts';

const LENGTHS_MS = [2000, 5000, 20_000];

function pause(role: Role, weight: number): Fault {
  const name = `F2 stop ${role}`;
  return {
    name,
    weight,
    applies: ({ of }) => of(role).length > 0,
    run: (scene, dice) =>
      withPart(scene, role, dice, async (part) => {
        const length = dice.pick(LENGTHS_MS.filter((ms) => ms <= scene.longestMs));
        const fault = scene.ledger.fault(name, `${part.name} ${length} ms`);
        part.signal('SIGSTOP');
        await sleep(length);
        part.signal('SIGCONT');
        fault.over();
      }),
  };
}

export const pauseWorker = pause('worker', 2);
export const pauseDispatcher = pause('dispatcher', 2);
export const pauseUp = pause('up', 2);
