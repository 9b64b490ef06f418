// F1, F2 and F3 for a master behind sentinels: it dies, stands still, or is replaced while it lives; and comes back as a replica.
import type { Dice } from '../random.ts';
import { now } from '../now.ts';
import { untilServing } from '../recovery.ts';
import { sleep, type Fault, type Scene } from '../scene.ts';
import type { DataServer, SentinelSet } from '../../harness/sentinel.ts';

const applies: Fault['applies'] = ({ sentinels }) => sentinels !== undefined;
/** A failover needs replicas that are in step; one that finds none in this time is left out, ms. */
const REPLICA_MS = 30_000;

/** `hit` makes the master go, `mend` brings it back. Promised is a time from the announcement of the new one. */
function failover(
  name: string,
  weight: number,
  hit: (sentinels: SentinelSet, master: DataServer) => Promise<void>,
  mend: (master: DataServer, dice: Dice) => Promise<void>,
): Fault {
  return {
    name,
    weight,
    applies,
    run: async (scene: Scene, dice) => {
      const { sentinels } = scene.stage;
      if (sentinels === undefined || scene.taken.has('redis')) return;
      scene.taken.add('redis');
      try {
        if (!(await hasReplicas(sentinels, 2))) return;
        const master = await sentinels.master();
        const fault = scene.ledger.fault(name, `127.0.0.1:${master.port}`);
        const announced = sentinels.nextSwitch();
        await hit(sentinels, master);
        await announced;
        await untilServing(scene, 'Sentinel failover', now());
        await mend(master, dice);
        // Until a replica follows the new master nothing is acknowledged, and no end is.
        await hasReplicas(sentinels, 1);
        fault.over();
      } finally {
        scene.taken.delete('redis');
      }
    },
  };
}

/** Whether so many are in step before long. */
function hasReplicas(sentinels: SentinelSet, count: number): Promise<boolean> {
  return Promise.race([sentinels.untilReplicas(count).then(() => true), sleep(REPLICA_MS).then(() => false)]);
}

export const killMaster = failover(
  'F1 kill the master of the sentinels',
  3,
  (_sentinels, master) => master.kill(),
  async (master, dice) => {
    await sleep(dice.between(0, 1500));
    await master.restart();
  },
);

export const stopMaster = failover(
  'F2 the master of the sentinels stands still',
  2,
  async (_sentinels, master) => master.signal('SIGSTOP'),
  async (master, dice) => {
    await sleep(dice.between(0, 3000));
    master.signal('SIGCONT');
  },
);

export const replaceMaster = failover(
  'F3 the master of the sentinels is replaced',
  2,
  (sentinels) => sentinels.failover(),
  async () => undefined,
);
