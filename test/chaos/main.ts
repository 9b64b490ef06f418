// `npm run chaos`: real programs under a mixed load, faults at random from a seed, and a ledger that is checked at the end.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { enterOwnNetwork } from './network-namespace.ts';
import { dice } from './random.ts';
import { asMarkdown, makeReport } from './report.ts';
import { MODES, STORES, type Variant } from './stage.ts';
import { runVariant, type Outcome } from './variant.ts';
import { LONG_MINUTES, type Run } from './wanted.ts';

const HELP = `usage: npm run chaos -- [--minutes M] [--seed S] [--store redis|embedded|sentinel] [--mode pull|push]
                           [--at-once N] [--out DIR]

Starts the real programs, loads them, breaks them at random and checks that nothing was lost.

  --minutes M   how long, over all variants together (default: 2)
  --seed S      what decides the faults and the load (default: a new one, which is printed)
  --store S     only this store (default: redis and embedded)
  --mode M      only this mode (default: both)
  --at-once N   so many variants at a time (default: 1; with more there are no faults of the whole network)
  --out DIR     where report.md and report.json go (default: the report is printed)
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    store: { type: 'string' },
    mode: { type: 'string' },
    'at-once': { type: 'string', default: '1' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const minutes = Number(values.minutes);
const variants = STORES.flatMap((store) => MODES.map((mode): Variant => ({ store, mode }))).filter(
  ({ store, mode }) =>
    (values.store === undefined ? store !== 'sentinel' : values.store === store) && (values.mode ?? mode) === mode,
);
if (!(minutes > 0) || variants.length === 0) {
  console.error(HELP);
  process.exit(2);
}

const nameOf = ({ store, mode }: Variant): string => `${store} ${mode}`;
const run: Run = { seed: values.seed, minutes, variants: variants.map(nameOf) };

await enterOwnNetwork();
console.log(`chaos: seed ${values.seed}, ${minutes} minutes, ${variants.length} variants`);
const atOnce = Math.min(Math.max(1, Number(values['at-once'])), variants.length);
const forMs = (minutes * 60_000 * atOnce) / variants.length;
const isLong = minutes >= LONG_MINUTES;
const outcomes: Outcome[] = [];
const waiting = [...variants];
const oneAfterTheOther = async (): Promise<void> => {
  for (let variant = waiting.shift(); variant !== undefined; variant = waiting.shift()) {
    const name = nameOf(variant);
    const outcome = await runVariant(variant, { alone: atOnce === 1, forMs, isLong }, dice(`${values.seed}/${name}`));
    outcomes.push(outcome);
    // A long run that is cut short has told what it saw.
    told();
    const { tally, drawn, violations, seconds } = outcome;
    console.log(
      `chaos: ${name}: ${tally.acknowledged} tasks, ${drawn.length} faults in ${Math.round(seconds)} s, ${violations.length} violations`,
    );
  }
};
await Promise.all(Array.from({ length: atOnce }, oneAfterTheOther));
const { passed, text } = told();
if (values.out === undefined || !passed) console.log(text);
process.exit(passed ? 0 : 1);

/** The report of what has been played so far; with --out, written. */
function told(): { passed: boolean; text: string } {
  const report = makeReport(run, outcomes);
  const text = asMarkdown(report);
  if (values.out === undefined) return { passed: report.passed, text };
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, 'report.md'), text);
  // What the parts wrote is for whoever looks into a violation, and no part of the report.
  const plain = { ...report, outcomes: outcomes.map(({ logs: _, ...outcome }) => outcome) };
  writeFileSync(join(values.out, 'report.json'), `${JSON.stringify(plain, null, 2)}\n`);
  for (const { variant, logs } of outcomes) {
    for (const [name, log] of Object.entries(logs)) writeFileSync(join(values.out, `${variant} ${name}.log`), log);
  }
  return { passed: report.passed, text };
}
