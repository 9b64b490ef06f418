// `npm run storm`: ten times as much as can be done, a hundred thousand tasks at once, a thousand workers at once (F6).
import { parseArgs } from 'node:util';
import { storm } from './run.ts';

const HELP = `usage: npm run storm -- [--workers N] [--tasks N] [--seconds N]

Offers ten times as much as can be done, then submits many tasks at once to many workers and kills the dispatcher in the
middle, so that all of them come back at the same moment. Nothing may be lost, refused without a word, or grow without bound.

  --workers N   workers that speak the protocol and run nothing (default: 1000)
  --tasks N     submitted at once (default: 100000)
  --seconds N   how long ten times too much is offered (default: 60)
`;

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '1000' },
    tasks: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '60' },
    help: { type: 'boolean', default: false },
  },
});
const [workers, tasks, seconds] = [Number(values.workers), Number(values.tasks), Number(values.seconds)];
if (values.help || ![workers, tasks, seconds].every((n) => Number.isSafeInteger(n) && n > 0)) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}

const { faults } = await storm({ workers, tasks, seconds, back: 0.95 }, (line) => console.log(`storm: ${line}`));
for (const fault of faults) console.error(`storm: ${fault}`);
console.log(faults.length === 0 ? 'storm: weathered' : `storm: ${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
