// `npm run simulate`: whole systems on simulated time, schedule by schedule, and the smallest one that breaks a promise.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { MUTANTS, type MutantName } from './mutants.ts';
import { scheduleOf } from './plan.ts';
import { run } from './run.ts';
import { Searchers, tooLittle, type Totals } from './search.ts';
import { shrink } from './shrink.ts';
import { REAL } from './variant.ts';

const HELP = `npm run simulate -- [--seed S] [--runs N] [--threads T] [--mutant NAME] [--journal]

Runs N whole systems (stores, dispatchers, workers, their messages and their faults) on a simulated clock, one a seed
from S on, and checks after every step that nothing promised is broken.

  --seed S       the first seed; 1
  --runs N       how many schedules; 10000. The long run: 1000000
  --threads T    how many at once; as many as there are processors, at most 8
  --mutant NAME  a system that is broken on purpose, which must be caught. One of:
${Object.keys(MUTANTS)
  .map((name) => `                   ${name}`)
  .join('\n')}
  --journal      prints what happens in the schedule of seed S, line by line
`;
const SHRINK_MS = 60_000;
/** Lines of a failing schedule's journal that are printed. */
const LAST_LINES = 40;

interface Asked {
  seed: number;
  runs: number;
  threads: number;
  mutant: MutantName | undefined;
  journal: boolean;
}

/** What was asked for; a sentence where that makes no sense. */
function asked(args: readonly string[]): Asked | string {
  let values: Record<string, string | boolean | undefined>;
  try {
    const text = { type: 'string' } as const;
    const options = { seed: text, runs: text, threads: text, mutant: text, journal: { type: 'boolean' } } as const;
    ({ values } = parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean' } } }));
  } catch (fault) {
    return `${(fault as Error).message.split('. ')[0]}; --help tells the options.`;
  }
  if (values['help'] === true) return HELP;
  const number = (name: string, otherwise: number): number => {
    const value = values[name];
    return value === undefined ? otherwise : /^\d{1,10}$/.test(String(value)) ? Number(value) : Number.NaN;
  };
  const seed = number('seed', 1);
  const runs = number('runs', 10_000);
  const threads = number('threads', Math.min(8, availableParallelism()));
  for (const [name, value] of Object.entries({ seed, runs, threads }))
    if (!Number.isSafeInteger(value) || (name !== 'seed' && value === 0))
      return `--${name} is a whole number${name === 'seed' ? '' : ', at least 1'}, not ${String(values[name])}.`;
  const { mutant } = values;
  if (mutant !== undefined && !(String(mutant) in MUTANTS))
    return `There is no mutant ${JSON.stringify(mutant)}; --help tells their names.`;
  return { seed, runs, threads, mutant: mutant as MutantName | undefined, journal: values['journal'] === true };
}

function summary({
  schedules,
  steps,
  simulatedMs,
  tookMs,
  processorMs,
  tasks,
  starts,
  completable,
  completed,
}: Totals): string {
  const perSecond = Math.round((schedules / tookMs) * 1000);
  return `schedules   ${schedules} in ${(tookMs / 1000).toFixed(1)} s, ${perSecond} a second; ${(processorMs / 1000).toFixed(1)} s of processor
steps       ${steps}, in ${Math.round(simulatedMs / 1000)} simulated seconds
tasks       ${tasks}, begun ${starts} times; of ${completable} that could complete ${completed} did`;
}

async function tellFailure(seed: number, violation: string, mutant: MutantName | undefined): Promise<void> {
  console.log(`seed        ${seed} fails\nviolation   ${violation}`);
  const variant = mutant === undefined ? REAL : MUTANTS[mutant];
  const shrunk = await shrink(seed, variant, SHRINK_MS);
  if (shrunk === undefined) return;
  const journal: string[] = [];
  await run(shrunk.schedule, variant, journal);
  console.log(`shrunk to   ${JSON.stringify(shrunk.schedule)}\nwhich       ${shrunk.violation}\n`);
  console.log(journal.slice(-LAST_LINES).join('\n'));
}

async function main(): Promise<number> {
  const options = asked(process.argv.slice(2));
  if (typeof options === 'string') {
    const isHelp = options === HELP;
    (isHelp ? console.log : console.error)(isHelp ? options : `simulate: ${options}`);
    return isHelp ? 0 : 2;
  }
  const { seed, mutant } = options;
  if (options.journal) {
    const journal: string[] = [];
    const { violation } = await run(scheduleOf(seed), mutant === undefined ? REAL : MUTANTS[mutant], journal);
    console.log(`${JSON.stringify(scheduleOf(seed))}\n${journal.join('\n')}`);
    return violation === '' ? 0 : 1;
  }
  const searchers = new Searchers(options.threads);
  // A long run that is interrupted tells what has held so far.
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  const totals = await searchers.search({ ...options, stop: stopping.signal });
  await searchers.close();
  console.log(summary(totals));
  const { found } = totals;
  console.log(`violations  ${found === undefined ? 'none' : 'found'}`);
  if (found !== undefined) await tellFailure(found.seed, found.violation, mutant);
  if (mutant !== undefined) return found === undefined ? 1 : 0;
  const nothing = found === undefined ? tooLittle(totals) : '';
  if (nothing !== '') console.error(`simulate: ${nothing}.`);
  return found === undefined && nothing === '' ? 0 : 1;
}

process.exitCode = await main();
