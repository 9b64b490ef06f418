// `npm run soak`: a mixed load for a long time; every end is checked, and memory, descriptors and processes must not grow.
import { parseArgs } from 'node:util';
import { FORMS, startSystem, type Form } from '../harness/system.ts';
import { footprints, growth, type Footprint } from './footprint.ts';
import { mixedLoad } from './load.ts';

const HELP = `usage: npm run soak -- [--tasks N] [--form F]

Runs N tasks of all kinds, checks each end, and that no program grows.

  --tasks N   how many (default: 500000)
  --form F    one of: ${FORMS.join(', ')} (default: redis push)
`;
/** What may be more at the end than after the warm-up. */
const MOST_GROWTH = 0.05;
/** Share of the tasks that warm everything up. */
const WARM_UP = 0.1;

/** Looks that are compared, by their medians: memory goes up and down with each collection. */
const LOOKS = 8;

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '500000' },
    form: { type: 'string', default: 'redis push' },
    help: { type: 'boolean', default: false },
  },
});
const count = Number(values.tasks);
const form = FORMS.find((one) => one === values.form);
if (values.help || form === undefined || !(count >= 1000)) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}
process.exit((await soak(form)) ? 0 : 1);

async function soak(form: Form): Promise<boolean> {
  // Results go soon: what is kept is no growth of the programs, and the store's own is not looked at.
  const system = await startSystem({
    form,
    workers: 2,
    slots: 2,
    appendfsync: 'everysec',
    args: ['--result-ttl', '10s'],
  });
  try {
    const programs = new Map([
      [form.startsWith('embedded') ? 'up' : 'service', system.service.pid],
      ...(form.startsWith('embedded') ? [] : [['dispatcher', system.dispatcher.pid] as const]),
      ...system.workers.map((worker, at) => [`worker ${at + 1}`, worker.pid] as const),
    ]);
    const began = performance.now();
    let before: Map<string, Footprint[]> | undefined;
    const seen: Map<string, Footprint>[] = [];
    const report = await mixedLoad(system.url, count, (done) => {
      seen.push(footprints(programs));
      const rate = Math.round((done / (performance.now() - began)) * 1000);
      console.log(`soak: ${done} tasks, ${rate}/s; ${inWords(seen.at(-1)!)}`);
      if (before === undefined && done >= count * WARM_UP) before = byProgram(seen.splice(0).slice(-LOOKS));
    });
    const after = byProgram(seen.slice(-LOOKS));
    const faults = [...report.faults, ...growth(before!, after, MOST_GROWTH)];
    for (const fault of faults) console.error(`soak: ${fault}`);
    console.log(
      `soak: ${form}: ${count} tasks in ${Math.round((performance.now() - began) / 1000)} s, ${faults.length} faults`,
    );
    return faults.length === 0;
  } finally {
    await system.stop();
  }
}

function byProgram(looks: readonly Map<string, Footprint>[]): Map<string, Footprint[]> {
  return new Map([...looks[0]!.keys()].map((name) => [name, looks.map((look) => look.get(name)!)]));
}

function inWords(look: ReadonlyMap<string, Footprint>): string {
  return [...look].map(([name, { bytes }]) => `${name} ${Math.round(bytes / 2 ** 20)} MiB`).join(', ');
}
