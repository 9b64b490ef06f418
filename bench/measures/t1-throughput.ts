// T1: throughput in batches over four connections, every result fetched, beside what people use today.
import { bareBatches, barePaths, isBare, overBare } from '../bare/index.ts';
import { bullmq, CELERY, DASK, POOL, PROCESS_POOL, RQ } from '../contestants/index.ts';
import { contest, type Contestant, type Score } from '../contest.ts';
import { batches } from '../load.ts';
import { atLeast, medianOf, ratios, inTurns, type Figure, type Measure, type Plan } from '../measure.ts';
import type { Language } from '../noop.ts';
import { MAIN_FORMS, type Running } from '../ours.ts';
import { bars, lines, type Line } from '../plot.ts';
import { median, quantile } from '../statistics.ts';
import { durability } from './durability.ts';
import type { Form } from '../../test/harness/system.ts';

const BULLMQ = bullmq();
/** To find out its best takes four seconds. */
const BULLMQ_QUICK = bullmq(100);
const CONNECTIONS = 4;
const BATCH = 100;

export const t1: Measure = {
  id: 'T1',
  title: `throughput, batches of ${BATCH} over ${CONNECTIONS} connections, all results fetched`,
  played: (plan) => `${inTurns(plan)}; by batch size and by durability in rounds of their own`,
  run: async (plan) => {
    const forms = plan.quick ? (['embedded local', 'redis push'] as const) : MAIN_FORMS;
    const { figures, notes } = await contest(contestants(forms, plan), plan);
    const columns = plan.quick ? [] : (await durability(plan, load('python'))).figures;
    const { curve, told } = plan.quick ? NO_CURVE : await curves(plan);
    const beside = (form: Form, language: Language, rival: Contestant): number =>
      median(ratios(figures, ours(form, language), rival.name));
    const targets = forms.flatMap((form) => [
      ...(form === 'redis pull' || form === 'redis push'
        ? [
            atLeast(`${form}, Python ÷ ${PROCESS_POOL.name}`, '×', 1.25, beside(form, 'python', PROCESS_POOL)),
            atLeast(`${form}, JavaScript ÷ BullMQ`, '×', 1.25, beside(form, 'javascript', BULLMQ)),
          ]
        : []),
      ...(plan.quick ? [] : [atLeast(`${form}, Python ÷ Celery`, '×', 25, beside(form, 'python', CELERY))]),
      ...(form === 'embedded local'
        ? [atLeast(`${form}, Python ÷ ${POOL.name}`, '×', 1, beside(form, 'python', POOL))]
        : []),
    ]);
    const overBound = overBare(figures, (form) => ours(form, 'python'));
    // Beside a bound that is no rival the others would be too small to compare.
    const rivals = figures.filter(({ name }) => !isBare(name));
    const chart = rivals.map(({ name, samples }) => ({
      name,
      value: median(samples),
      low: quantile(samples, 0.25),
      high: quantile(samples, 0.75),
    }));
    const plots: Record<string, string> = { 'throughput.svg': bars('No-ops a second, results fetched', '/s', chart) };
    if (curve.length > 0) {
      const axes = { title: 'Throughput by batch size', x: 'tasks a batch', y: 'tasks/s', logX: true };
      plots['throughput-by-batch.svg'] = lines(axes, curve);
    }
    return { figures: [...figures, ...overBound, ...columns, ...told], targets, notes, plots };
  },
};

function ours(form: Form, language: Language): string {
  return `ours ${form}, ${language}`;
}

function contestants(forms: readonly Form[], plan: Plan): Contestant[] {
  const shared = plan.systems();
  const own = (['python', 'javascript'] as const).flatMap((language) =>
    forms.map((form) => shared.contestant(ours(form, language), { form }, load(language))),
  );
  const bare = barePaths((client, seconds) => bareBatches(client, CONNECTIONS, BATCH, seconds));
  return [...own, ...bare, PROCESS_POOL, POOL, ...(plan.quick ? [BULLMQ_QUICK] : [BULLMQ, CELERY, RQ, DASK])];
}

function load(language: Language, batch = BATCH): (running: Running, seconds: number) => Promise<Score> {
  return ({ client, noop }, seconds) =>
    batches(client, { id: noop[language], language, connections: CONNECTIONS, batch, seconds });
}

interface Curves {
  curve: Line[];
  told: Figure[];
}

const NO_CURVE: Curves = { curve: [], told: [] };
const SIZES = [1, 10, 100, 1000, 10_000];

/** By batch size: all sizes of both forms in the same rounds. */
async function curves(plan: Plan): Promise<Curves> {
  const shared = plan.systems();
  const forms = ['embedded local', 'redis push'] as const;
  const row = (form: Form, batch: number): string => `ours ${form}, batches of ${batch}`;
  const sized = SIZES.flatMap((batch) =>
    forms.map((form) => shared.contestant(row(form, batch), { form }, load('python', batch))),
  );
  const { figures: told } = await contest(sized, plan);
  const curve = forms.map((form): Line => ({
    name: `ours ${form}`,
    points: SIZES.map((batch) => [batch, medianOf(told, row(form, batch))]),
  }));
  return { curve, told };
}
