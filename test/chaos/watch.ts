// Two who look on while the run goes: one reads records again and again and knows which moves are legal (I5), one follows
// the stream of ends, where every task may end once (I2).
import { MOVES } from '../../packages/server/src/lifecycle/moves.ts';
import type { TaskState } from '@mpcsfaas/contract';
import { get } from '../harness/http.ts';
import type { Ledger } from './ledger.ts';
import type { Dice } from './random.ts';
import { sleep } from './scene.ts';

export interface Watch {
  /** How many records were read, and how many ends came in the stream. */
  stop(): Promise<{ records: number; events: number }>;
}

const LOOK_MS = 50;

/** From each state, all that can be reached by legal moves, itself included: looks miss what lies between them. */
const REACHABLE = new Map<TaskState, Set<TaskState>>(
  (Object.keys(MOVES) as TaskState[]).map((from) => {
    const reached = new Set([from]);
    for (const state of reached) for (const next of Object.values(MOVES[state]).flat()) reached.add(next);
    return [from, reached];
  }),
);

interface Look {
  status: TaskState;
  attempt: number;
  losses: number;
}

/** Why `now` cannot come after `before`; '' = it can. */
export function illegal(before: Look, now: Look): string {
  if (!REACHABLE.get(before.status)!.has(now.status)) return `from ${before.status} to ${now.status}`;
  if (now.attempt < before.attempt) return `attempt ${now.attempt} after ${before.attempt}`;
  if (now.losses < before.losses) return `${now.losses} losses after ${before.losses}`;
  return '';
}

export function watch(urls: readonly string[], ledger: Ledger, dice: Dice): Watch {
  let going = true;
  const isGoing = (): boolean => going;
  let records = 0;
  let events = 0;
  const leave = new AbortController();

  const looking = async (): Promise<void> => {
    const looks = new Map<string, Look>();
    while (going) {
      await sleep(LOOK_MS);
      // Old ones are looked at as well: an end stays.
      const ids = [...looks.keys()];
      const open = ledger.waiting();
      const id =
        dice.chance(0.5) && open.length > 0 ? dice.pick(open).acks[0]!.id : ids.length > 0 ? dice.pick(ids) : '';
      if (id === '') continue;
      const reply = await get<Look>(`${dice.pick(urls)}/v1/tasks/${id}`).catch(() => undefined);
      if (reply?.status !== 200) continue;
      records += 1;
      const { status, attempt, losses } = reply.body;
      const before = looks.get(id);
      const wrong = before === undefined ? '' : illegal(before, reply.body);
      if (wrong !== '') ledger.violation('I5', `task ${id}: ${wrong}`, ledger.of(id)?.label);
      looks.set(id, { status, attempt, losses });
    }
  };

  const following = async (): Promise<void> => {
    /** Task → place in the log, and how it ended. */
    const ended = new Map<string, string>();
    let after = '';
    for (let turn = 0; going; turn += 1) {
      try {
        const headers: Record<string, string> = after === '' ? {} : { 'last-event-id': after };
        const answer = await fetch(`${urls[turn % urls.length]!}/v1/events`, { headers, signal: leave.signal });
        if (!answer.ok || answer.body === null) throw new Error(String(answer.status));
        let text = '';
        const decoder = new TextDecoder();
        for await (const chunk of answer.body) {
          text += decoder.decode(chunk as Uint8Array, { stream: true });
          const blocks = text.split('\n\n');
          text = blocks.pop() ?? '';
          for (const block of blocks) {
            const id = /^id: ?(.*)$/m.exec(block)?.[1];
            if (id !== undefined) after = id;
            if (!/^event: ?task\.ended$/m.test(block)) continue;
            const data = JSON.parse(/^data: ?(.*)$/m.exec(block)?.[1] ?? '{}') as { task_id: string; status: string };
            events += 1;
            const first = ended.get(data.task_id);
            const told = `${data.status} at ${id ?? ''}`;
            ended.set(data.task_id, first ?? told);
            if (first !== undefined && first !== told) {
              ledger.violation(
                'I2',
                `the stream told of ${data.task_id} ${first} and ${told}`,
                ledger.of(data.task_id)?.label,
              );
            }
          }
        }
      } catch {
        // The service went, or nobody listens: on from where we were, at another one.
        if (isGoing()) await sleep(200);
      }
    }
  };

  const both = Promise.all([looking(), following()]);
  return {
    stop: async () => {
      going = false;
      leave.abort();
      await both;
      return { records, events };
    },
  };
}
