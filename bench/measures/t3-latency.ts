// T3: latency of one at a time, submit and wait in one.
import type { Form } from '../../test/harness/system.ts';
import { bareSingles, barePaths, overBare } from '../bare/index.ts';
import { contest, percentiles } from '../contest.ts';
import { singles } from '../load.ts';
import { atMost, medianOf, inTurns, type Measure } from '../measure.ts';
import { MAIN_FORMS } from '../ours.ts';
import { lines } from '../plot.ts';
import { durability } from './durability.ts';

/** p50 and p99 in ms. */
const WANTED: Partial<Record<Form, [number, number]>> = {
  'embedded local': [0.5, 3],
  'redis pull': [1, 5],
  'redis push': [1, 5],
};

export const t3: Measure = {
  id: 'T3',
  title: 'latency of one at a time, submit and wait in one',
  played: (plan) => `${inTurns(plan)}; by durability in rounds of their own`,
  run: async (plan) => {
    const shared = plan.systems();
    const languages = plan.quick ? (['python'] as const) : (['python', 'javascript'] as const);
    const forms: readonly Form[] = plan.quick ? ['embedded local', 'redis push'] : MAIN_FORMS;
    const ours = languages.flatMap((language) =>
      forms.map((form) => ({ form, language, name: `ours ${form}, ${language}` })),
    );
    const contestants = ours.map(({ form, language, name }) =>
      shared.contestant(name, { form }, ({ client, noop }, seconds) => singles(client, noop[language], 1, seconds)),
    );
    const bare = plan.quick ? [] : barePaths((client, seconds) => bareSingles(client, 1, seconds));
    const { scores, notes } = await contest([...contestants, ...bare], plan);
    const figures = percentiles(scores);
    const columns = plan.quick
      ? []
      : percentiles(
          (await durability(plan, ({ client, noop }, seconds) => singles(client, noop.python, 1, seconds))).scores,
        );
    const targets = ours.flatMap(({ form, name }) =>
      (WANTED[form] ?? []).map((want, n) => {
        const row = `${name}, p${n === 0 ? 50 : 99}`;
        return atMost(row, 'ms', want, medianOf(figures, row));
      }),
    );
    const shares = Array.from({ length: 100 }, (_, n) => n / 100);
    const distribution = [...scores].map(([name, all]) => {
      const every = all.flatMap(({ latencies = [] }) => latencies).sort((a, b) => a - b);
      const points = shares.map((share): [number, number] => [
        every[Math.floor(share * every.length)] ?? 0,
        share * 100,
      ]);
      return { name, points };
    });
    const axes = { title: 'Latency of one call at a time', x: 'ms (up to p99)', y: '% of calls', maxY: 100 };
    const overBound = [', p50', ', p99'].flatMap((part) => overBare(figures, (form) => `ours ${form}, python`, part));
    return {
      figures: [...figures, ...overBound, ...columns],
      targets,
      notes,
      plots: { 'latency.svg': lines(axes, distribution) },
    };
  },
};
