// The suite, part 2: claims, fences, leases, order.
import { describe, expect, it } from 'vitest';
import type { ClaimedTask, Settlement } from '../../src/store/store.ts';
import { CLAIM_BYTES, MAX_ABANDONMENTS } from '../../src/store/timing.ts';
import { TEST_LEASE_MS } from './conformance.ts';
import type { Bench } from './conformance.ts';
import { LANE, NO_LIMITS, completion, loss, retry, submission, endsIn } from './submission.ts';
import { sweptUntil, until } from './waiting.ts';

export function describeClaims({ store, tenant }: Bench): void {
  const claim = async (t: string, max: number, lanes = [{ lane: LANE, max: 1000 }]): Promise<ClaimedTask[]> =>
    (await store().claim(t, 'claimer-1', lanes, max)).tasks;
  const ids = (claimed: ClaimedTask[]): string[] => claimed.map((task) => task.spec.id);
  const renewal = ({ fence }: ClaimedTask) => ({ fence, worker: 'w1', startedAt: 1234 });
  const handBack = ({ fence }: ClaimedTask) => ({
    fence,
    reason: 'handed_back' as const,
    worker: 'w1',
    message: 'no use for it',
  });

  describe('S2, 3 claim', () => {
    it('without lanes hands out nothing new', async () => {
      const t = tenant();
      await store().submit(t, 0, [submission()], NO_LIMITS);
      expect(await store().claim(t, 'claimer-1', [], 0)).toEqual({ tasks: [], more: false, owes: false });
    });

    it('hands each task out once at a time, under an attempt number and a token of 16 hex digits', async () => {
      const t = tenant();
      await store().submit(
        t,
        0,
        Array.from({ length: 40 }, () => submission()),
        NO_LIMITS,
      );
      const answers = await Promise.all(Array.from({ length: 8 }, () => claim(t, 10)));
      const claimed = answers.flat();
      expect(new Set(ids(claimed)).size).toBe(40);
      expect(claimed).toHaveLength(40);
      for (const { fence, losses, retries } of claimed) {
        expect({ attempt: fence.attempt, losses, retries }).toEqual({ attempt: 1, losses: 0, retries: 0 });
        expect(fence.token).toMatch(/^[0-9a-f]{16}$/);
      }
      expect(new Set(claimed.map((task) => task.fence.token)).size).toBe(40);
    });

    it('tells that more waits where an answer was cut short, and that none does where a lane was emptied', async () => {
      const [t, other] = [tenant(), submission({ labels: ['other'] }).lane];
      const more = async (max: number, quota: number): Promise<[number, boolean]> => {
        const lanes = [LANE, other].map((lane) => ({ lane, max: quota }));
        const answer = await store().claim(t, 'claimer-1', lanes, max);
        return [answer.tasks.length, answer.more];
      };
      const tasks = [[], [], [], ['other'], ['other']].map((labels) => submission({ labels }));
      await store().submit(t, 0, tasks, NO_LIMITS);
      // Cut short by the number asked for; by the quotas only, so the rest is not for this claimer; not at all; nothing there.
      expect([await more(1, 9), await more(9, 1), await more(9, 9), await more(9, 9)]).toEqual([
        [1, true],
        [2, false],
        [2, false],
        [0, false],
      ]);
    });

    it('tells that more waits where the next arguments are too large for the same answer', async () => {
      const t = tenant();
      const large = Buffer.alloc(CLAIM_BYTES, ' ');
      await store().submit(t, 0, [submission(), submission({}, large)], NO_LIMITS);
      const answers = [];
      for (let n = 0; n < 3; n += 1) {
        const { tasks, more } = await store().claim(t, 'claimer-1', [{ lane: LANE, max: 9 }], 9);
        answers.push([tasks.length, more]);
      }
      expect(answers).toEqual([
        [1, true],
        [1, false],
        [0, false],
      ]);
    });

    it('shows in the record who is at it only once the holder has said so', async () => {
      const [t, task] = [tenant(), submission()];
      await store().submit(t, 0, [task], NO_LIMITS);
      const [claimed] = await claim(t, 1);
      const [before] = await store().tasks(t, [task.spec.id]);
      expect(before).toMatchObject({ state: 'RUNNING', attempt: 1, worker: '', startedAt: 0 });
      expect(before!.claimedAt).toBeGreaterThan(0);
      expect(await store().renew(t, [renewal(claimed!)])).toEqual([true]);
      expect((await store().tasks(t, [task.spec.id]))[0]).toMatchObject({ worker: 'w1', startedAt: 1234 });
    });

    it('gives the next claim a new attempt and token, and the old fence is void', async () => {
      const t = tenant();
      await store().submit(t, 0, [submission()], NO_LIMITS);
      const [first] = await claim(t, 1);
      expect(await store().release(t, [handBack(first!)])).toEqual([true]);
      const [second] = await claim(t, 1);
      expect(second!.fence.attempt).toBe(2);
      expect(second!.fence.token).not.toBe(first!.fence.token);
      expect(await store().renew(t, [renewal(first!), renewal(second!)])).toEqual([false, true]);
      expect(await store().settle(t, [completion(first!.fence)])).toEqual([{ is: 'stale' }]);
      expect(await store().release(t, [handBack(first!)])).toEqual([false]);
    });

    it('ends what has expired instead of handing it out, and fills the gap', async () => {
      const t = tenant();
      const late = submission({ expires_at: 1 });
      const good = submission();
      await store().submit(t, 0, [late, good], NO_LIMITS);
      expect(ids(await claim(t, 1))).toEqual([good.spec.id]);
      const [end] = await endsIn(store(), t, [late.spec.id]);
      expect(end).toMatchObject({ state: 'FAILED', kind: 'expired', error: { type: 'TaskExpired' } });
    });
  });

  describe('S7, 5 order', () => {
    it('is higher priority first, then first in, first out', async () => {
      const t = tenant();
      const tasks = [0, 5, -100, 100, 0, 5].map((priority) => submission({ priority }));
      for (const task of tasks) await store().submit(t, 0, [task], NO_LIMITS);
      const order = [3, 1, 5, 0, 4, 2].map((i) => tasks[i]!.spec.id);
      expect(ids(await claim(t, 4))).toEqual(order.slice(0, 4));
      expect(ids(await claim(t, 4))).toEqual(order.slice(4));
    });

    it('holds across lanes, within each lane’s quota', async () => {
      const t = tenant();
      const lanes = ['3.11', '3.12'].map((python) => submission({ python }).lane);
      const tasks = [0, 1, 0, 0, 1, 1].map((n) => submission({ python: n === 0 ? '3.11' : '3.12' }));
      for (const task of tasks) await store().submit(t, 0, [task], NO_LIMITS);
      const quotas = [
        { lane: lanes[0]!, max: 2 },
        { lane: lanes[1]!, max: 9 },
      ];
      expect(ids(await claim(t, 4, quotas))).toEqual([0, 1, 2, 4].map((i) => tasks[i]!.spec.id));
      expect(await claim(t, 9, [{ lane: LANE, max: 9 }])).toEqual([]);
      expect(ids(await claim(t, 9, quotas))).toEqual([3, 5].map((i) => tasks[i]!.spec.id));
    });

    it('holds across lanes also where the first of a lane has expired', async () => {
      const t = tenant();
      const late = submission({ priority: 9, expires_at: 1 });
      const [better, worse] = [submission(), submission({ python: '3.11' })];
      for (const task of [late, better, worse]) await store().submit(t, 0, [task], NO_LIMITS);
      const quotas = [better.lane, worse.lane].map((lane) => ({ lane, max: 5 }));
      expect(ids(await claim(t, 1, quotas))).toEqual([better.spec.id]);
      expect(ids(await claim(t, 5, quotas))).toEqual([worse.spec.id]);
    });

    it('S6: a release or a loss returns a task to its first place, a retry does not', async () => {
      const t = tenant();
      const tasks = [submission(), submission(), submission(), submission()];
      for (const task of tasks) await store().submit(t, 0, [task], NO_LIMITS);
      const claimed = await claim(t, 3);
      await store().settle(t, [retry(claimed[0]!.fence, 0)]);
      await store().settle(t, [loss(claimed[1]!.fence)]);
      await store().release(t, [handBack(claimed[2]!)]);
      expect(ids(await claim(t, 9))).toEqual([1, 2, 3, 0].map((i) => tasks[i]!.spec.id));
    });
  });

  describe('S6, S7 order within what was submitted together', () => {
    const submitted = async (t: string, tasks: ReturnType<typeof submission>[]): Promise<string[]> => {
      await store().submit(t, 0, tasks, NO_LIMITS);
      return tasks.map((task) => task.spec.id);
    };
    const batch = (size: number) => Array.from({ length: size }, () => submission());

    it('outlives a cancel at its front, in its middle and at its end', async () => {
      const t = tenant();
      const all = await submitted(t, batch(8));
      await store().cancel(t, [all[3]!, all[0]!, all[4]!, all[7]!]);
      expect((await store().lanes(t))[0]).toMatchObject({ lane: LANE, waiting: 4 });
      expect(ids(await claim(t, 2))).toEqual([all[1], all[2]]);
      await store().cancel(t, [all[5]!]);
      expect(ids(await claim(t, 9))).toEqual([all[6]]);
      expect(await store().lanes(t)).toEqual([]);
    });

    it('puts what comes back between what was taken and what waits', async () => {
      const t = tenant();
      const all = await submitted(t, batch(7));
      const claimed = await claim(t, 4);
      const later = await submitted(t, batch(2));
      await store().release(t, [handBack(claimed[2]!), handBack(claimed[0]!)]);
      expect(ids(await claim(t, 1))).toEqual([all[0]]);
      await store().settle(t, [loss(claimed[1]!.fence), loss(claimed[3]!.fence)]);
      expect(ids(await claim(t, 9))).toEqual([all[1], all[2], all[3], all[4], all[5], all[6], ...later]);
    });

    it('is by priority, then as given, across lanes', async () => {
      const t = tenant();
      const [here, there] = ['3.11', '3.12'];
      const tasks = [0, 0, 5, 5, 0, 0, 0, 5].map((priority, i) =>
        submission({ priority, python: [0, 1, 2, 5].includes(i) ? here : there }),
      );
      const all = await submitted(t, tasks);
      const quotas = [tasks[0]!, tasks[3]!].map((task) => ({ lane: task.lane, max: 9 }));
      expect(ids(await claim(t, 5, quotas))).toEqual([2, 3, 7, 0, 1].map((i) => all[i]));
      expect(ids(await claim(t, 9, quotas))).toEqual([4, 5, 6].map((i) => all[i]));
    });

    it('skips what has expired in its midst', async () => {
      const t = tenant();
      const tasks = [0, 1, 1, 0, 1].map((expires_at) => submission({ expires_at }));
      const all = await submitted(t, tasks);
      expect(ids(await claim(t, 9))).toEqual([all[0], all[3]]);
      expect(await store().states(t, all)).toEqual(['RUNNING', 'FAILED', 'FAILED', 'RUNNING', 'FAILED']);
      expect(await store().lanes(t)).toEqual([]);
    });

    it('is kept over more than one claim can look at', async () => {
      const t = tenant();
      const all: string[] = [];
      for (const size of [1, 1, 300, 1, 2, 1, 40, ...Array<number>(30).fill(1), 5])
        all.push(...(await submitted(t, batch(size))));
      const claimed: string[] = [];
      for (const size of [3, 290, 7, 50, 1, 100]) claimed.push(...ids(await claim(t, size)));
      expect(claimed).toEqual(all);
    });

    it('is counted by lane at every move', async () => {
      const t = tenant();
      const waiting = async () => (await store().lanes(t)).map((depth) => depth.waiting);
      const tasks = [...batch(5), submission({ not_before: Date.now() + 3_600_000 })];
      const all = await submitted(t, tasks);
      expect(await waiting()).toEqual([5]);
      const claimed = await claim(t, 3);
      expect(await waiting()).toEqual([2]);
      await store().release(t, [handBack(claimed[0]!)]);
      expect(await waiting()).toEqual([3]);
      await store().settle(t, [retry(claimed[1]!.fence, 0), completion(claimed[2]!.fence)]);
      expect(await waiting()).toEqual([4]);
      await store().cancel(t, [all[3]!, all[5]!]);
      expect(await waiting()).toEqual([3]);
      const [again] = await claim(t, 1);
      await store().settle(t, [loss(again!.fence)]);
      expect(await waiting()).toEqual([3]);
      await store().claim(t, 'dead', [{ lane: LANE, max: 2 }], 2);
      expect(await waiting()).toEqual([1]);
      expect(await store().abandon(t, 'dead')).toBe(2);
      expect(await waiting()).toEqual([3]);
      expect(await claim(t, 9)).toHaveLength(3);
      expect(await waiting()).toEqual([]);
      expect((await store().stats(t)).states).toEqual({ QUEUED: 0, DELAYED: 0, BLOCKED: 0, RUNNING: 3 });
    });
  });

  describe('S5, 4 what counts', () => {
    it('a release never does, and the history says why it came back', async () => {
      const [t, task] = [tenant(), submission({ max_attempts: 1 })];
      await store().submit(t, 0, [task], NO_LIMITS);
      for (let i = 0; i < 5; i += 1) await store().release(t, [handBack((await claim(t, 1))[0]!)]);
      const [record] = await store().tasks(t, [task.spec.id]);
      expect(record).toMatchObject({
        state: 'QUEUED',
        attempt: 5,
        losses: 0,
        abandonments: 0,
        worker: '',
        claimedAt: 0,
      });
      expect(record!.history).toHaveLength(5);
      expect(record!.history[4]).toMatchObject({
        attempt: 5,
        worker: 'w1',
        reason: 'handed_back',
        message: 'no use for it',
      });
      expect((await store().stats(t)).requeued).toEqual({ released: 5 });
    });

    it('a loss with a large message is told whole at the end, and leaves nothing where it is not the end', async () => {
      const [t, task] = [tenant(), submission({ max_attempts: 2 })];
      await store().submit(t, 0, [task], NO_LIMITS);
      const error = { type: 'RunnerDied', message: 'x'.repeat(40_000), traceback: '' };
      for (const state of ['QUEUED', 'FAILED'] as const) {
        const [claimed] = await claim(t, 1);
        const settlement = { ...loss(claimed!.fence), error } as Settlement;
        expect(await store().settle(t, [settlement])).toEqual([{ is: 'accepted', state }]);
      }
      const [end] = await endsIn(store(), t, [task.spec.id]);
      expect(end).toMatchObject({ kind: 'lost' });
      expect(end!.error!.message).toContain('x'.repeat(40_000));
    });

    it('max_attempts losses end a task as lost, with its history', async () => {
      const [t, task] = [tenant(), submission({ max_attempts: 2 })];
      await store().submit(t, 0, [task], NO_LIMITS);
      const [first] = await claim(t, 1);
      expect(await store().settle(t, [loss(first!.fence)])).toEqual([{ is: 'accepted', state: 'QUEUED' }]);
      const [second] = await claim(t, 1);
      expect(second).toMatchObject({ losses: 1, fence: { attempt: 2 } });
      expect(await store().settle(t, [loss(second!.fence)])).toEqual([{ is: 'accepted', state: 'FAILED' }]);
      const [record] = await store().tasks(t, [task.spec.id]);
      expect(record).toMatchObject({
        state: 'FAILED',
        kind: 'lost',
        losses: 2,
        worker: 'w1',
        error: { type: 'WorkerLost' },
      });
      expect(record!.history.map((note) => [note.attempt, note.reason])).toEqual([
        [1, 'lost'],
        [2, 'lost'],
      ]);
      expect(await store().settle(t, [loss(second!.fence)])).toEqual([{ is: 'duplicate', state: 'FAILED' }]);
      expect(await store().stats(t)).toMatchObject({ ended: { lost: 1 }, requeued: { lost: 1 } });
    });

    it('the first loss of an at-most-once task ends it', async () => {
      const task = submission({ at_most_once: true, max_attempts: 9 });
      const t = tenant();
      await store().submit(t, 0, [task], NO_LIMITS);
      const [claimed] = await claim(t, 1, [{ lane: task.lane, max: 1 }]);
      expect(await store().settle(t, [loss(claimed!.fence)])).toEqual([{ is: 'accepted', state: 'FAILED' }]);
      expect((await endsIn(store(), t, [task.spec.id]))[0]).toMatchObject({ kind: 'lost' });
    });

    it('a retry waits its time, comes back counted as a retry, and is no loss', async () => {
      const [t, task] = [tenant(), submission()];
      await store().submit(t, 0, [task], NO_LIMITS);
      const [first] = await claim(t, 1);
      expect(await store().settle(t, [retry(first!.fence, 30)])).toEqual([{ is: 'accepted', state: 'DELAYED' }]);
      const [record] = await store().tasks(t, [task.spec.id]);
      expect(record).toMatchObject({ state: 'DELAYED', retries: 1, losses: 0, history: [{ reason: 'retry' }] });
      expect(record!.dueAt).toBeGreaterThan(0);
      await sweptUntil(store(), t, (report) => report.promoted === 1);
      const [second] = await claim(t, 1);
      expect(second).toMatchObject({ retries: 1, losses: 0, fence: { attempt: 2 } });
    });
  });

  describe('3 leases', () => {
    it('a lease that is renewed holds, one that is not runs out, counts an abandonment and keeps its place', async () => {
      const t = tenant();
      const [held, dropped, behind] = [submission(), submission(), submission()];
      for (const task of [held, dropped, behind]) await store().submit(t, 0, [task], NO_LIMITS);
      const [mine] = await claim(t, 2);
      await until(async () => {
        expect(await store().renew(t, [renewal(mine!)])).toEqual([true]);
        return (await store().sweep(t)).abandoned === 1 ? true : undefined;
      });
      const [kept, requeued] = await store().tasks(t, [held.spec.id, dropped.spec.id]);
      expect(kept).toMatchObject({ state: 'RUNNING', abandonments: 0 });
      expect(requeued).toMatchObject({
        state: 'QUEUED',
        abandonments: 1,
        losses: 0,
        history: [{ reason: 'abandoned' }],
      });
      expect(ids(await claim(t, 2))).toEqual([dropped.spec.id, behind.spec.id]);
    });

    it('of tasks that were claimed together run out for those alone that nobody renewed, settled or gave back', async () => {
      const t = tenant();
      const tasks = Array.from({ length: 6 }, () => submission());
      await store().submit(t, 0, tasks, NO_LIMITS);
      const [settled, renewed, dropped, released, canceled, alone] = await claim(t, 6);
      await store().settle(t, [completion(settled!.fence)]);
      await store().release(t, [handBack(released!)]);
      await store().cancel(t, [canceled!.fence.id]);
      // Given back and claimed again: its new lease is a whole one.
      const [again] = await claim(t, 1);
      await store().renew(t, [renewal(renewed!), renewal(alone!)]);
      let abandoned = 0;
      await until(async () => {
        expect(await store().renew(t, [renewal(renewed!), renewal(again!)])).toEqual([true, true]);
        return (abandoned += (await store().sweep(t)).abandoned) === 2 ? true : undefined;
      });
      const records = await store().tasks(
        t,
        [settled, renewed, dropped, again, canceled, alone].map((c) => c!.fence.id),
      );
      expect(records.map((record) => [record?.state, record?.abandonments])).toEqual([
        ['COMPLETED', 0],
        ['RUNNING', 0],
        ['QUEUED', 1],
        ['RUNNING', 0],
        ['CANCELED', 0],
        ['QUEUED', 1],
      ]);
      expect(ids(await claim(t, 9))).toEqual([dropped!.fence.id, alone!.fence.id]);
    });

    it('keeps claimer and worker apart, whoever renews', async () => {
      const t = tenant();
      await store().submit(t, 0, [submission(), submission()], NO_LIMITS);
      const [one, two] = await claim(t, 2);
      await store().renew(t, [{ fence: one!.fence, worker: 'claimer-2', startedAt: 0 }]);
      await store().renew(t, [{ fence: one!.fence, worker: 'w2', startedAt: 7 }, renewal(two!)]);
      const [record] = await store().tasks(t, [one!.fence.id]);
      expect(record).toMatchObject({ worker: 'w2', startedAt: 7, state: 'RUNNING' });
      expect(await store().abandon(t, 'claimer-2')).toBe(0);
      expect(await store().abandon(t, 'claimer-1')).toBe(2);
      const [back] = await store().tasks(t, [one!.fence.id]);
      expect(back).toMatchObject({ state: 'QUEUED', worker: '', startedAt: 0, history: [{ worker: 'w2' }] });
    });

    it('that is renewed alone holds no less where a sweep ends in the middle of those that it was claimed with', async () => {
      const t = tenant();
      // A sweep looks at 256 leases: at all of the first claim, and at one of the second.
      const first = Array.from({ length: 255 }, () => submission());
      await store().submit(t, 0, first, NO_LIMITS);
      await store().settle(
        t,
        (await claim(t, 255)).map(({ fence }) => completion(fence)),
      );
      await store().submit(t, 0, [submission(), submission()], NO_LIMITS);
      const [ended, running] = await claim(t, 2);
      await store().settle(t, [completion(ended!.fence)]);
      const over = (await store().now()) + TEST_LEASE_MS;
      await until(async () => ((await store().now()) > over - TEST_LEASE_MS / 4 ? true : undefined));
      await store().renew(t, [renewal(running!)]);
      await until(async () => ((await store().now()) > over ? true : undefined));
      for (let n = 0; n < 3; n += 1) expect(await store().sweep(t)).toMatchObject({ abandoned: 0 });
      // Nobody renews it any more.
      await sweptUntil(store(), t, (report) => report.abandoned === 1);
      expect((await store().tasks(t, [running!.fence.id]))[0]).toMatchObject({ state: 'QUEUED', abandonments: 1 });
    });

    it('holds for the lease time at least', async () => {
      const t = tenant();
      await store().submit(t, 0, [submission()], NO_LIMITS);
      await sweptUntil(store(), t, (report) => report.skipped === '');
      const before = await store().now();
      await claim(t, 1);
      await sweptUntil(store(), t, (report) => report.abandoned === 1);
      expect((await store().now()) - before).toBeGreaterThanOrEqual(TEST_LEASE_MS - 2);
    });

    it('an at-most-once task whose lease runs out ends lost', async () => {
      const [t, task] = [tenant(), submission({ at_most_once: true })];
      await store().submit(t, 0, [task], NO_LIMITS);
      await claim(t, 1, [{ lane: task.lane, max: 1 }]);
      await sweptUntil(store(), t, (report) => report.abandoned === 1);
      expect((await endsIn(store(), t, [task.spec.id]))[0]).toMatchObject({
        state: 'FAILED',
        kind: 'lost',
        error: { type: 'WorkerLost' },
      });
    });

    it('abandon counts every RUNNING task of that claimer at once, and of no other', async () => {
      const t = tenant();
      const [mine, theirs] = [submission(), submission()];
      await store().submit(t, 0, [mine, theirs], NO_LIMITS);
      await store().claim(t, 'dead', [{ lane: LANE, max: 1 }], 1);
      await store().claim(t, 'alive', [{ lane: LANE, max: 1 }], 1);
      expect(await store().abandon(t, 'dead')).toBe(1);
      const records = await store().tasks(t, [mine.spec.id, theirs.spec.id]);
      expect(records.map((record) => [record?.state, record?.abandonments])).toEqual([
        ['QUEUED', 1],
        ['RUNNING', 0],
      ]);
      expect(await store().abandon(t, 'dead')).toBe(0);
    });

    it(`${MAX_ABANDONMENTS} abandonments end a task as lost`, async () => {
      const [t, task] = [tenant(), submission()];
      await store().submit(t, 0, [task], NO_LIMITS);
      for (let i = 1; i <= MAX_ABANDONMENTS; i += 1) {
        expect(await store().states(t, [task.spec.id])).toEqual(['QUEUED']);
        expect((await store().claim(t, 'dead', [{ lane: LANE, max: 1 }], 1)).tasks).toHaveLength(1);
        expect(await store().abandon(t, 'dead')).toBe(1);
      }
      expect((await store().tasks(t, [task.spec.id]))[0]).toMatchObject({
        state: 'FAILED',
        kind: 'lost',
        abandonments: MAX_ABANDONMENTS,
        losses: 0,
      });
      expect(await store().stats(t)).toMatchObject({
        requeued: { abandoned: MAX_ABANDONMENTS - 1 },
        ended: { lost: 1 },
      });
    });
  });

  describe('2 waiting for a time', () => {
    it('a task with not_before is DELAYED until a sweep finds it due', async () => {
      const t = tenant();
      const due = (await store().now()) + 150;
      const task = submission({ not_before: due });
      await store().submit(t, 0, [task], NO_LIMITS);
      expect((await store().tasks(t, [task.spec.id]))[0]).toMatchObject({ state: 'DELAYED', dueAt: due });
      expect(await claim(t, 1)).toEqual([]);
      await sweptUntil(store(), t, (report) => report.promoted === 1);
      expect(await store().now()).toBeGreaterThanOrEqual(due);
      expect(ids(await claim(t, 1))).toEqual([task.spec.id]);
    });

    it('a sweep ends what expires while it waits, DELAYED or QUEUED', async () => {
      const t = tenant();
      const now = await store().now();
      const queued = submission({ expires_at: now + 50 });
      const delayed = submission({ expires_at: now + 50, not_before: now + 3_600_000 });
      await store().submit(t, 0, [queued, delayed], NO_LIMITS);
      let expired = 0;
      await sweptUntil(store(), t, (report) => (expired += report.expired) === 2);
      expect(await store().states(t, [queued.spec.id, delayed.spec.id])).toEqual(['FAILED', 'FAILED']);
      expect((await store().stats(t)).states).toEqual({ QUEUED: 0, DELAYED: 0, BLOCKED: 0, RUNNING: 0 });
    });

    it('a sweep tells when the next task is due or expires', async () => {
      const t = tenant();
      expect((await store().sweep(t)).nextMs).toBe(Number.POSITIVE_INFINITY);
      const now = await store().now();
      await store().submit(t, 0, [submission({ not_before: now + 90_000 })], NO_LIMITS);
      const due = (await store().sweep(t)).nextMs;
      expect(due).toBeGreaterThan(60_000);
      expect(due).toBeLessThanOrEqual(90_000);
      const expiring = submission({ expires_at: now + 60_000 });
      await store().submit(t, 0, [expiring], NO_LIMITS);
      expect((await store().sweep(t)).nextMs).toBeLessThanOrEqual(60_000);
      await store().cancel(t, [expiring.spec.id]);
      expect((await store().sweep(t)).nextMs).toBeGreaterThan(60_000 - 1);
    });

    it('a sweep takes at most 256 of a kind and says that there is more', async () => {
      const t = tenant();
      const now = await store().now();
      const tasks = Array.from({ length: 300 }, () => submission({ not_before: now + 60_000, expires_at: now - 1 }));
      await store().submit(t, 0, tasks, NO_LIMITS);
      expect(await store().sweep(t)).toMatchObject({ expired: 256, more: true });
      expect(await store().sweep(t)).toMatchObject({ expired: 44, more: false });
    });
  });

  describe('6 what waits', () => {
    it('is told by lane, with the time of the oldest', async () => {
      const t = tenant();
      const [old, fresh, other] = [submission(), submission({ priority: 9 }), submission({ runtime: 'javascript' })];
      for (const task of [old, fresh, other]) await store().submit(t, 0, [task], NO_LIMITS);
      const [record] = await store().tasks(t, [old.spec.id]);
      const depths = (await store().lanes(t)).sort((a, b) => b.waiting - a.waiting);
      expect(depths[0]).toEqual({ lane: LANE, waiting: 2, oldestAt: record!.submittedAt });
      expect(depths[1]).toMatchObject({ lane: other.lane, waiting: 1 });
      await claim(t, 2);
      expect((await store().lanes(t)).map((depth) => depth.lane)).toEqual([other.lane]);
    });
  });
}
