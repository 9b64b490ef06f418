// T10: short calls beside long ones: does a no-op wait behind a call of two seconds?
import { setTimeout as sleep } from 'node:timers/promises';
import { contest, percentiles, type Score } from '../contest.ts';
import { atMost, inTurns, medianOf, type Measure } from '../measure.ts';
import type { Running } from '../ours.ts';
import { subjects } from './durability.ts';

const RATE = 500;
const LONG_CALLS = 4;
const LONG_S = 2;
/** Of a run: it is to hold more than one of the long calls. */
const LEAST_S = 3;
/** The function that is called for short, and how its rows tell it. */
const SHORT = [
  ['noop', 'two functions'],
  ['nap', 'one function'],
] as const;
const NAP = 'import time\n\ndef nap(s):\n    time.sleep(s)\n    return s\n';
const NOOP = 'def noop(s):\n    return s\n';

export const t10: Measure = {
  id: 'T10',
  title: `${RATE} no-ops a second beside ${LONG_CALLS} calls of ${LONG_S} s, 16 slots on 2 workers`,
  played: ({ runs, seconds }) => inTurns({ runs, seconds: Math.max(seconds, LEAST_S) }),
  run: async (plan) => {
    const shared = plan.systems();
    const ours = subjects(plan, plan.quick ? ['redis push'] : ['redis pull', 'redis push']);
    const variants = ours.flatMap((subject) =>
      SHORT.map(([short, told]) => ({ ...subject, short, row: `${subject.name}, ${told}` })),
    );
    const contestants = variants.map(({ row, options, short }) =>
      shared.contestant(row, { ...options, workers: 2, slots: 8 }, (running, seconds) =>
        mixed(running, short, seconds),
      ),
    );
    const seconds = Math.max(plan.seconds, plan.quick ? 1 : LEAST_S);
    const { scores } = await contest(contestants, { ...plan, seconds });
    const figures = percentiles(scores);
    const targets = variants
      .filter(({ usual }) => usual)
      .map(({ row }) => atMost(`${row}, p99`, 'ms', 50, medianOf(figures, `${row}, p99`)));
    return { figures, targets, notes: ['open loop: a call that is late counts from when it was due'], plots: {} };
  },
};

/** Calls beside the long ones, with latencies in ms from when each was due. */
async function mixed({ client }: Running, short: 'noop' | 'nap', seconds: number): Promise<Score> {
  // Each time, for the system is stopped while its second contestant is made.
  await client.json('/v1/functions', { name: 'nap', runtime: 'python', source: NAP });
  await client.json('/v1/functions', { name: 'noop', runtime: 'python', source: NOOP });
  const started = performance.now();
  const until = started + seconds * 1000;
  const call = async (name: string, argument: number): Promise<void> => {
    const { status, bytes } = await client.send('POST', `/v1/call/${name}`, `{"args":[${argument}]}`);
    if (status !== 200 || Number(bytes.toString()) !== argument)
      throw new Error(`${name}: ${status} ${bytes.toString()}`);
  };
  const long = Array.from({ length: LONG_CALLS }, async () => {
    do await call('nap', LONG_S);
    while (performance.now() < until);
  });
  // The long ones run before the first short one is sent.
  await sleep(200);
  const first = performance.now();
  const latencies: number[] = [];
  const sent: Promise<void>[] = [];
  for (let n = 0; performance.now() < until; n += 1) {
    const due = first + (n * 1000) / RATE;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    sent.push(call(short, 0).then(() => void latencies.push(performance.now() - due)));
  }
  await Promise.all([...sent, ...long]);
  return { tasks: latencies.length, seconds: (until - first) / 1000, wrong: 0, latencies };
}
