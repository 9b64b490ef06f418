// What the bench uses of BullMQ, which it loads only where it is installed.

export interface BullQueue {
  addBulk(jobs: { name: string; data: unknown; opts: object }[]): Promise<unknown>;
  close(): Promise<void>;
}

export interface BullEvents {
  on(event: 'completed', listener: (told: { returnvalue: unknown }) => void): void;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

export interface BullWorker {
  concurrency: number;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

interface Connected {
  connection: { url: string; maxRetriesPerRequest: null };
}

export interface BullMq {
  Queue: new (name: string, options: Connected) => BullQueue;
  QueueEvents: new (name: string, options: Connected) => BullEvents;
  Worker: new (
    name: string,
    run: (job: { data: { n: number } }) => Promise<number>,
    options: Connected & { concurrency: number },
  ) => BullWorker;
}

export const QUEUE = 'bench';

/** Undefined where it is not installed. */
export async function loadBullMq(): Promise<BullMq | undefined> {
  try {
    const name = 'bullmq';
    return (await import(name)) as BullMq;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

export function connected(): Connected {
  return { connection: { url: process.env['BENCH_REDIS'] ?? '', maxRetriesPerRequest: null } };
}
