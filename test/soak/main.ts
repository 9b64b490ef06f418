// `npm run soak`: a mixed load for a long time; every end is checked, and memory, descriptors and processes must not grow.
import { parseArgs } from 'node:util';
import { FORMS, startSystem, type Form } from '../harness/system.ts';
import { inWords, Watch, type Footprint } from './footprint.ts';
import { countGrowth, memoryGrowth, restOf, type Rest } from './growth.ts';
import { LiveMemory } from './live.ts';
import { mixedLoad } from './load.ts';

const HELP = `usage: npm run soak -- [--tasks N] [--form F] [--semi-space N]

Runs N tasks of all kinds, checks each end, and that no program grows after the first half of them.

  --tasks N   how many (default: 1000000); the first half warms up
  --form F    one of: ${FORMS.join(', ')} (default: redis push)
  --semi-space N
              the programs run with --max-semi-space-size=N (default: as Node has it)
`;
/** Rests, each after as many tasks. */
const PARTS = 40;
/** Of these, so many warm everything up: so long it takes until V8 and the C library have all the memory that bursts need (docs/reliability.md). */
const WARM_UP = 20;
const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '1000000' },
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
    const looks: Map<string, Footprint[]>[] = [];
    const rests: Rest[] = [];
    const report = await mixedLoad(system.url, {
      count,
      parts: PARTS,
      look: (done) => {
        seen.push(watch!.look());
        const rate = Math.round((done / (performance.now() - began)) * 1000);
        console.log(`soak: ${done} tasks, ${rate}/s; ${inWords(seen.at(-1)!)}`);
      },
      atRest: async (done) => {
        looks.push(byProgram(seen));
        seen = [];
        rests.push(await restOf(live, programs, done));
        // What was sampled at rest is none of the load's.
        watch!.look();
      },
    });
    const faults = [
      ...report.faults,
      ...countGrowth(looks.slice(WARM_UP - 1)),
      ...memoryGrowth(rests.slice(WARM_UP - 1)),
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

function byProgram(looks: readonly Map<string, Footprint>[]): Map<string, Footprint[]> {
  return new Map([...looks[0]!.keys()].map((name) => [name, looks.map((look) => look.get(name)!)]));
}
