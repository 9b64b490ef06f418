// T7: weak scaling: five sleeps of 100 ms a slot take as long on 64 slots as on one.
import type { Form } from '../../test/harness/system.ts';
import type { Client } from '../http.ts';
import { atLeast, medianOf, type Figure, type Measure } from '../measure.ts';
import type { Running } from '../ours.ts';
import { lines } from '../plot.ts';
import { median } from '../statistics.ts';

const SLEEPS_A_SLOT = 5;
const SLEEP_MS = 100;
const MAX_WORKERS = 8;
const SOURCE = `import time\n\ndef nap():\n    time.sleep(${SLEEP_MS / 1000})\n    return 'rested'\n`;

export const t7: Measure = {
  id: 'T7',
  title: `weak scaling: ${SLEEPS_A_SLOT} sleeps of ${SLEEP_MS} ms a slot`,
  played: ({ runs }) => `${runs} rounds of half a second after two that warm up; one size after the other`,
  run: async (plan) => {
    const forms: readonly Form[] = plan.quick
      ? ['redis push']
      : ['embedded local', 'redis local', 'redis pull', 'redis push'];
    const sizes = plan.quick ? [16] : [1, 2, 4, 8, 16, 32, 64];
    const figures: Figure[] = [];
    for (const form of forms) {
      for (const slots of sizes) {
        // Where it must be quick, on the system that T10 has as well.
        const workers = plan.quick ? 2 : Math.min(MAX_WORKERS, slots);
        const running = await plan.systems().use({ form, workers, slots: slots / workers });
        const samples = await efficiencies(running, slots, plan.runs);
        figures.push({ name: nameOf(form, slots), unit: '%', samples });
        plan.note(`${form}, ${slots} slots: ${median(samples).toFixed(1)} %`);
      }
    }
    const targets = figures.map(({ name, unit }) => atLeast(name, unit, 95, medianOf(figures, name)));
    const curves = forms.map((form) => ({
      name: form,
      points: sizes.map((slots): [number, number] => [slots, medianOf(figures, nameOf(form, slots))]),
    }));
    const axes = { title: 'Weak scaling', x: 'slots', y: 'efficiency, %', logX: true, maxY: 100 };
    const notes = [`up to ${MAX_WORKERS} workers, all on this machine; the first two rounds warm up and do not count`];
    return { figures, targets, notes, plots: { 'weak-scaling.svg': lines(axes, curves) } };
  },
};

function nameOf(form: Form, slots: number): string {
  return `ours ${form}, ${slots} slots`;
}

/** % of the time that the sleeps alone would take. */
async function efficiencies({ client, stop }: Running, slots: number, runs: number): Promise<number[]> {
  try {
    await client.json('/v1/functions', { name: 'nap', runtime: 'python', source: SOURCE });
    const samples: number[] = [];
    for (let run = 0; run < runs + 2; run += 1) samples.push(await round(client, slots * SLEEPS_A_SLOT));
    return samples.slice(2).map((ms) => (SLEEPS_A_SLOT * SLEEP_MS * 100) / ms);
  } finally {
    await stop();
  }
}

/** ms from the submit until all results are here. */
async function round(client: Client, count: number): Promise<number> {
  const started = performance.now();
  const tasks = Array.from({ length: count }, () => ({ function: 'nap', args: [] }));
  let { task_ids: open } = await client.json<{ task_ids: string[] }>('/v1/tasks/batch', { tasks });
  let rested = 0;
  while (open.length > 0) {
    const { results, pending } = await client.json<{ results: { value?: unknown }[]; pending: string[] }>(
      '/v1/results',
      {
        task_ids: open,
        wait_ms: 60_000,
        wait_for: 'all',
      },
    );
    if (results.some(({ value }) => value !== 'rested')) throw new Error('a sleep did not end as it should');
    rested += results.length;
    open = pending;
  }
  if (rested !== count) throw new Error(`${rested} of ${count} sleeps came back`);
  return performance.now() - started;
}
