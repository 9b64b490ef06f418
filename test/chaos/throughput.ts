// How many short tasks a second the system does, measured the same way before the faults and after them.
import { endsOf, post } from '../harness/http.ts';
import { now } from './now.ts';

const TASKS = 300;
const PATIENCE_MS = 30_000;

export interface Throughput {
  perSecond: number;
  /** How many tasks the measurement made. */
  tasks: number;
}

/**
 * The best of as many bursts as begin within `forMs`, at least two: other work on the machine only ever slows one. Where
 * that is less than `enough`, it goes on for `PATIENCE_MS`: what else runs may be through by then.
 */
export async function throughput(url: string, functionId: string, forMs: number, enough = 0): Promise<Throughput> {
  const begin = now();
  let best = 0;
  let made = 0;
  const goesOn = (): boolean => now() - begin < forMs || (best < enough && now() - begin < PATIENCE_MS);
  for (let bursts = 0; bursts < 2 || goesOn(); bursts += 1) {
    const from = now();
    // No label of the ledger: these are counted apart, as labels below zero.
    const tasks = Array.from({ length: TASKS }, (_, n) => ({ function: functionId, args: [-1 - n] }));
    const { status, body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, { tasks });
    if (status !== 201) throw new Error(`a burst was refused: ${status} ${JSON.stringify(body)}`);
    made += TASKS;
    await endsOf(url, body.task_ids);
    best = Math.max(best, (TASKS * 1000) / (now() - from));
  }
  return { perSecond: best, tasks: made };
}
