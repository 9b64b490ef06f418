// T11: classic clients that poll as tightly as they can, beside the same clients against a server that answers at once.
import { fileURLToPath } from 'node:url';
import { run } from '../../test/harness/program.ts';
import type { Form, SystemOptions } from '../../test/harness/system.ts';
import { talk } from '../contestants/talk.ts';
import { contest, type Contestant } from '../contest.ts';
import { cpuOf } from '../cpu.ts';
import { atLeast, atMost, ratios, inTurns, type Measure } from '../measure.ts';
import { PYTHON } from '../noop.ts';
import { cpuTimes, pidsOf, type Shared } from '../ours.ts';
import { median } from '../statistics.ts';
import { SETTINGS } from './durability.ts';

const CLIENT = fileURLToPath(new URL('../contestants/polling.py', import.meta.url));
const SERVER = fileURLToPath(new URL('../contestants/at-once.ts', import.meta.url));

export const t11: Measure = {
  id: 'T11',
  title: 'classic clients that poll /result as tightly as they can, two processes of Python requests',
  played: (plan) => `${inTurns(plan)}; by durability in rounds of their own`,
  run: async (plan) => {
    const forms: readonly Form[] = plan.quick ? ['redis push'] : ['embedded local', 'redis pull', 'redis push'];
    const shared = plan.systems();
    const ours = forms.map((form) => polled(`ours ${form}`, { form }, shared));
    const { figures, notes } = await contest([atOnce, ...ours], plan);
    const settings = SETTINGS.map(({ name, options }) => polled(name, options, shared));
    const columns = plan.quick ? [] : (await contest(settings, plan)).figures;
    const targets = forms.flatMap((form) => {
      const name = `ours ${form}`;
      const { service, up = service } = figures.find((figure) => figure.name === name)?.cpu ?? {};
      return [
        atLeast(`${name} ÷ a server that answers at once`, '×', 0.6, median(ratios(figures, name, atOnce.name))),
        ...(up === undefined ? [] : [atMost(`${name}, CPU of the service a task`, 'µs', 200, up)]),
      ];
    });
    return { figures: [...figures, ...columns], targets, notes, plots: {} };
  },
};

const atOnce: Contestant = {
  name: 'a server that answers at once',
  start: async () => {
    const server = run(process.execPath, [SERVER]);
    try {
      const [, url = ''] = await server.says(/(http:\S+) is ready/);
      const player = await talk(PYTHON, ['-u', CLIENT, url, 'any'], {});
      const stop = async (): Promise<void> => {
        await player.stop();
        await server.kill();
      };
      return {
        how: player.how,
        run: async (seconds) => {
          const before = cpuOf(server.pid).own;
          const score = await player.run(seconds);
          return { ...score, cpu: { server: cpuOf(server.pid).own - before } };
        },
        pids: () => [server.pid, ...player.pids()],
        stop,
      };
    } catch (error) {
      await server.kill();
      throw error;
    }
  },
};

function polled(name: string, options: SystemOptions, shared: Shared): Contestant {
  return {
    name,
    start: async () => {
      const running = await shared.use(options);
      try {
        const player = await talk(PYTHON, ['-u', CLIENT, running.system.url, running.noop.python], {});
        return {
          how: '',
          run: async (seconds) => {
            const before = cpuTimes(running.system);
            const score = await player.run(seconds);
            const after = cpuTimes(running.system);
            delete after['load generator'];
            const cpu = Object.entries(after).map(([name, ms]): [string, number] => [name, ms - (before[name] ?? 0)]);
            return { ...score, cpu: Object.fromEntries(cpu) };
          },
          pids: () => [...pidsOf(running.system), ...player.pids()],
          stop: async () => {
            await player.stop();
            await running.stop();
          },
        };
      } catch (error) {
        await running.stop();
        throw error;
      }
    },
  };
}
