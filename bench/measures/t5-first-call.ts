// T5: what the first call of a function costs more than a warm one.
import { randomUUID } from 'node:crypto';
import type { Client } from '../http.ts';
import { atMost, medianOf, type Figure, type Measure } from '../measure.ts';
import { dilledNoops, type Language } from '../noop.ts';
import type { Running } from '../ours.ts';
import { subjects } from './durability.ts';

const FUNCTIONS = 31;

export const t5: Measure = {
  id: 'T5',
  title: 'the first call of a function never seen before, over a warm one',
  played: () =>
    'a sample a function, forms and languages in turns, function by function, with nobody stopped; the first function of each warms up',
  run: async (plan) => {
    const ours = subjects(plan, plan.quick ? ['redis push'] : ['embedded local', 'redis pull', 'redis push']);
    const shared = plan.systems();
    const open: (Figure & { running: Running; bodies: object[]; usual: boolean })[] = [];
    try {
      for (const { name, options, usual } of ours) {
        for (const language of usual ? (['python', 'javascript'] as const) : (['python'] as const)) {
          const running = await shared.use(options);
          const bodies = functions(language, plan.quick ? 6 : FUNCTIONS);
          open.push({ name: `${name}, ${language}`, unit: 'ms', samples: [], running, bodies, usual });
        }
      }
      for (let n = 0; n < open[0]!.bodies.length; n += 1) {
        for (const { running, bodies, samples } of open) {
          const sample = await excess(running.client, bodies[n]!);
          // The first of them forks a runner, too.
          if (n > 0) samples.push(sample);
        }
      }
    } finally {
      await Promise.all(open.map(({ running }) => running.stop()));
    }
    const figures = open.map(({ name, unit, samples }): Figure => ({ name, unit, samples }));
    const targets = open
      .filter(({ usual }) => usual)
      .map(({ name, unit }) => atMost(name, unit, 15, medianOf(figures, name)));
    return {
      figures,
      targets,
      notes: ['one sample a function, Python pickled by dill; warm = the fastest of five calls after it'],
      plots: {},
    };
  },
};

/** Registrations of functions that nobody has seen: pickled by dill, or JavaScript's source. */
function functions(language: Language, count: number): object[] {
  const marks = Array.from({ length: count }, () => randomUUID());
  const codes =
    language === 'python'
      ? dilledNoops(marks).map((payload) => ({ payload }))
      : marks.map((mark) => ({ source: `// ${mark}\nexport default (n) => n;\n` }));
  return codes.map((code, n) => ({ name: `new-${marks[n]!}`, runtime: language, ...code }));
}

/** ms that the first call took longer than a warm one. `body`: the function's registration. */
async function excess(client: Client, body: object): Promise<number> {
  const { function_id: id } = await client.json<{ function_id: string }>('/v1/functions', body);
  const call = async (): Promise<number> => {
    const sent = performance.now();
    const { status, bytes } = await client.send('POST', `/v1/call/${id}`, '{"args":[7]}');
    if (status !== 200 || bytes.toString() !== '7')
      throw new Error(`a new function answered ${status} ${bytes.toString()}`);
    return performance.now() - sent;
  };
  const first = await call();
  const warm: number[] = [];
  for (let n = 0; n < 5; n += 1) warm.push(await call());
  return first - Math.min(...warm);
}
