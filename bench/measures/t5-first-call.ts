// T5: what the first call of a function costs more than a warm one.
import { randomUUID } from 'node:crypto';
import type { Client } from '../http.ts';
import { atMost, medianOf, type Figure, type Measure } from '../measure.ts';
import { dilledNoops, type Language } from '../noop.ts';

const FUNCTIONS = 31;

export const t5: Measure = {
  id: 'T5',
  title: 'the first call of a function never seen before, over a warm one',
  played: () => 'one pass, a sample a function; form after form',
  run: async (plan) => {
    const figures: Figure[] = [];
    for (const form of plan.quick
      ? (['redis push'] as const)
      : (['embedded local', 'redis pull', 'redis push'] as const)) {
      const { client, stop } = await plan.systems().use({ form });
      try {
        for (const language of ['python', 'javascript'] as const) {
          const samples: number[] = [];
          for (const body of functions(language, plan.quick ? 6 : FUNCTIONS)) samples.push(await excess(client, body));
          // The first of them forks a runner, too.
          figures.push({ name: `ours ${form}, ${language}`, unit: 'ms', samples: samples.slice(1) });
        }
      } finally {
        await stop();
      }
    }
    const targets = figures.map(({ name, unit }) => atMost(name, unit, 15, medianOf(figures, name)));
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
