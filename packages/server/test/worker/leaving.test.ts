// A worker whose arguments are still on their way when it is told to end, or when its connection goes. Its dispatcher is
// the real port with words of our own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { packTaskHeader, type TaskHeader } from '../../src/lifecycle/spec.ts';
import { PART_BYTES, WorkerPort, type DispatcherItem, type Peer, type WorkerItem } from '../../src/protocol/index.ts';
import { openRunnerPool } from '../../src/runner/index.ts';
import { startWorker, type Worker } from '../../src/worker/index.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A dispatcher that welcomes whoever comes, says what it is told to say and keeps what it hears. */
class Desk {
  readonly heard: WorkerItem[] = [];
  #port!: WorkerPort;
  #peer: Peer | undefined;
  #worker = '';
  #looks = new Set<() => void>();

  static async open(port = 0): Promise<Desk> {
    const desk = new Desk();
    desk.#port = await WorkerPort.open({
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
        if (items.some(({ k }) => k === 'register')) desk.say({ k: 'welcome', session: 's', dispatcher: 'd' });
        for (const look of [...desk.#looks]) look();
      },
    });
    return desk;
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
  deliver(number: number, token: string): void {
    const header = packTaskHeader({ runtime: 'python', digest: 'd', at_most_once: true } as TaskHeader);
    const task = { t: token, id: token, a: 1, h: 0, args: { parts: 3 * PART_BYTES } };
    this.say({ k: 'tasks', number, headers: [header], tasks: [task] });
  }

  firstPart(token: string): void {
    const bytes = Buffer.alloc(PART_BYTES);
    const part = {
      t: token,
      of: 'args' as const,
      offset: 0,
      total: 3 * PART_BYTES,
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

const named =
  (token: string) =>
  (item: WorkerItem): item is Extract<WorkerItem, { k: 'heartbeat' }> =>
    item.k === 'heartbeat' && item.held.some(({ t }) => t === token);
const kind =
  <K extends WorkerItem['k']>(k: K) =>
  (item: WorkerItem): item is Extract<WorkerItem, { k: K }> =>
    item.k === k;

async function workerOf(url: string): Promise<Worker> {
  const directory = mkdtempSync(join(tmpdir(), 'leaving-test-'));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  const worker = await startWorker({
    mode: 'push',
    urls: [url],
    name: 'w',
    host: 'h',
    version: '1',
    labels: [],
    workerKey: '',
    directory,
    maxPayloadBytes: 2 ** 30,
    clock: systemClock,
    random: Math.random,
    openPool: (listener) =>
      openRunnerPool({
        slots: 1,
        python: '/usr/bin/python3',
        pythonPath: [],
        dataDir: directory,
        environment: process.env,
        clock: systemClock,
        log: () => undefined,
        logLimits: { headBytes: 1024, tailBytes: 1024 },
        listener,
      }),
    log: () => undefined,
  });
  closers.push(() => worker.stop(0));
  return worker;
}

describe('a worker that is told to end', () => {
  it('gives back at once what is still arriving, and says which deliveries it got', async () => {
    const desk = await Desk.open();
    closers.push(() => desk.close());
    const worker = await workerOf(desk.url);
    await desk.hears(kind('register'));
    desk.deliver(1, 'first');
    desk.firstPart('first');
    await desk.hears(named('first'));
    const stopped = worker.stop(60_000);
    const { ends } = await desk.hears(kind('ended'));
    expect(ends).toMatchObject([{ t: 'first', at: 0, is: 'released', reason: 'drain' }]);
    // One that had left before this was heard.
    desk.heard.length = 0;
    desk.deliver(2, 'second');
    const crossed = await desk.hears(kind('ended'));
    expect(crossed.ends).toMatchObject([{ t: 'second', at: 0, is: 'released', reason: 'drain' }]);
    desk.heard.length = 0;
    desk.say({ k: 'settled', tokens: ['first', 'second'] });
    await desk.hears(kind('goodbye'));
    await stopped;
    expect(desk.heard.findLast(kind('heartbeat'))).toMatchObject({ got: 2, held: [], draining: true });
  });
});

describe('a connection that goes', () => {
  it('takes with it what was still arriving: the next dispatcher is told that it is given back', async () => {
    const first = await Desk.open();
    await workerOf(first.url);
    await first.hears(kind('register'));
    first.deliver(1, 'first');
    first.firstPart('first');
    await first.hears(named('first'));
    const port = Number(first.url.split(':').pop());
    first.say({ k: 'goodbye' });
    await first.close();
    const next = await Desk.open(port);
    closers.push(() => next.close());
    const { held } = await next.hears(kind('register'));
    expect(held).toMatchObject([{ t: 'first', at: 0, done: true }]);
    next.say({ k: 'resend', tokens: ['first'] });
    const { ends } = await next.hears(kind('ended'));
    expect(ends).toMatchObject([{ t: 'first', is: 'released', reason: 'undelivered' }]);
  });
});
