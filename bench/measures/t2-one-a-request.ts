// T2: one task a request, submit and wait in one, over 64 connections.
import { bareSingles, barePaths, overBare } from '../bare/index.ts';
import { contest } from '../contest.ts';
import { singles } from '../load.ts';
import { atLeast, medianOf, inTurns, type Measure } from '../measure.ts';
import { durability } from './durability.ts';

const CONNECTIONS = 64;
const WANTED = [
  ['embedded local', 12_000],
  ['redis pull', 8000],
  ['redis push', 8000],
] as const;

export const t2: Measure = {
  id: 'T2',
  title: `one task a request, submit and wait in one, ${CONNECTIONS} connections`,
  played: (plan) => `${inTurns(plan)}; by durability in rounds of their own`,
  run: async (plan) => {
    const shared = plan.systems();
    const languages = plan.quick ? (['python'] as const) : (['python', 'javascript'] as const);
    const wanted = plan.quick ? WANTED.filter(([form]) => form !== 'redis pull') : WANTED;
    const contestants = languages.flatMap((language) =>
      wanted.map(([form]) =>
        shared.contestant(`ours ${form}, ${language}`, { form }, ({ client, noop }, seconds) =>
          singles(client, noop[language], CONNECTIONS, seconds),
        ),
      ),
    );
    // T1 and T3 tell of it where it must be quick.
    const bare = plan.quick ? [] : barePaths((client, seconds) => bareSingles(client, CONNECTIONS, seconds));
    const { figures, notes } = await contest([...contestants, ...bare], plan);
    const columns = plan.quick
      ? []
      : (await durability(plan, ({ client, noop }, seconds) => singles(client, noop.python, CONNECTIONS, seconds)))
          .figures;
    const targets = languages.flatMap((language) =>
      wanted.map(([form, want]) => {
        const name = `ours ${form}, ${language}`;
        return atLeast(name, 'tasks/s', want, medianOf(figures, name));
      }),
    );
    const overBound = plan.quick ? [] : overBare(figures, (form) => `ours ${form}, python`);
    return { figures: [...figures, ...overBound, ...columns], targets, notes, plots: {} };
  },
};
