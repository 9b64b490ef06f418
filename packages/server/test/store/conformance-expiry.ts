// The suite, part 7: what expires_at ends, and what it does not any more.
import { beforeAll, describe, expect, it } from 'vitest';
import type { ClaimedTask, TaskRecord } from '../../src/store/store.ts';
import type { Bench } from './conformance.ts';
import { NO_LIMITS, completion, loss, retry, submission } from './submission.ts';
import { until } from './waiting.ts';

/** Long enough for a busy machine to do all that comes before it. */
const AHEAD_MS = 4_000;
const HOUR_MS = 3_600_000;

interface Case {
  what: string;
  /** Before expires_at. */
  acts: (('start' | 'give back' | 'give back begun' | 'abandon' | 'lose') | { retryAfter: number })[];
  /** Once that is over. */
  then: 'QUEUED' | 'DELAYED' | 'FAILED';
}

const CASES: Case[] = [
  { what: 'lost once', acts: ['lose'], then: 'QUEUED' },
  { what: 'retried at once', acts: [{ retryAfter: 0 }], then: 'QUEUED' },
  { what: 'retried after a pause that is over', acts: [{ retryAfter: 1 }], then: 'QUEUED' },
  { what: 'retried after a pause that lasts', acts: [{ retryAfter: HOUR_MS }], then: 'DELAYED' },
  { what: 'given back after it began', acts: ['start', 'give back'], then: 'QUEUED' },
  { what: 'begun, as only who gave it back told', acts: ['give back begun'], then: 'QUEUED' },
  { what: 'abandoned after it began', acts: ['start', 'abandon'], then: 'QUEUED' },
  { what: 'begun once, then given back unbegun', acts: ['start', 'give back', 'give back'], then: 'QUEUED' },
  { what: 'lost once, then abandoned unbegun', acts: ['lose', 'abandon'], then: 'QUEUED' },
  { what: 'given back unbegun', acts: ['give back'], then: 'FAILED' },
  { what: 'abandoned unbegun', acts: ['abandon'], then: 'FAILED' },
  { what: 'given back and abandoned unbegun', acts: ['give back', 'abandon'], then: 'FAILED' },
];

export function describeExpiry({ store, tenant }: Bench): void {
  describe('2 expires_at ends what was not started by then', () => {
    const tasks = CASES.map(({ what }, i) => ({ what, label: `case-${i}`, claims: [] as ClaimedTask[], id: '' }));
    let t: string;
    let expiresAt: number;

    const claim = async (i: number): Promise<ClaimedTask | undefined> => {
      const { lane } = submission({ labels: [tasks[i]!.label] });
      return (await store().claim(t, tasks[i]!.label, [{ lane, max: 1 }], 1)).tasks[0];
    };

    const live = async (i: number): Promise<void> => {
      let held: ClaimedTask | undefined;
      for (const act of CASES[i]!.acts) {
        if (held === undefined) {
          held = (await claim(i))!;
          tasks[i]!.claims.push(held);
        }
        const { fence } = held;
        if (act === 'start') {
          await store().renew(t, [{ fence, worker: 'w1', startedAt: 1234 }]);
          continue;
        }
        const release = { fence, reason: 'drain', worker: 'w1', message: '' } as const;
        if (act === 'give back') await store().release(t, [release]);
        else if (act === 'give back begun') await store().release(t, [{ ...release, startedAt: 1234 }]);
        else if (act === 'abandon') await store().abandon(t, tasks[i]!.label);
        else if (act === 'lose') await store().settle(t, [loss(fence)]);
        else await store().settle(t, [retry(fence, act.retryAfter)]);
        held = undefined;
      }
    };

    let records: (TaskRecord | undefined)[];
    beforeAll(async () => {
      t = tenant();
      expiresAt = (await store().now()) + AHEAD_MS;
      const submitted = tasks.map(({ label }) => submission({ labels: [label], expires_at: expiresAt }));
      for (const [i, { spec }] of submitted.entries()) tasks[i]!.id = spec.id;
      await store().submit(t, 0, submitted, NO_LIMITS);
      await Promise.all(CASES.map((_, i) => live(i)));
      expect(await store().now(), 'this machine was too busy for the test').toBeLessThan(expiresAt);
      await until(async () => ((await store().now()) >= expiresAt ? true : undefined));
      await store().sweep(t);
      records = await store().tasks(
        t,
        tasks.map(({ id }) => id),
      );
    });

    it.each(CASES.map(({ what, then }, i) => ({ what, then, i })))('$what: $then', ({ then, i }) => {
      expect(records[i]).toMatchObject({
        state: then,
        kind: then === 'FAILED' ? 'expired' : '',
        spec: { expires_at: expiresAt },
      });
    });

    it('a claim tells for how long a task may still wait for its start, where it may not for ever', () => {
      for (const { what, claims } of tasks) {
        const [first, ...later] = claims.map(({ startWithinMs }) => startWithinMs);
        expect(first, what).toBeGreaterThan(0);
        expect(first, what).toBeLessThanOrEqual(AHEAD_MS);
        const begun = /begun once|lost once/.test(what);
        for (const within of later) expect(within, what).toEqual(begun ? undefined : (expect.any(Number) as number));
      }
    });

    it('what has begun is claimed again after that, and ends as it ends', async () => {
      const i = CASES.findIndex(({ acts }) => acts.includes('abandon') && acts.includes('start'));
      const again = (await claim(i))!;
      expect(again).toMatchObject({ fence: { id: tasks[i]!.id, attempt: 2 } });
      expect(again.startWithinMs).toBeUndefined();
      await store().settle(t, [completion(again.fence)]);
      expect((await store().tasks(t, [tasks[i]!.id]))[0]).toMatchObject({ state: 'COMPLETED', kind: '' });
    });
  });
}
