// A load that goes on whatever happens: batches under an idempotency key, repeated until they are acknowledged, their ends
// waited for. It notes when what happened.
import { endsOf, Vanished, type Ended } from './http.ts';

export interface Done {
  client: number;
  ids: string[];
  values: number[];
  sentAt: number;
  acknowledgedAt: number;
  endedAt: number;
}

export interface SteadyLoad {
  done: Done[];
  ends: Map<string, Ended>;
  /** 503 and connections that were cut, so far. */
  refused: number;
  /** What waits for its end. */
  open(): string[];
  /** Resolves when `count` more batches have ended that were sent after this call, and one at least of each client. */
  goesOn(count: number): Promise<void>;
  /** ms from `at` until a batch sent after it was acknowledged, and until one such has ended. */
  recovery(at: number): { acknowledged: number; ended: number };
  /** Sends nothing more, and resolves when all is ended. */
  stop(): Promise<void>;
}

const CLIENTS = 3;
const BATCH = 4;

export function startLoad(urls: readonly string[], fn: string): SteadyLoad {
  const state: { isOver: boolean; refused: number; fault?: Error } = { isOver: false, refused: 0 };
  const done: Done[] = [];
  const ends = new Map<string, Ended>();
  const open = new Map<number, string[]>();
  const ran = crypto.randomUUID();
  const submits = async (client: number): Promise<void> => {
    const url = urls[client % urls.length]!;
    for (let n = 0; !state.isOver; n += 1) {
      const values = Array.from({ length: BATCH }, (__, i) => client * 1_000_000 + n * BATCH + i);
      const sentAt = performance.now();
      const ids = await submit(url, fn, values, `${ran}-${client}-${n}`);
      const acknowledgedAt = performance.now();
      open.set(client, ids);
      for (const [id, end] of await untilEnded(url, ids)) ends.set(id, end);
      open.delete(client);
      done.push({ client, ids, values, sentAt, acknowledgedAt, endedAt: performance.now() });
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, client) =>
    submits(client).catch((fault: unknown) => {
      state.fault ??= fault as Error;
    }),
  );

  async function submit(url: string, name: string, values: number[], key: string): Promise<string[]> {
    for (;;) {
      try {
        const reply = await fetch(`${url}/v1/tasks/batch`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'idempotency-key': key },
          body: JSON.stringify({ tasks: values.map((value) => ({ function: name, args: [value] })) }),
          signal: AbortSignal.timeout(10_000),
        });
        const text = await reply.text();
        if (reply.ok) return (JSON.parse(text) as { task_ids: string[] }).task_ids;
        if (reply.status !== 503) throw new Error(`${reply.status} ${text}`);
      } catch (error) {
        if (error instanceof Error && /^[45]\d\d /.test(error.message)) throw error;
      }
      state.refused += 1;
      await pause();
    }
  }

  async function untilEnded(url: string, ids: readonly string[]): Promise<Map<string, Ended>> {
    for (;;) {
      try {
        return await endsOf(url, ids);
      } catch (error) {
        if (error instanceof Vanished) throw error;
        state.refused += 1;
        await pause();
      }
    }
  }

  return {
    done,
    ends,
    get refused() {
      return state.refused;
    },
    open: () => [...open.values()].flat(),
    goesOn: async (count) => {
      const from = performance.now();
      for (;;) {
        if (state.fault !== undefined) throw state.fault;
        const later = done.filter(({ sentAt }) => sentAt >= from);
        if (later.length >= count && new Set(later.map(({ client }) => client)).size === CLIENTS) return;
        await pause();
      }
    },
    recovery: (at) => {
      const since = (times: number[]): number => Math.min(...times.filter((time) => time >= at)) - at;
      return {
        acknowledged: since(done.map(({ acknowledgedAt }) => acknowledgedAt)),
        ended: since(done.filter(({ acknowledgedAt }) => acknowledgedAt >= at).map(({ endedAt }) => endedAt)),
      };
    },
    stop: async () => {
      state.isOver = true;
      await Promise.all(clients);
      if (state.fault !== undefined) throw state.fault;
    },
  };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
