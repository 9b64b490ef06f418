// T9: the choice of a worker alone, in this process: 10,000 workers of 16 slots, and fewer to see that it is flat.
import { Choice, type Candidate } from '../../packages/server/src/dispatcher/choice.ts';
import { mulberry32 } from '../../test/harness/random.ts';
import { atMost, medianOf, type Figure, type Measure } from '../measure.ts';

const SLOTS = 16;
const FUNCTIONS = 100;
const LANE = 'python|||';

export const t9: Measure = {
  id: 'T9',
  title: 'the choice among simulated workers of 16 slots',
  played: ({ runs }) => `${runs} runs of all choices after one that warms up, the sizes in turns`,
  run: async (plan) => {
    const sizes = [100, 1000, 10_000];
    const loads = [0.5, 0.95];
    const picks = plan.quick ? 10_000 : 500_000;
    const name = (size: number, load: number): string => `${size} workers, ${load * 100} % busy`;
    const figures = new Map<string, Figure>();
    for (const size of sizes) {
      for (const load of loads) figures.set(name(size, load), { name: name(size, load), unit: 'µs', samples: [] });
    }
    for (let run = 0; run < plan.runs + 1; run += 1) {
      for (const size of sizes) {
        for (const load of loads) {
          const took = microsecondsAPick(size, load, picks);
          // The first run warms up.
          if (run > 0) figures.get(name(size, load))?.samples.push(took);
        }
      }
    }
    const all = [...figures.values()];
    const changes = plan.quick ? 5 : 100;
    const anew = Array.from({ length: plan.runs + 1 }, () => microsecondsAnew(sizes.at(-1)!, changes)).slice(1);
    all.push({ name: `10,000 workers, first choice for a function after one came or went`, unit: 'µs', samples: anew });
    const got = (size: number, load: number): number => medianOf(all, name(size, load));
    const targets = loads.flatMap((load) => [
      atMost(name(10_000, load), 'µs', 5, got(10_000, load)),
      atMost(`${load * 100} % busy, 10,000 workers ÷ 1000`, '×', 2, got(10_000, load) / got(1000, load)),
    ]);
    return {
      figures: all,
      targets,
      notes: [
        `${FUNCTIONS} functions, ${picks} choices a run; each busy slot is freed in turn; flat = at most twice as much for ten times the workers`,
        'the targets are of functions whose workers are ranked already, as all are until a worker comes or goes',
      ],
      plots: {},
    };
  },
};

function simulated(size: number): Candidate[] {
  const runtimes = [{ runtime: 'python' as const, version: '3.11.2', broken: '' }];
  return Array.from({ length: size }, (_, n): Candidate => {
    return { id: `worker-${n}`, runtimes, labels: [], slots: 16, free: SLOTS, credits: SLOTS, held: 0 };
  });
}

/** With the choice made anew, as at each coming and going. */
function microsecondsAnew(size: number, changes: number): number {
  const all = simulated(size);
  const random = mulberry32(17);
  const started = performance.now();
  for (let n = 0; n < changes; n += 1) new Choice(all).pick(LANE, `digest-${n}`, false, random);
  return ((performance.now() - started) * 1000) / changes;
}

function microsecondsAPick(size: number, load: number, picks: number): number {
  const choice = new Choice(simulated(size));
  const random = mulberry32(17);
  const busy: Candidate[] = new Array<Candidate>(Math.floor(size * SLOTS * load));
  const give = (n: number): Candidate => {
    const picked = choice.pick(LANE, `digest-${n % FUNCTIONS}`, false, random);
    if (picked === undefined) throw new Error('nobody had room');
    picked.free -= 1;
    picked.credits -= 1;
    return picked;
  };
  for (let n = 0; n < busy.length; n += 1) busy[n] = give(n);
  const started = performance.now();
  for (let n = 0; n < picks; n += 1) {
    const done = busy[n % busy.length]!;
    done.free += 1;
    done.credits += 1;
    busy[n % busy.length] = give(n);
  }
  return ((performance.now() - started) * 1000) / picks;
}
