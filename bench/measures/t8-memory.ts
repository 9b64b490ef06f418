// T8: memory at rest, after work has been done.
import { setTimeout as sleep } from 'node:timers/promises';
import { batches } from '../load.ts';
import { atMost, medianOf, type Figure, type Measure } from '../measure.ts';
import { privateOf, pssOf, pythonRunners } from '../memory.ts';

/** A program gives its memory back after ten seconds of rest. */
const REST_MS = 15_000;
const BETWEEN_LOOKS_MS = 1000;
/** Of its worker. */
const SLOTS = 2;
const MB = 1e6;

export const t8: Measure = {
  id: 'T8',
  title: 'memory at rest',
  played: ({ runs }) => `${runs} looks, a second apart, at programs that were started once`,
  run: async (plan) => {
    const restMs = plan.quick ? 1000 : REST_MS;
    const figures: Figure[] = [];
    const { system, client, noop, stop } = await plan.systems().use({ form: 'redis push' });
    try {
      const options = { id: noop.python, language: 'python', connections: 2, batch: 50 } as const;
      await batches(client, { ...options, seconds: Math.min(plan.seconds, 2) });
      await sleep(restMs);
      const worker = system.workers[0]!.pid;
      const programs = { service: system.service.pid, dispatcher: system.dispatcher.pid, worker };
      figures.push({ name: 'Private_* of a warm idle Python runner', unit: 'MB', samples: [] });
      for (const name of Object.keys(programs)) figures.push({ name: `PSS of the ${name}`, unit: 'MB', samples: [] });
      for (let look = 0; look < plan.runs; look += 1) {
        await sleep(BETWEEN_LOOKS_MS);
        // A third, forked ahead for whichever of them ends, has run nothing and has the least.
        const runners = pythonRunners(worker).map((pid) => privateOf(pid) / MB);
        figures[0]!.samples.push(...runners.sort((a, b) => b - a).slice(0, SLOTS));
        Object.values(programs).forEach((pid, n) => figures[n + 1]!.samples.push(pssOf(pid) / MB));
      }
    } finally {
      await stop();
    }
    const [runner, ...programs] = figures.map(({ name, unit }, n) =>
      atMost(name, unit, n === 0 ? 8 : 120, medianOf(figures, name)),
    );
    return {
      figures,
      // Programs that had no time to give anything back are not judged.
      targets: plan.quick ? [runner!] : [runner!, ...programs],
      notes: [`after a burst of no-ops and ${restMs / 1000} s of rest; Redis push`],
      plots: {},
    };
  },
};
