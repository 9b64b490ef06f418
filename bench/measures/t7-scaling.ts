// T7: weak scaling: five sleeps of 100 ms a slot take as long on 64 slots as on one.
import type { Form } from '../../test/harness/system.ts';
import { contest, type Score } from '../contest.ts';
import type { Client } from '../http.ts';
import { atLeast, inTurns, medianOf, type Figure, type Measure } from '../measure.ts';
import { MAIN_FORMS, type Running } from '../ours.ts';
import { lines } from '../plot.ts';
import { median } from '../statistics.ts';
import { subjects } from './durability.ts';

const SLEEPS_A_SLOT = 5;
const SLEEP_MS = 100;
/** Two rounds. */
const WARM_UP_S = 1;
const MAX_WORKERS = 8;
const SOURCE = `import time\n\ndef nap():\n    time.sleep(${SLEEP_MS / 1000})\n    return 'rested'\n`;

export const t7: Measure = {
  id: 'T7',
  title: `weak scaling: ${SLEEPS_A_SLOT} sleeps of ${SLEEP_MS} ms a slot`,
  played: (plan) => `${inTurns(plan)}, in rounds of half a second, after two that warm up; one size after the other`,
  run: async (plan) => {
    const forms: readonly Form[] = plan.quick ? ['redis push'] : MAIN_FORMS;
    const sizes = plan.quick ? [16] : [1, 2, 4, 8, 16, 32, 64];
    const ours = subjects(plan, forms);
    const measured: Figure[] = [];
    for (const slots of sizes) {
      // Where it must be quick, on the system that T10 has as well.
      const workers = plan.quick ? 2 : Math.min(MAX_WORKERS, slots);
      const shared = plan.systems();
      const contestants = ours.map(({ name, options }) =>
        shared.contestant(rowOf(name, slots), { ...options, workers, slots: slots / workers }, (running, seconds) =>
          rounds(running, slots, seconds),
        ),
      );
      const { scores } = await contest(contestants, { ...plan, warmUp: WARM_UP_S });
      const sized = [...scores].map(([name, all]): Figure => ({
        name,
        unit: '%',
        samples: all.map((score) => efficiency(score, slots)),
      }));
      measured.push(...sized);
      for (const { name, unit, samples } of sized) plan.note(`${name}: ${median(samples).toFixed(1)} ${unit}`);
    }
    const figures = ours.flatMap(({ name }) =>
      sizes.flatMap((slots) => measured.filter((figure) => figure.name === rowOf(name, slots))),
    );
    const targets = forms.flatMap((form) =>
      sizes.map((slots) => {
        const name = rowOf(`ours ${form}`, slots);
        return atLeast(name, '%', 95, medianOf(figures, name));
      }),
    );
    const curves = forms.map((form) => ({
      name: form,
      points: sizes.map((slots): [number, number] => [slots, medianOf(figures, rowOf(`ours ${form}`, slots))]),
    }));
    const axes = { title: 'Weak scaling', x: 'slots', y: 'efficiency, %', logX: true, maxY: 100 };
    const notes = [`up to ${MAX_WORKERS} workers, all on this machine`];
    return { figures, targets, notes, plots: { 'weak-scaling.svg': lines(axes, curves) } };
  },
};

function rowOf(name: string, slots: number): string {
  return `${name}, ${slots} slots`;
}

/** % of the time that the sleeps alone would take. */
function efficiency({ tasks, seconds }: Score, slots: number): number {
  return ((tasks / seconds) * (SLEEP_MS / 1000) * 100) / slots;
}

/** Round after round until the seconds are up. */
async function rounds({ client }: Running, slots: number, seconds: number): Promise<Score> {
  // Each time, for the system is stopped while its contestant is made.
  await client.json('/v1/functions', { name: 'nap', runtime: 'python', source: SOURCE });
  const started = performance.now();
  const score: Score = { tasks: 0, seconds: 0, wrong: 0 };
  do {
    await round(client, slots * SLEEPS_A_SLOT);
    score.tasks += slots * SLEEPS_A_SLOT;
    score.seconds = (performance.now() - started) / 1000;
  } while (score.seconds < seconds);
  return score;
}

/** Submits so many sleeps and resolves when all results are here. */
async function round(client: Client, count: number): Promise<void> {
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
}
