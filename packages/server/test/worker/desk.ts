// A dispatcher of words of our own on the real port, and a real worker that knows nothing of that.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import {
  PART_BYTES,
  WorkerPort,
  type DispatcherItem,
  type Peer,
  type WorkerItem,
  type WorkerPortOptions,
} from '../../src/protocol/index.ts';
import { openRunnerPool } from '../../src/runner/index.ts';
import { startWorker, type Worker, type WorkerOptions, type WorkerParts } from '../../src/worker/index.ts';
import { realParts } from '../../src/worker/options.ts';
import { submission } from '../store/submission.ts';

/** A dispatcher that welcomes whoever comes, says what it is told to say and keeps what it hears. */
export class Desk {
  readonly heard: WorkerItem[] = [];
  /** Says a word to every heartbeat, so that it is not taken for gone. */
  lives = false;
  /** Says what is for the test to say; a report of a pull worker has one answer. */
  replies: (items: readonly WorkerItem[]) => void = () => undefined;
  #port!: WorkerPort;
  #peer: Peer | undefined;
  #worker = '';
  #looks = new Set<() => void>();

  static async open(port = 0): Promise<Desk> {
    const desk = new Desk();
    const options: WorkerPortOptions = {
      host: '127.0.0.1',
      port,
      workerKey: '',
      clock: systemClock,
      onBad: (_, sentence) => {
        throw new Error(sentence);
      },
      onFault: (_, fault) => {
        throw fault;
      },
      onTurnedAway: () => undefined,
      onMessage: (peer, { worker, items }) => {
        desk.#peer = peer;
        desk.#worker = worker;
        desk.heard.push(...items);
        if (items.some(({ k }) => k === 'register')) desk.say({ k: 'welcome', session: 's', dispatcher: desk.url });
        if (desk.lives && items.some(({ k }) => k === 'heartbeat')) desk.say({ k: 'settled', tokens: [] });
        desk.replies(items);
        for (const look of [...desk.#looks]) look();
      },
    };
    for (;;) {
      try {
        // Nothing may stand between the two: the worker speaks as soon as the port is open.
        desk.#port = await WorkerPort.open(options);
        return desk;
      } catch (error) {
        // ZeroMQ lets go of a port that was closed a moment after it says so.
        if (((error as Error).cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  get url(): string {
    return this.#port.address;
  }

  say(item: DispatcherItem, payloads: Buffer[] = []): void {
    this.#port.send(
      this.#peer!,
      { worker: this.#worker, incarnation: 'd', seq: 1, session: 's', items: [item] },
      payloads,
    );
  }

  /** A delivery of one task whose arguments come in parts. */
  deliver(number: number, token: string, parts = 3): void {
    const header = submission({ digest: 'd', at_most_once: true }).packed;
    const task = { t: token, id: token, a: 1, h: 0, args: { parts: parts * PART_BYTES } };
    this.say({ k: 'tasks', number, headers: [header], tasks: [task] });
  }

  firstPart(token: string): void {
    this.part(token, 0, 3);
  }

  /** The n-th of so many parts. */
  part(token: string, n: number, parts: number): void {
    const bytes = Buffer.alloc(PART_BYTES);
    const part = {
      t: token,
      of: 'args' as const,
      offset: n * PART_BYTES,
      total: parts * PART_BYTES,
      bytes: [2, 0, PART_BYTES] as never,
    };
    this.say({ k: 'part', ...part }, [Buffer.alloc(0), bytes]);
  }

  /** Resolves with the first item that `is` says yes to. */
  hears<T extends WorkerItem>(is: (item: WorkerItem) => item is T): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.heard.find(is);
        if (found === undefined) return;
        this.#looks.delete(look);
        resolve(found);
      };
      this.#looks.add(look);
      look();
    });
  }

  close(): Promise<void> {
    return this.#port.close();
  }
}

export const named =
  (token: string) =>
  (item: WorkerItem): item is Extract<WorkerItem, { k: 'heartbeat' }> =>
    item.k === 'heartbeat' && item.held.some(({ t }) => t === token);
export const kind =
  <K extends WorkerItem['k']>(k: K) =>
  (item: WorkerItem): item is Extract<WorkerItem, { k: K }> =>
    item.k === k;

/** A push worker of one slot that serves these. `closers` get its end. */
export function workerOf(closers: (() => unknown)[], ...urls: string[]): Promise<Worker> {
  return workerIn('push', closers, ...urls);
}

/** The same in either mode. */
export function workerIn(mode: 'pull' | 'push', closers: (() => unknown)[], ...urls: string[]): Promise<Worker> {
  return workerMade(mode, closers, urls);
}

/** The same, made of other parts. `onRunnersGone`: its pool has stopped, and what is left of its end is words. */
export async function workerMade(
  mode: 'pull' | 'push',
  closers: (() => unknown)[],
  urls: string[],
  parts: Partial<WorkerParts> = {},
  onRunnersGone: () => void = () => undefined,
): Promise<Worker> {
  const directory = mkdtempSync(join(tmpdir(), 'leaving-test-'));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  const options: WorkerOptions = {
    mode,
    urls,
    name: 'w',
    host: 'h',
    version: '1',
    labels: [],
    workerKey: '',
    directory,
    clock: systemClock,
    random: Math.random,
    openPool: async (listener) => {
      const pool = await openRunnerPool({
        slots: 1,
        python: '/usr/bin/python3',
        pythonPath: [],
        dataDir: directory,
        environment: process.env,
        clock: systemClock,
        log: () => undefined,
        logLimits: { headBytes: 1024, tailBytes: 1024 },
        listener,
      });
      const stop = pool.stop.bind(pool);
      pool.stop = (graceMs) => stop(graceMs).then(onRunnersGone);
      return pool;
    },
    log: () => undefined,
  };
  const worker = await startWorker(options, { ...realParts(options), ...parts });
  closers.push(() => worker.stop(0));
  return worker;
}
