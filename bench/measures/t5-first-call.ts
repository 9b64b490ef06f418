// T5: what the first call of a function costs more than a warm one.
import { randomUUID } from 'node:crypto';
import type { Client } from '../http.ts';
import { atMost, medianOf, type Figure, type Measure } from '../measure.ts';
import type { Language } from '../noop.ts';

const FUNCTIONS = 30;

export const t5: Measure = {
  id: 'T5',
  title: 'the first call of a function never seen before, over a warm one',
  run: async (plan) => {
    const figures: Figure[] = [];
    for (const form of plan.quick
      ? (['redis push'] as const)
      : (['embedded local', 'redis pull', 'redis push'] as const)) {
      const { client, stop } = await plan.systems().use({ form });
      try {
        for (const language of ['python', 'javascript'] as const) {
          await excess(client, language);
          const samples: number[] = [];
          for (let n = 0; n < (plan.quick ? 5 : FUNCTIONS); n += 1) samples.push(await excess(client, language));
          figures.push({ name: `ours ${form}, ${language}`, unit: 'ms', samples });
        }
      } finally {
        await stop();
      }
    }
    const targets = figures.map(({ name, unit }) => atMost(name, unit, 15, medianOf(figures, name)));
    return { figures, targets, notes: ['one sample a function; warm = the fastest of five calls after it'], plots: {} };
  },
};

/** ms that the first call took longer than a warm one. */
async function excess(client: Client, language: Language): Promise<number> {
  const mark = randomUUID();
  const source =
    language === 'python' ? `# ${mark}\ndef echo(n):\n    return n\n` : `// ${mark}\nexport default (n) => n;\n`;
  const body = { name: `new-${mark}`, runtime: language, source };
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
