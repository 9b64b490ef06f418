// The benchmark: real programs as separate processes, every result fetched and checked, contestants in alternation.
import { parseArgs } from 'node:util';
import { MEASURES } from './measures/index.ts';
import type { Plan } from './measure.ts';
import { Shared } from './ours.ts';
import { circumstances, keep } from './results.ts';
import { figuresAs, plain, targetsAs } from './table.ts';

const HELP = `usage: npm run bench -- [--quick] [--only T1,T3] [--runs 5] [--seconds 10]

Measures the system beside the queues and executors that are installed, and writes JSON and plots to bench/results.
  --quick        a look within a minute: one run of 0.5 s, no slow contestants
  --only LIST    some of the measures below (all)
  --runs N       runs of each contestant, in alternation; medians are taken over them (5; with --quick 1)
  --seconds S    length of a run (10; with --quick 0.5; T5, T6, T8 and T9 have none)

AOF everysec and --sync normal unless a row says otherwise; AOF off, AOF always and --sync full (not in T6 and T10, which know
only Redis) stand beside all but T8 and T9, without --quick.

Fewer than five runs, or shorter ones than 10 s, are kept in bench/results/tmp.

${MEASURES.map(({ id, title }) => `  ${id.padEnd(4)} ${title}`).join('\n')}`;

const values = wishes();
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const chosen = values.only?.split(',').map((id) => id.trim().toUpperCase());
const unknown = chosen?.filter((id) => !MEASURES.some((measure) => measure.id === id)) ?? [];
const kept = new Shared(true);
const plan: Plan = {
  quick: values.quick,
  warmUp: values.quick ? 0.5 : 10,
  systems: () => (values.quick ? kept : new Shared()),
  runs: Number(values.runs ?? (values.quick ? 1 : 5)),
  seconds: Number(values.seconds ?? (values.quick ? 0.5 : 10)),
  note: (line) => console.error(`  ${line}`),
};
if (unknown.length > 0 || !(plan.runs >= 1) || !(plan.seconds > 0)) {
  console.error(
    `--only takes some of ${MEASURES.map(({ id }) => id).join(',')}; --runs and --seconds are positive numbers.`,
  );
  process.exit(2);
}

/** @returns the options; a wrong one ends the program with a sentence. */
function wishes() {
  try {
    return parseArgs({
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        runs: { type: 'string' },
        seconds: { type: 'string' },
      },
    }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

// It is no result to show.
const isLook = plan.quick || plan.runs < 5 || plan.seconds < 10;
const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');

for (const measure of MEASURES) {
  if (chosen !== undefined && !chosen.includes(measure.id)) continue;
  const when = circumstances(plan, command);
  console.error(`${measure.id}: ${measure.title}`);
  const outcome = await measure.run(plan);
  const { figures, targets, notes } = keep(isLook ? 'tmp' : '', measure, outcome, when);
  console.log(`\n${measure.id}: ${measure.title} (${measure.played(plan)})\n`);
  console.log(`${figuresAs(figures, plain)}\n\n${targetsAs(targets, plain)}\n`);
  for (const note of notes) console.log(`- ${note}`);
}
await kept.close();
