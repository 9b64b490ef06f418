// How many short tasks a second the system does, measured the same way before the faults and after them.
import { endsOf, post } from '../harness/http.ts';
import { now } from './now.ts';

const TASKS = 300;
/** After everything has ended throughput must be back within this, ms. */
export const BACK_WITHIN_MS = 10_000;
/** Where a short run has several variants at a time, another one's load and faults stand beside: they may be through by then, ms. */
export const BACK_BESIDE_OTHERS_MS = 30_000;
/** A machine that others use as well never gives the same figure twice: below this it is no noise. */
export const FLOOR = 0.5;

export interface Throughput {
  perSecond: number;
  /** How many tasks the measurement made. */
  tasks: number;
}

export interface Measure {
  forMs: number;
  /** Where less than this was measured by then, it goes on. */
  enough: number;
  /** No burst begins later than this, whatever was measured. */
  atMostMs: number;
}

/** The best of as many bursts as begin in the time there is, two if they can: other work on the machine only ever slows one. */
export async function throughput(
  url: string,
  functionId: string,
  { forMs, enough, atMostMs }: Measure,
): Promise<Throughput> {
  const begin = now();
  let best = 0;
  let made = 0;
  let bursts = 0;
  const goesOn = (): boolean => {
    const spent = now() - begin;
    return spent < forMs || (spent < atMostMs && (bursts < 2 || best < enough));
  };
  for (; goesOn(); bursts += 1) {
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

/** What is wrong with throughput after the faults, in a sentence. */
export function notBack(before: number, after: number): string[] {
  if (after >= before * FLOOR) return [];
  return [`throughput ${Math.round(after)}/s after the faults, ${Math.round(before)}/s before`];
}
