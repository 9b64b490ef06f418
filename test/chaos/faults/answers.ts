// F4: the answer of a store call is dropped after it was executed, and the connection with it: done, and nobody knows.
import { sleep, type Fault } from '../scene.ts';

export const dropAnswers: Fault = {
  name: 'F4 answers of the store dropped',
  weight: 3,
  applies: ({ storeWires }) => storeWires.size > 0,
  run: async (scene, dice) => {
    const name = dice.pick([...scene.stage.storeWires.keys()]);
    if (scene.taken.has(`store wire ${name}`)) return;
    scene.taken.add(`store wire ${name}`);
    const wire = scene.stage.storeWires.get(name)!;
    // 1 to 5 % of the calls.
    const oneIn = dice.between(20, 100);
    const fault = scene.ledger.fault('F4 answers of the store dropped', `${name}, one in ${oneIn}`);
    wire.swallow(oneIn);
    await sleep(dice.between(1000, Math.min(5000, scene.longestMs)));
    wire.heal();
    fault.over();
    scene.taken.delete(`store wire ${name}`);
  },
};
