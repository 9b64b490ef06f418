// Several processes of the service on one port: one core parses and answers only so many requests. The first process keeps
// the port and hands each connection to one of the others (node:cluster); they share nothing but the store.
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { backoffMs, type Backoff } from '../backoff.ts';
import { AlreadySaid, CUT, STOP, type Stop } from './process.ts';

const RESTART: Backoff = { baseMs: 200, maxMs: 10_000, factor: 2 };

/** Is this one of several, started by `startProcesses`? */
export function isOneOfSeveral(): boolean {
  return cluster.isWorker;
}

/** Tells the first process that this one serves `url`. */
export function tellServing(url: string): void {
  process.send?.({ url });
}

/**
 * Starts this very program `count` times and answers their URL once all serve. One that dies is replaced.
 * @throws AlreadySaid where one cannot start: it has told why itself
 */
export async function startProcesses(count: number, stops: Stop[], warn: (line: string) => void): Promise<string> {
  let stopping = false;
  stops.push(async (cut) => {
    stopping = true;
    const alive = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    const ends = alive.map((worker) => once(worker, 'exit'));
    const tell = (what: string): void => {
      for (const worker of alive) if (worker.isConnected()) worker.send(what);
    };
    tell(STOP);
    cut.addEventListener('abort', () => tell(CUT));
    if (cut.aborted) tell(CUT);
    await Promise.all(ends);
  });
  const keep = (worker: Worker): void => {
    const { pid } = worker.process;
    worker.once('exit', (code, signal) => {
      if (stopping) return;
      warn(`The service process ${pid} has ended (${signal || `exit code ${code}`}); another one takes its place.`);
      void replace();
    });
  };
  const replace = async (): Promise<void> => {
    for (let failures = 0; !stopping; failures += 1) {
      try {
        keep((await serving(cluster.fork())).worker);
        return;
      } catch {
        await pause(backoffMs(RESTART, failures + 1, Math.random()));
      }
    }
  };
  // One alone first: what is wrong with the address or the options is told once.
  const first = await serving(cluster.fork());
  keep(first.worker);
  const start = async (): Promise<void> => keep((await serving(cluster.fork())).worker);
  await Promise.all(Array.from({ length: count - 1 }, start));
  return first.url;
}

async function serving(worker: Worker): Promise<{ worker: Worker; url: string }> {
  const gone = new AbortController();
  worker.once('exit', (code) => gone.abort(new AlreadySaid(code === 0 ? 1 : code)));
  try {
    const [{ url }] = (await once(worker, 'message', { signal: gone.signal })) as [{ url: string }];
    return { worker, url };
  } catch (error) {
    throw gone.signal.aborted ? gone.signal.reason : error;
  }
}
