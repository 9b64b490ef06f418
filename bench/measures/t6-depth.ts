// T6: what a deep queue costs: submits, claims, lists, statistics, and memory. Redis; nobody runs the tasks meanwhile.
import { atLeast, atMost, medianOf, type Figure, type Measure, type Outcome, type Plan } from '../measure.ts';
import { lines } from '../plot.ts';
import { median } from '../statistics.ts';
import { ascent, BATCH, type Ascent, type AtDepth, type Way } from './deep-queue.ts';
import { subjects } from './durability.ts';

const SAMPLES = 40;
const SAMPLES_QUICK = 10;
/** As long as a program that was busy takes to give back what it does not need. */
const REST_MS = 15_000;

export const t6: Measure = {
  id: 'T6',
  title: 'queue depth from 1,000 to 1,000,000',
  played: ({ runs }) =>
    `${runs} ascents, each on a new Redis after ${SAMPLES} batches that warm up, in turns with those of AOF off and AOF always; ` +
    `a sample is of one ascent: of rates the median of ${SAMPLES} batches, of list and stats that of 20 requests`,
  run: async (plan) => {
    const depths = plan.quick ? [1000, 25_000] : [1000, 10_000, 100_000, 1_000_000];
    const restMs = plan.quick ? 1000 : REST_MS;
    const ways = subjects(plan, ['redis push']).map(({ usual, setting, options }) => ({
      setting,
      depths: usual ? depths : [depths[0]!, depths.at(-1)!],
      samples: plan.quick ? SAMPLES_QUICK : SAMPLES,
      restMs,
      appendfsync: options.appendfsync,
      ascents: [] as Ascent[],
    }));
    for (let n = 0; n < plan.runs; n += 1) {
      for (const way of ways) {
        const told = ({ depth, submit, claim }: AtDepth): void =>
          plan.note(
            `${way.setting} depth ${depth}: submit ${Math.round(submit)}/s, claim ${Math.round(claim)}/s`.trim(),
          );
        way.ascents.push(await ascent(way, told));
      }
    }
    const [usual, ...others] = ways;
    return outcome(usual!, others, plan);
  },
};

/** A way, and what it came to each time; `setting` is told in its rows unless it is ''. */
interface Climbed extends Way {
  setting: string;
  ascents: readonly Ascent[];
}

/** Name, unit and value of what has a row at each depth. */
const ROWS: readonly [string, string, (at: AtDepth) => number][] = [
  ['submit', 'tasks/s', ({ submit }) => submit],
  ['claim', 'tasks/s', ({ claim }) => claim],
  ['list of 100', 'ms', ({ list }) => list],
  ['stats', 'ms', ({ stats }) => stats],
  ['service PSS', 'MB', ({ serviceBytes }) => serviceBytes / 1e6],
];
const BYTES = 'Redis bytes a queued task';
const BYTES_KEYED = 'Redis bytes a queued task with a key';

function rows({ depths, setting, ascents }: Climbed): Figure[] {
  const bytes = at(ascents, depths.length - 1, ({ redisBytes }) => redisBytes);
  const keyed = ascents.map((one) => one.keyed);
  const all: Figure[] = [
    ...depths.flatMap((depth, n) =>
      ROWS.map(([name, unit, of]) => ({ name: `${name} at ${depth}`, unit, samples: at(ascents, n, of) })),
    ),
    { name: BYTES, unit: 'bytes', samples: bytes },
    { name: BYTES_KEYED, unit: 'bytes', samples: keyed },
  ];
  return setting === '' ? all : all.map((figure) => ({ ...figure, name: `${figure.name}, ${setting}` }));
}

/** Of the n-th depth, a sample for each ascent. */
function at(ascents: readonly Ascent[], n: number, of: (at: AtDepth) => number): number[] {
  return ascents.map(({ all }) => of(all[n]!));
}

function outcome(usual: Climbed, others: readonly Climbed[], plan: Plan): Outcome {
  const { ascents, depths, restMs, samples } = usual;
  const figures = rows(usual);
  const last = depths.length - 1;
  /** Each ascent's own ratio. */
  const share = (of: (at: AtDepth) => number): number => median(ascents.map(({ all }) => of(all[last]!) / of(all[0]!)));
  const deepest = depths[last]!;
  const targets = [
    atLeast(
      `submit at ${deepest} ÷ at 1000`,
      '×',
      0.9,
      share(({ submit }) => submit),
    ),
    atLeast(
      `claim at ${deepest} ÷ at 1000`,
      '×',
      0.9,
      share(({ claim }) => claim),
    ),
    atMost(
      `list of 100 at ${deepest} ÷ at 1000`,
      '×',
      1 / 0.9,
      share(({ list }) => list),
    ),
    atMost(
      `stats at ${deepest} ÷ at 1000`,
      '×',
      1 / 0.9,
      share(({ stats }) => stats),
    ),
    atMost(BYTES, 'bytes', 700, medianOf(figures, BYTES)),
    atMost('Redis bytes a queued task with an idempotency key', 'bytes', 900, medianOf(figures, BYTES_KEYED)),
  ];
  // Without rest it is what the last batches left.
  if (!plan.quick)
    targets.push(
      atMost(
        'service memory, deepest ÷ shallowest',
        '×',
        1.25,
        share(({ serviceBytes }) => serviceBytes),
      ),
    );
  const per = (name: string, of: (at: AtDepth) => number) => ({
    name,
    points: depths.map((depth, n): [number, number] => [depth, 1e6 / median(at(ascents, n, of))]),
  });
  const costs = [per('submit', ({ submit }) => submit), per('claim', ({ claim }) => claim)];
  const axes = { title: 'Cost of a task by queue depth', x: 'tasks waiting', y: 'µs a task', logX: true };
  const notes = [
    `submits: batches of ${BATCH} over one connection, each canceled before the next; claims: the store's own call in batches of 256, ` +
      `given back after${plan.quick ? '; quick: a shallower queue' : ''}`,
    `before claims and memory: ${restMs / 1000} s of rest, and the end of the AOF's rewriting, which falls to one depth and not to another`,
    `bytes a queued task: what the tasks since the depth before the last one added, over their number; with a key: of ${samples * BATCH} before the queue is deep`,
  ];
  return {
    figures: [...figures, ...others.flatMap(rows)],
    targets,
    notes,
    plots: { 'queue-depth.svg': lines(axes, costs) },
  };
}
