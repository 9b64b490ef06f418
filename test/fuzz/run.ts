// One fuzzing: a system of real programs, odd workers, an odd dispatcher and odd requests, and between them calls that must
// go on being answered rightly, in bounded memory, without a line about a fault of ours.
import { SAMPLE } from '@mpcsfaas/contract';
import { faultLines, peakBytes } from '../harness/health.ts';
import { post, registerSource, endsOf } from '../harness/http.ts';
import { start, type Program } from '../harness/program.ts';
import { startSystem } from '../harness/system.ts';
import { fuzzService, type Answers } from './http.ts';
import { fuzzDispatcher, oddDispatcher } from './link.ts';

export interface Fuzzed {
  /** Messages to the dispatcher, and to a worker. */
  frames: number;
  requests: number;
  statuses: Answers['statuses'];
  /** What must not be: empty = all is well. */
  faults: string[];
  /** The most that each program has had resident, bytes. */
  peaks: Map<string, number>;
  seconds: number;
}

/** A program's peak beyond what it has at rest: bodies of 96 MiB may be under way, all else is small. */
export const MOST_BYTES = 600 * 2 ** 20;

/** `frames`: half go to the dispatcher, half to a worker. `tell` hears how far it is. */
export async function fuzz(
  frames: number,
  requests: number,
  seed: number,
  tell: (line: string) => void,
): Promise<Fuzzed> {
  const began = performance.now();
  const faults: string[] = [];
  const system = await startSystem({ form: 'embedded push', workers: 1 });
  const { url } = system;
  const odd = await oddDispatcher(system.dispatcherUrl);
  let misled: Program | undefined;
  try {
    await registerSource(url, 'sane', 'def sane(n):\n    return n + 1\n');
    misled = start('mpcsfaas', [
      'worker',
      'push',
      odd.url,
      '--slots',
      '2',
      '--data-dir',
      `${system.dataDir}/misled`,
      '--python',
      '/usr/bin/python3',
      '--label',
      'misled',
    ]);
    await misled.says(/Registered with/);
    const programs = new Map([
      ['up', system.service],
      ['worker', system.workers[0]!],
      ['misled worker', misled],
    ]);

    let last = performance.now();
    const sane = async (done: number): Promise<void> => {
      const answer = await post<number>(`${url}/v1/call/sane`, { args: [done] });
      if (answer.status !== 200 || answer.body !== done + 1) {
        faults.push(
          `after ${done} a call of ours was answered ${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`,
        );
      }
      if (performance.now() - last < 5000) return;
      last = performance.now();
      tell(`${done} done`);
    };
    tell('strange workers at the dispatcher');
    await fuzzDispatcher(system.dispatcherUrl, Math.ceil(frames / 2), seed, sane);
    tell('a strange dispatcher at a worker');
    await odd.speak(Math.floor(frames / 2), seed + 1);
    // It is well all the same: it runs what only it can.
    const { body } = await post<{ task_id: string }>(`${url}/v1/tasks`, {
      function: 'sane',
      args: [41],
      options: { labels: ['misled'] },
    });
    const end = (await endsOf(url, [body.task_id])).get(body.task_id);
    if (end?.value !== 42) faults.push(`the misled worker ended a call so: ${JSON.stringify(end)}`);
    tell('odd requests at the service');
    const { statuses, bad } = await fuzzService(url, await realIds(url), requests, seed + 2, sane);
    faults.push(...bad);

    const peaks = new Map<string, number>();
    for (const [name, program] of programs) {
      const peak = peakBytes(program.pid);
      peaks.set(name, peak);
      if (!(peak < MOST_BYTES)) faults.push(`${name} had ${peak} bytes resident, or has ended`);
      for (const line of faultLines(program.output())) faults.push(`${name} wrote: ${line}`);
    }
    return { frames, requests, statuses, faults, peaks, seconds: (performance.now() - began) / 1000 };
  } finally {
    await misled?.stop();
    odd.close();
    await system.stop();
  }
}

/** Documented ids → those of tasks and functions that are there. */
async function realIds(url: string): Promise<Map<string, string>> {
  const id = await registerSource(url, 'double', 'def double(n):\n    return 2 * n\n');
  const classic = await post<{ function_id: string }>(`${url}/register_function`, {
    name: 'len',
    payload: SAMPLE.lenPickle,
  });
  const task = async (options: object): Promise<string> =>
    (await post<{ task_id: string }>(`${url}/v1/tasks`, { function: 'double', args: [21], options })).body.task_id;
  return new Map([
    [SAMPLE.functionId, id],
    [SAMPLE.classicFunctionId, classic.body.function_id],
    [SAMPLE.endedTask, await task({})],
    [SAMPLE.waitingTask, await task({ labels: ['nowhere'] })],
    [SAMPLE.cancelTask, await task({ labels: ['nowhere'] })],
    [SAMPLE.classicTask, await task({})],
  ]);
}
