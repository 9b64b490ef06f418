// T10: short calls beside long ones: does a no-op wait behind a call of two seconds?
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../http.ts';
import { atMost, medianOf, type Figure, type Measure } from '../measure.ts';
import { quantile } from '../statistics.ts';

const RATE = 500;
const LONG_CALLS = 4;
const LONG_S = 2;
/** Of a run: it is to hold more than one of the long calls. */
const LEAST_S = 3;
const NAP = 'import time\n\ndef nap(s):\n    time.sleep(s)\n    return s\n';
const NOOP = 'def noop(s):\n    return s\n';

export const t10: Measure = {
  id: 'T10',
  title: `${RATE} no-ops a second beside ${LONG_CALLS} calls of ${LONG_S} s, 16 slots on 2 workers`,
  played: (plan) => `${plan.runs} runs of ${Math.max(plan.seconds, LEAST_S)} s after one of 2 s; form after form`,
  run: async (plan) => {
    const figures: Figure[] = [];
    for (const form of plan.quick ? (['redis push'] as const) : (['redis pull', 'redis push'] as const)) {
      const { client, stop } = await plan.systems().use({ form, workers: 2, slots: 8 });
      try {
        await client.json('/v1/functions', { name: 'nap', runtime: 'python', source: NAP });
        await client.json('/v1/functions', { name: 'noop', runtime: 'python', source: NOOP });
        for (const short of ['noop', 'nap'] as const) {
          const p99: number[] = [];
          const p50: number[] = [];
          await mixed(client, short, plan.quick ? 0.5 : 2);
          for (let run = 0; run < plan.runs; run += 1) {
            const latencies = await mixed(client, short, Math.max(plan.seconds, plan.quick ? 1 : LEAST_S));
            p50.push(quantile(latencies, 0.5));
            p99.push(quantile(latencies, 0.99));
          }
          const name = `ours ${form}, ${short === 'noop' ? 'two functions' : 'one function'}`;
          figures.push(
            { name: `${name}, p50`, unit: 'ms', samples: p50 },
            { name: `${name}, p99`, unit: 'ms', samples: p99 },
          );
          plan.note(`${name}: p99 ${medianOf(figures, `${name}, p99`).toFixed(1)} ms`);
        }
      } finally {
        await stop();
      }
    }
    const targets = figures
      .filter(({ name }) => name.endsWith('p99'))
      .map(({ name, unit }) => atMost(name, unit, 50, medianOf(figures, name)));
    return { figures, targets, notes: ['open loop: a call that is late counts from when it was due'], plots: {} };
  },
};

/** ms of each short call, from when it was due. */
async function mixed(client: Client, short: 'noop' | 'nap', seconds: number): Promise<number[]> {
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
  return latencies;
}
