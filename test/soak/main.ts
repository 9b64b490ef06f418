// `npm run soak`: a mixed load for a long time; every end is checked, and memory, descriptors and processes must not grow.
import { parseArgs } from 'node:util';
import { privateOf } from '../../bench/memory.ts';
import { FORMS, startSystem, type Form } from '../harness/system.ts';
import { countGrowth, memoryGrowth, Watch, type Footprint } from './footprint.ts';
import { LiveMemory } from './live.ts';
import { mixedLoad } from './load.ts';

const HELP = `usage: npm run soak -- [--tasks N] [--form F] [--semi-space N]

Runs N tasks of all kinds, checks each end, and that no program grows.

  --tasks N   how many (default: 500000)
  --form F    one of: ${FORMS.join(', ')} (default: redis push)
  --semi-space N
              the programs run with --max-semi-space-size=N (default: as Node has it)
`;
/** What may be more at the end than after the warm-up. */
const MOST_GROWTH = 0.05;
/** Share of the tasks that warm everything up: so long it takes until the C library has all the memory that bursts need (docs/reliability.md). */
const WARM_UP = 0.4;
/** Looks that are compared. */
const LOOKS = 8;

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '500000' },
    form: { type: 'string', default: 'redis push' },
    'semi-space': { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});
const count = Number(values.tasks);
const semiSpace = Number(values['semi-space']);
const form = FORMS.find((one) => one === values.form);
if (values.help || form === undefined || !(count >= 1000) || !(semiSpace >= 0)) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}
process.exit((await soak(form)) ? 0 : 1);

async function soak(form: Form): Promise<boolean> {
  const live = new LiveMemory();
  const flags = semiSpace > 0 ? [`--max-semi-space-size=${semiSpace}`] : [];
  Object.assign(process.env, live.environment(flags));
  // Results go soon: what is kept is no growth of the programs, and the store's own is not looked at.
  const system = await startSystem({
    form,
    workers: 2,
    slots: 2,
    appendfsync: 'everysec',
    args: ['--result-ttl', '10s'],
  });
  let watch: Watch | undefined;
  try {
    const programs = new Map([
      [form.startsWith('embedded') ? 'up' : 'service', system.service.pid],
      ...(form.startsWith('embedded') ? [] : [['dispatcher', system.dispatcher.pid] as const]),
      ...system.workers.map((worker, at) => [`worker ${at + 1}`, worker.pid] as const),
    ]);
    watch = new Watch(programs);
    const began = performance.now();
    let seen: Map<string, Footprint>[] = [];
    let before = new Map<string, Footprint[]>();
    let restBefore: Rest | undefined;
    const report = await mixedLoad(system.url, {
      count,
      warmUp: Math.round(count * WARM_UP),
      look: (done) => {
        seen.push(watch!.look());
        const rate = Math.round((done / (performance.now() - began)) * 1000);
        console.log(`soak: ${done} tasks, ${rate}/s; ${inWords(seen.at(-1)!)}`);
      },
      atRest: async () => {
        before = byProgram(seen.slice(-LOOKS));
        seen = [];
        restBefore = await atRest(live, programs);
        // What was sampled at rest is none of the load's.
        watch!.look();
      },
    });
    const after = byProgram(seen.slice(-LOOKS));
    const rest = await atRest(live, programs);
    const faults = [
      ...report.faults,
      ...countGrowth(before, after),
      ...memoryGrowth('private memory', restBefore!.held, rest.held, MOST_GROWTH),
      ...memoryGrowth('live objects', restBefore!.live, rest.live, MOST_GROWTH),
    ];
    for (const fault of faults) console.error(`soak: ${fault}`);
    console.log(
      `soak: ${form}: ${count} tasks in ${Math.round((performance.now() - began) / 1000)} s, ${faults.length} faults`,
    );
    return faults.length === 0;
  } finally {
    watch?.stop();
    await system.stop();
    live.close();
  }
}

/** What each program has while nothing is in progress and V8 has given back what it can, bytes: of the machine's memory, and alive. */
interface Rest {
  held: Map<string, number>;
  live: Map<string, number>;
}

async function atRest(live: LiveMemory, programs: ReadonlyMap<string, number>): Promise<Rest> {
  const left = await live.of(programs);
  return { held: new Map([...programs].map(([name, pid]) => [name, privateOf(pid)])), live: left };
}

function byProgram(looks: readonly Map<string, Footprint>[]): Map<string, Footprint[]> {
  return new Map([...looks[0]!.keys()].map((name) => [name, looks.map((look) => look.get(name)!)]));
}

function inWords(look: ReadonlyMap<string, Footprint>): string {
  return [...look].map(([name, { bytes }]) => `${name} ${Math.round(bytes / 2 ** 20)} MiB`).join(', ');
}
