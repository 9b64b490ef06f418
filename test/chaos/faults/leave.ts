// F11: SIGTERM in the middle of long tasks, half of the time with a second one behind it; then a start on the same data.
import type { Role } from '../part.ts';
import { sleep, withPart, type Fault } from '../scene.ts';

function leave(role: Role, weight: number): Fault {
  const name = `F11 end ${role}`;
  return {
    name,
    weight,
    applies: ({ of }) => of(role).length > 0,
    run: (scene, dice) =>
      withPart(scene, role, dice, async (part) => {
        const twice = dice.chance(0.5);
        const fault = scene.ledger.fault(name, `${part.name}${twice ? ', told twice' : ''}`);
        part.expectEnd();
        part.signal('SIGTERM');
        if (twice) {
          await sleep(dice.between(50, 500));
          part.signal('SIGTERM');
        }
        const how = await part.ended();
        // 1 is the word of those that were told twice; any other end is a crash.
        if (how !== 0 && !(twice && how === 1)) {
          scene.ledger.violation(
            'crash',
            `${part.name} was told to end and ended with ${how}: …${part.output().slice(-1500)}`,
          );
        }
        await part.start();
        fault.over();
      }),
  };
}

export const endWorker = leave('worker', 2);
export const endDispatcher = leave('dispatcher', 1);
export const endService = leave('service', 1);
export const endUp = leave('up', 1);
