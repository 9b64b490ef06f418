// `npm run fuzz`: bad frames and bad requests by the ten thousand, from a seed.
import { parseArgs } from 'node:util';
import { fuzz } from './run.ts';

const HELP = `usage: npm run fuzz -- [--frames N] [--requests N] [--seed S]

Sends frames that are almost right to a dispatcher and a worker, and such requests to a service, and checks that nothing
crashes, allocates without bound, or stops doing its work.

  --frames N     half to the dispatcher, half to a worker (default: 200000)
  --requests N   to the service (default: 50000)
  --seed S       what decides them (default: a new one, which is printed)
`;

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '200000' },
    requests: { type: 'string', default: '50000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 30)) },
    help: { type: 'boolean', default: false },
  },
});
const [frames, requests, seed] = [Number(values.frames), Number(values.requests), Number(values.seed)];
if (values.help || ![frames, requests, seed].every(Number.isSafeInteger)) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}

console.log(`fuzz: seed ${seed}`);
const done = await fuzz(frames, requests, seed, (line) => console.log(`fuzz: ${line}`));
const statuses = [...done.statuses]
  .sort(([a], [b]) => a - b)
  .map(([status, count]) => `${['given up', 'hung up on'][status] ?? status}: ${count}`);
const peaks = [...done.peaks].map(([name, bytes]) => `${name} ${Math.round(bytes / 2 ** 20)} MiB`);
console.log(`fuzz: ${done.frames} frames, ${done.requests} requests in ${Math.round(done.seconds)} s`);
console.log(`fuzz: answers: ${statuses.join(', ')}`);
console.log(`fuzz: at most resident: ${peaks.join(', ')}`);
for (const fault of done.faults) console.error(`fuzz: ${fault}`);
console.log(done.faults.length === 0 ? 'fuzz: nothing broke' : `fuzz: ${done.faults.length} faults`);
process.exit(done.faults.length === 0 ? 0 : 1);
