// F5 by the kernel: the whole network of the run delayed and lossy, or gone for a while. In a namespace of its own only.
import { execFileSync } from 'node:child_process';
import { noNetem, noNetwork } from '../network-namespace.ts';
import { sleep, type Fault, type Scene } from '../scene.ts';

const SHARED = 'another variant runs on the same network';

async function withNetwork(scene: Scene, name: string, begin: string, end: string, ms: number): Promise<void> {
  if (scene.taken.has('network')) return;
  scene.taken.add('network');
  const fault = scene.ledger.fault(name, `lo for ${ms} ms`);
  const run = (line: string): void => {
    const [command = '', ...args] = line.split(' ');
    execFileSync(command, args);
  };
  run(begin);
  try {
    await sleep(ms);
  } finally {
    run(end);
  }
  fault.over();
  scene.taken.delete('network');
}

export const badNetwork: Fault = {
  name: 'F5 network delays and loses (netem)',
  weight: 1,
  applies: () => true,
  missing: ({ alone }) => (alone ? noNetem() : SHARED),
  run: (scene, dice) =>
    withNetwork(
      ...([scene, 'F5 network delays and loses (netem)'] as const),
      'tc qdisc add dev lo root netem delay 100ms 50ms loss 5%',
      'tc qdisc del dev lo root',
      dice.between(1000, Math.min(6000, scene.longestMs)),
    ),
};

export const noNetworkAtAll: Fault = {
  name: 'F5 network down',
  weight: 1,
  applies: () => true,
  missing: ({ alone }) => (alone ? noNetwork() : SHARED),
  run: (scene, dice) =>
    withNetwork(
      ...([scene, 'F5 network down'] as const),
      'ip link set lo down',
      'ip link set lo up',
      dice.between(500, Math.min(5000, scene.longestMs)),
    ),
};
