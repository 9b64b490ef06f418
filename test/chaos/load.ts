// The mixed load: many clients at once, each in a closed loop, so that the queue stays short and what is slow shows.
import { HOSTILE_CALLS, anySingle, makeCall, type Call, type CallName } from './calls.ts';
import { Client } from './client.ts';
import type { Registered } from './functions.ts';
import type { Entry, Ledger } from './ledger.ts';
import { now } from './now.ts';
import type { Dice } from './random.ts';

export interface Load {
  /** No new submissions; waits for what was acknowledged, at most so long. */
  drain(withinMs: number): Promise<void>;
}

const BATCH = 25;
/** A client with an idempotency key repeats until it knows: so often at most, then it is in doubt for good. */
const REPEATS = 100;
/** Hostile calls cost a runner each: one at a time, with a rest. ms. */
const REST_MS = 300;

export interface LoadParts {
  urls: readonly string[];
  functions: Registered;
  ledger: Ledger;
  dice: Dice;
}

export function startLoad({ urls, functions, ledger, dice }: LoadParts): Load {
  let going = true;
  let deadline = Infinity;
  const until = (): number => deadline;

  const open = (name: CallName, own: Dice, key?: string): { entry: Entry; call: Call } => {
    // The recipe wants the label, the entry what the recipe says: the label first.
    const entry = ledger.open({ call: name, via: 'v1', key, atMostOnce: false, retries: 0 });
    const call = makeCall(name, entry.label, own);
    entry.atMostOnce = call.atMostOnce;
    entry.retries = call.retries;
    return { entry, call };
  };
  const bodyOf = (entry: Entry, call: Call): object => ({
    function: functions.id(call.function),
    args: call.args,
    options: { ...call.options, tags: [`label-${entry.label}`] },
  });

  /** Under a key: again until it is known what became of it. */
  const insist = async (client: Client, path: string, body: object, entries: readonly Entry[]): Promise<void> => {
    for (let tries = 0; tries < REPEATS && now() < deadline; tries += 1) {
      await client.submit(path, body, entries);
      if (entries[0]!.acks.length > 0) return;
    }
  };

  const batches = async (client: Client, own: Dice): Promise<void> => {
    const key = own.chance(0.5) ? `batch-${own.between(0, 2 ** 30)}-${now()}` : undefined;
    const opened = Array.from({ length: BATCH }, () => open('quick', own, key));
    const entries = opened.map(({ entry }) => entry);
    const body = { tasks: opened.map(({ entry, call }) => bodyOf(entry, call)) };
    if (key === undefined) await client.submit('/v1/tasks/batch', body, entries);
    else await insist(client, '/v1/tasks/batch', body, entries);
    await client.awaitEnds(new Map(opened.map(({ entry, call }) => [entry, call])), until);
  };

  const singles = async (client: Client, own: Dice): Promise<void> => {
    const { entry, call } = open(anySingle(own), own);
    await client.submit('/v1/tasks', bodyOf(entry, call), [entry]);
    await client.awaitEnds(new Map([[entry, call]]), until);
  };

  const longs = async (client: Client, own: Dice): Promise<void> => {
    const { entry, call } = open('long', own);
    await client.submit('/v1/tasks', bodyOf(entry, call), [entry]);
    await client.awaitEnds(new Map([[entry, call]]), until);
  };

  const cancels = async (client: Client, own: Dice): Promise<void> => {
    const { entry, call } = open(own.pick(['long', 'nap', 'spins'] as const), own);
    await client.submit('/v1/tasks', bodyOf(entry, call), [entry]);
    if (entry.acks.length === 0) return;
    // Anywhere in its life, before it starts too.
    await new Promise((resolve) => setTimeout(resolve, own.chance(0.3) ? 0 : own.between(0, 1500)));
    await client.cancel(entry);
    await client.awaitEnds(new Map([[entry, call]]), until);
  };

  /** The same request under the same key, several times at once and once more: one task. */
  const repeats = async (client: Client, own: Dice): Promise<void> => {
    const { entry, call } = open(
      own.pick(['quick', 'nap', 'at most once'] as const),
      own,
      `key-${own.between(0, 2 ** 30)}-${now()}`,
    );
    const body = bodyOf(entry, call);
    await Promise.all([1, 2, 3].map(() => insist(client, '/v1/tasks', body, [entry])));
    await client.awaitEnds(new Map([[entry, call]]), until);
    await insist(client, '/v1/tasks', body, [entry]);
  };

  const classic = async (client: Client, own: Dice): Promise<void> => {
    const speed = own.pick(['quick', 'slow'] as const);
    const entry = ledger.open({
      call: `classic ${speed}`,
      via: 'classic',
      key: undefined,
      atMostOnce: false,
      retries: 0,
    });
    const body = { function_id: functions.id(`classic ${speed}`), payload: functions.classicArgs(entry.label) };
    await client.submit('/execute_function', body, [entry]);
    await client.awaitClassic(entry, `classic ${entry.label}`, until);
  };

  let next = 0;
  const hostile = async (client: Client, own: Dice): Promise<void> => {
    const { entry, call } = open(HOSTILE_CALLS[(next += 1) % HOSTILE_CALLS.length]!, own);
    await client.submit('/v1/tasks', bodyOf(entry, call), [entry]);
    await client.awaitEnds(new Map([[entry, call]]), until);
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  };

  const CLIENTS: [count: number, act: (client: Client, own: Dice) => Promise<void>][] = [
    [3, batches],
    [6, singles],
    [3, longs],
    [2, cancels],
    [1, repeats],
    [2, classic],
    [1, hostile],
  ];
  const loops = CLIENTS.flatMap(([count, act]) =>
    Array.from({ length: count }, async (_, index) => {
      const own = dice.apart(`${act.name} ${index}`);
      const client = new Client(urls, ledger, index);
      while (going) await act(client, own);
    }),
  );

  return {
    drain: async (withinMs) => {
      going = false;
      deadline = now() + withinMs;
      await Promise.all(loops);
    },
  };
}
