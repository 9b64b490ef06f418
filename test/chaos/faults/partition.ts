// F5: partitions and bad lines between dispatcher and worker and between service or dispatcher and store, made by the
// proxies in between: silence both ways or one way, bytes lost, delay, half-open connections, nobody let in.
import type { Dice } from '../random.ts';
import { sleep, type Fault, type Scene } from '../scene.ts';
import type { Stage } from '../stage.ts';
import type { Way, Wire } from '../wire.ts';

type Ill = (wire: Wire, way: Way) => void;

const other = (way: Way): Way => (way === 'requests' ? 'answers' : 'requests');

/** `way` is drawn: it matters for what is one way only. */
const ILLS: Record<string, Ill> = {
  silence: (wire, way) => {
    wire.set(way, { kind: 'hold' });
    wire.set(other(way), { kind: 'hold' });
  },
  'silence one way': (wire, way) => wire.set(way, { kind: 'hold' }),
  'bytes lost': (wire, way) => {
    wire.set(way, { kind: 'lose' });
    wire.set(other(way), { kind: 'lose' });
  },
  'bytes lost one way': (wire, way) => wire.set(way, { kind: 'lose' }),
  'delay of 200 ms ± 100': (wire, way) => {
    wire.set(way, { kind: 'delay', ms: 200, jitter: 100 });
    wire.set(other(way), { kind: 'delay', ms: 200, jitter: 100 });
  },
  'half open': (wire) => wire.halfOpen(),
  'nobody let in': (wire) => wire.refuse(),
  reset: (wire) => wire.reset(),
};

function partition(name: string, weight: number, wiresOf: (stage: Stage, dice: Dice) => [string, Wire][]): Fault {
  return {
    name,
    weight,
    applies: (stage) => wiresOf(stage, { pick: (list: readonly unknown[]) => list[0] } as Dice).length > 0,
    run: async (scene: Scene, dice) => {
      const wires = wiresOf(scene.stage, dice);
      const ill = dice.pick(Object.keys(ILLS));
      const way = dice.pick(['requests', 'answers'] as const);
      const names = wires.map(([wire]) => wire);
      if (names.some((one) => scene.taken.has(one))) return;
      for (const one of names) scene.taken.add(one);
      const fault = scene.ledger.fault(name, `${names.join(', ')}: ${ill} (${way})`);
      for (const [, wire] of wires) ILLS[ill]!(wire, way);
      await sleep(dice.between(500, Math.min(8000, scene.longestMs)));
      for (const [, wire] of wires) wire.heal();
      fault.over();
      for (const one of names) scene.taken.delete(one);
    },
  };
}

const named = (prefix: string, wires: ReadonlyMap<string, Wire>): [string, Wire][] =>
  [...wires].map(([name, wire]) => [`${prefix} ${name}`, wire]);

export const partitionWorker = partition('F5 worker cut off', 4, ({ workerWires }, dice) => {
  const all = named('worker wire', workerWires);
  const one = dice.pick(all);
  // From one of its dispatchers, or from all of them.
  const worker = one[0].split(' ')[2]!;
  return dice.pick([[one], all.filter(([name]) => name.split(' ')[2] === worker)]);
});

export const partitionStore = partition('F5 store cut off', 4, ({ storeWires }, dice) => {
  const all = named('store wire', storeWires);
  return all.length === 0 ? [] : [dice.pick(all)];
});
