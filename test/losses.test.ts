// What a task comes to whose worker, or whose dispatcher, goes away without a word: on real programs, that are killed.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../packages/server/src/clock.ts';
import { openRedisStore, type Store } from '../packages/server/src/store/index.ts';
import { endsOf, post, recordOf, registerSource, type Ended, type TaskRecord } from './harness/http.ts';
import { startSystem, type Form, type System } from './harness/system.ts';

const HOLDS_EACH = `
import time
def holds_each(path):
    with open(path, "ab") as file:
        file.write(b".")
    time.sleep(600)
`;

/** Whoever runs tasks is killed, and another comes; `killed` does both. */
async function losesIts(url: string, killed: () => Promise<void>): Promise<{ once: Ended; twice: Ended }> {
  const folder = mkdtempSync(join(tmpdir(), 'test-ends-'));
  try {
    await registerSource(url, 'holds_each', HOLDS_EACH);
    const task = (name: string, options: object): object => ({
      function: 'holds_each',
      args: [join(folder, name)],
      options,
    });
    const { body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, {
      tasks: [task('once', { at_most_once: true }), task('twice', { max_attempts: 2 })],
    });
    const starts = (name: string): number => {
      const path = join(folder, name);
      return existsSync(path) ? statSync(path).size : 0;
    };
    await expect.poll(() => [starts('once'), starts('twice')]).toEqual([1, 1]);
    await killed();
    await expect.poll(() => starts('twice'), { timeout: 30_000 }).toBe(2);
    await killed();
    const ends = await endsOf(url, body.task_ids);
    expect([starts('once'), starts('twice')]).toEqual([1, 2]);
    const [once, twice] = body.task_ids.map((id) => ends.get(id)!) as [Ended, Ended];
    return { once, twice };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.each(['redis pull', 'embedded push'] as Form[])('%s', (form) => {
  it('a worker that is killed: once where it may run once, until its attempts are used up elsewhere', async () => {
    const system = await startSystem({ form, workers: 1, slots: 2 });
    let worker = system.workers[0]!;
    try {
      const { once, twice } = await losesIts(system.url, async () => {
        await worker.kill();
        worker = await system.startWorker();
      });
      for (const [end, losses] of [
        [once, 1],
        [twice, 2],
      ] as const) {
        expect([end.status, end.error?.kind, end.error?.type]).toEqual(['FAILED', 'lost', 'WorkerLost']);
        const kept = await recordOf(system.url, end.task_id);
        expect([kept.losses, kept.attempts.map(({ reason }) => reason)]).toEqual([
          losses,
          Array.from({ length: losses }, () => 'lost'),
        ]);
      }
    } finally {
      await system.stop();
    }
  });
});

describe('a claimer that goes away without a word', () => {
  const LABEL = 'nowhere';
  let system: System;
  let claimer: Store;
  beforeAll(async () => {
    system = await startSystem({ form: 'redis push', workers: 1, slots: 1 });
    // Its leases are short, so that ten of them are soon over; the dispatcher is the real one, and sweeps as ever.
    claimer = await openRedisStore({
      url: system.redis!.url,
      clock: systemClock,
      onError: () => undefined,
      leaseMs: 50,
    });
  });
  afterAll(async () => {
    await claimer.close();
    await system.stop();
  });

  /** Claims it, again and again, until it has ended. */
  async function abandoned(options: object): Promise<{ end: Ended; kept: TaskRecord; claims: number }> {
    const { url } = system;
    await registerSource(url, 'fine', 'def fine(n):\n    return n + 1\n');
    const { body } = await post<{ task_id: string }>(`${url}/v1/tasks`, {
      function: 'fine',
      args: [1],
      options: { labels: [LABEL], ...options },
    });
    let claims = 0;
    const over = new AbortController();
    const ending = endsOf(url, [body.task_id]).finally(() => over.abort());
    while (!over.signal.aborted) {
      const lanes = await claimer.lanes('default');
      const quotas = lanes.map(({ lane }) => ({ lane, max: 1 }));
      if (quotas.length > 0) claims += (await claimer.claim('default', 'gone', quotas, 1)).tasks.length;
      await setTimeout(20);
    }
    const end = (await ending).get(body.task_id)!;
    return { end, kept: await recordOf(url, body.task_id), claims };
  }

  it('ten times: the task ends lost, and says why', async () => {
    const { end, kept, claims } = await abandoned({});
    expect([end.status, end.error?.kind, end.error?.type]).toEqual(['FAILED', 'lost', 'WorkerLost']);
    expect([claims, kept.losses]).toEqual([10, 0]);
    expect(new Set(kept.attempts.map(({ reason }) => reason))).toEqual(new Set(['abandoned']));
  }, 60_000);

  it('once, where the task may run once', async () => {
    const { end, kept, claims } = await abandoned({ at_most_once: true });
    expect([end.status, end.error?.kind, claims]).toEqual(['FAILED', 'lost', 1]);
    expect(end.error?.message).toMatch(/at most once/);
    expect(kept.attempts.map(({ reason }) => reason)).toEqual(['abandoned']);
  });
});

describe.each(['redis push', 'embedded pull'] as Form[])('%s', (form) => {
  it('a worker that is killed is a loss of what it ran, and of nothing else', async () => {
    const system = await startSystem({ form, workers: 1, slots: 2 });
    const folder = mkdtempSync(join(tmpdir(), 'test-ends-'));
    try {
      const { url } = system;
      const begun = join(folder, 'begun');
      await registerSource(
        url,
        'holds',
        `
import time
def holds(path):
    with open(path, "ab") as file:
        file.write(b".")
        file.flush()
        first = file.tell() <= 2
    if first:
        time.sleep(600)
    return "went on"
`,
      );
      const task = (options: object): object => ({ function: 'holds', args: [begun], options });
      const { body } = await post<{ task_ids: string[] }>(`${url}/v1/tasks/batch`, {
        tasks: [task({ max_attempts: 1 }), task({}), task({})],
      });
      const [last, again, waiting] = body.task_ids as [string, string, string];
      const running = async (): Promise<number> =>
        (await Promise.all([recordOf(url, last), recordOf(url, again)])).filter(({ started_at }) => started_at !== null)
          .length;
      await expect.poll(running).toBe(2);
      await system.workers[0]!.kill();
      await system.startWorker();
      const ends = await endsOf(url, body.task_ids);
      expect([ends.get(last)?.status, ends.get(last)?.error?.kind, ends.get(last)?.error?.type]).toEqual([
        'FAILED',
        'lost',
        'WorkerLost',
      ]);
      expect(ends.get(last)?.error?.message).toMatch(
        /^worker .+ (was lost|came back|registered).* while it ran the task/,
      );
      expect([ends.get(again)?.value, ends.get(waiting)?.value]).toEqual(['went on', 'went on']);
      const [one, other] = await Promise.all([recordOf(url, again), recordOf(url, waiting)]);
      expect([one.losses, one.attempts.map(({ reason }) => reason)]).toEqual([1, ['lost']]);
      expect(other.losses).toBe(0);
    } finally {
      await system.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
