// What the Python SDK costs beside the API that it calls: Executor.map against the batch path and a process pool's map,
// submit().result() one at a time against /v1/call. In turns, on the same system, medians over the rounds; whoever is not in
// turn is stopped (contest.ts), for which each is a program of its own.
// usage: node bench/sdk-python.ts [--form "redis push"] [--tasks 10000] [--rounds 5] [--seconds 1.5] [--warm 5]
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Form } from '../test/harness/system.ts';
import { talk } from './contestants/talk.ts';
import { contest, type Contestant, type Player } from './contest.ts';
import { batches, singles } from './load.ts';
import { atLeast, atMost, medianOf, type Figure } from './measure.ts';
import { PYTHON } from './noop.ts';
import { Shared, pidsOf } from './ours.ts';
import { quantile } from './statistics.ts';
import { figuresAs, plain, targetsAs } from './table.ts';

const { values } = parseArgs({
  options: {
    form: { type: 'string', default: 'redis push' },
    tasks: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    warm: { type: 'string', default: '5' },
  },
});
const [rounds, seconds, warmUp] = [values.rounds, values.seconds, values.warm].map(Number) as [number, number, number];
const form = { form: values.form as Form };
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const BATCH = 'batch path';
const MAP = 'Executor.map';
const POOL = 'ProcessPoolExecutor(2).map';
const CALL = '/v1/call';
const ONE = 'submit().result()';

const shared = new Shared();
const play = (how: 'map' | 'one' | 'pool', url: string): Promise<Player> =>
  talk(PYTHON, ['-u', path('contestants/sdk_play.py'), how, values.tasks, url], { PYTHONPATH: path('../python') });

/** A program of the SDK, and the system that it calls. */
function sdk(name: string, how: 'map' | 'one'): Contestant {
  return {
    name,
    start: async () => {
      const running = await shared.use(form);
      try {
        const player = await play(how, running.system.url);
        const stop = async (): Promise<void> => {
          await player.stop();
          await running.stop();
        };
        return { ...player, pids: () => [...pidsOf(running.system), ...player.pids()], stop };
      } catch (error) {
        await running.stop();
        throw error;
      }
    },
  };
}

const plan = {
  ...{ seconds, runs: rounds, warmUp, quick: false },
  systems: () => shared,
  note: (line: string) => console.error(`  ${line}`),
};
const { scores, figures } = await contest(
  [
    shared.contestant(BATCH, form, ({ client, noop }, time) =>
      batches(client, { id: noop.python, language: 'python', connections: 4, batch: 100, seconds: time }),
    ),
    sdk(MAP, 'map'),
    { name: POOL, start: () => play('pool', '') },
    shared.contestant(CALL, form, ({ client, noop }, time) => singles(client, noop.python, 1, time)),
    sdk(ONE, 'one'),
  ],
  plan,
);

const latenciesOf = (name: string): number[][] => (scores.get(name) ?? []).map(({ latencies = [] }) => latencies);
const waits = [CALL, ONE].flatMap((name) =>
  ([50, 99] as const).map((share): Figure => ({
    name: `${name} p${share}`,
    unit: 'ms',
    samples: latenciesOf(name).map((latencies) => quantile(latencies, share / 100)),
  })),
);
const map = medianOf(figures, MAP);
const targets = [
  atLeast(`${MAP} ÷ ${BATCH}`, '×', 0.5, map / medianOf(figures, BATCH)),
  atLeast(`${MAP} ÷ ${POOL}, chunksize 1`, '×', 1, map / medianOf(figures, POOL)),
  atMost(`${ONE} p50`, 'ms', 1.5, medianOf(waits, `${ONE} p50`)),
];
console.log(`${values.form}, 2 slots, ${rounds} rounds of ${seconds} s in turns; ${values.tasks} no-ops a map\n`);
console.log(`${figuresAs([...figures, ...waits], plain)}\n\n${targetsAs(targets, plain)}`);
