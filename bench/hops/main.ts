// Where the time of one call goes: one call at a time, and when each program got and sent something because of it. Each
// program writes down its own events (trace.ts); a call's events are those between its request and its answer.
// usage: node bench/hops/main.ts [--form "redis push"] [--seconds 5] [--warm 8]
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Form } from '../../test/harness/system.ts';
import { singles } from '../load.ts';
import { startOurs } from '../ours.ts';
import { median, quantile } from '../statistics.ts';

const { values } = parseArgs({
  options: {
    form: { type: 'string', default: 'redis push' },
    seconds: { type: 'string', default: '5' },
    warm: { type: 'string', default: '8' },
  },
});

/** What one call sets off, in its order. What a form does not have is left out. */
const CHAIN = [
  ['service', 'request in'],
  ['service', 'redis out'],
  ['dispatcher', 'redis in'],
  ['dispatcher', 'redis out'],
  ['dispatcher', 'redis in'],
  ['dispatcher', 'message out'],
  ['worker', 'message in'],
  ['worker', 'runner out'],
  ['worker', 'runner in'],
  ['worker', 'message out'],
  ['dispatcher', 'message in'],
  ['dispatcher', 'redis out'],
  ['service', 'redis in'],
  ['service', 'answer out'],
] as const;
const LOCAL_CHAIN = [
  ['service', 'request in'],
  ['service', 'redis out'],
  ['dispatcher', 'redis in'],
  ['dispatcher', 'redis out'],
  ['dispatcher', 'redis in'],
  ['dispatcher', 'runner out'],
  ['dispatcher', 'runner in'],
  ['dispatcher', 'redis out'],
  ['service', 'redis in'],
  ['service', 'answer out'],
] as const;
const EMBEDDED_CHAIN = [
  ['up', 'request in'],
  ['up', 'runner out'],
  ['up', 'runner in'],
  ['up', 'answer out'],
] as const;
const CHAINS: Partial<Record<Form, readonly (readonly [program: string, event: string])[]>> = {
  'redis push': CHAIN,
  'redis pull': CHAIN,
  'redis local': LOCAL_CHAIN,
  'embedded local': EMBEDDED_CHAIN,
};

interface Event {
  at: bigint;
  name: string;
}

const chain = CHAINS[values.form as Form];
if (chain === undefined) throw new Error(`--form is one of: ${Object.keys(CHAINS).join(', ')}`);
const dir = mkdtempSync(join(tmpdir(), 'hops-'));
try {
  report(chain, await oneByOne(values.form as Form), read());
} finally {
  rmSync(dir, { recursive: true, force: true });
}

/** When each call was sent and answered, ns. */
async function oneByOne(form: Form): Promise<[sent: bigint, answered: bigint][]> {
  process.env['HOPS_DIR'] = dir;
  process.env['NODE_OPTIONS'] = `--import ${join(import.meta.dirname, 'trace.ts')}`;
  const { client, noop, stop } = await startOurs({ form });
  try {
    await singles(client, noop.python, 1, Number(values.warm));
    const calls: [bigint, bigint][] = [];
    const until = performance.now() + Number(values.seconds) * 1000;
    while (performance.now() < until) {
      const sent = process.hrtime.bigint();
      await client.send('POST', `/v1/call/${noop.python}`, '{"args":[7]}');
      calls.push([sent, process.hrtime.bigint()]);
    }
    return calls;
  } finally {
    await stop();
  }
}

/** All programs' events in the order of their times. */
function read(): Event[] {
  const events = readdirSync(dir).flatMap((file) => {
    const program = file.replace(/-\d+$/, '');
    return readFileSync(join(dir, file), 'utf8')
      .split('\n')
      .map((line) => {
        const split = line.indexOf(' ');
        return { at: BigInt(line.slice(0, split)), name: `${program}: ${line.slice(split + 1)}` };
      });
  });
  return events.sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** The time of each step of the chain, µs; a call of which a step is missing is left out. */
function report(
  steps: NonNullable<(typeof CHAINS)[Form]>,
  calls: readonly [sent: bigint, answered: bigint][],
  events: readonly Event[],
): void {
  const names = [...steps.map(([program, event]) => `${program}: ${event}`), 'client: answer in'];
  const times = names.map((): number[] => []);
  const wholes: number[] = [];
  let next = 0;
  for (const [sent, answered] of calls) {
    while (next < events.length && events[next]!.at < sent) next += 1;
    const ats: bigint[] = [];
    for (let at = next; at < events.length && events[at]!.at < answered && ats.length < steps.length; at += 1)
      if (events[at]!.name === names[ats.length]) ats.push(events[at]!.at);
    if (ats.length < steps.length) continue;
    ats.push(answered);
    ats.forEach((at, n) => times[n]!.push(Number(at - (ats[n - 1] ?? sent)) / 1000));
    wholes.push(Number(answered - sent) / 1000);
  }
  console.log(
    `${values.form}: ${wholes.length} calls of ${calls.length} with all their steps; µs since the step before`,
  );
  const slow = quantile(wholes, 0.99);
  const isSlow = wholes.map((whole) => whole >= slow);
  console.log(`${'step'.padEnd(28)} ${'p50'.padStart(7)} ${'p90'.padStart(7)} ${'slow'.padStart(7)}`);
  names.forEach((name, n) => line(name, times[n]!, isSlow));
  line('the whole call', wholes, isSlow);
  console.log('slow: the mean of the slowest hundredth of the calls');
  console.log(`sum of the p50 ${times.reduce((sum, step) => sum + median(step), 0).toFixed(0)}`);
}

function line(name: string, times: readonly number[], isSlow: readonly boolean[]): void {
  const slow = times.filter((_, n) => isSlow[n]);
  const mean = slow.reduce((sum, us) => sum + us, 0) / slow.length;
  const columns = [quantile(times, 0.5), quantile(times, 0.9), mean].map((us) => us.toFixed(0).padStart(7));
  console.log(`${name.padEnd(28)} ${columns.join(' ')}`);
}
