// The suite, part 1: what submit accepts, refuses and remembers.
import { describe, expect, it } from 'vitest';
import { specOf, unpackTaskHeader } from '../../src/lifecycle/spec.ts';
import type { Bench } from './conformance.ts';
import { LANE, NO_LIMITS, completion, submission, endsIn } from './submission.ts';
import { listen, until } from './waiting.ts';

export function describeSubmit({ store, tenant }: Bench): void {
  describe('S1, 6 submit', () => {
    it('makes a task readable and claimable before it resolves', async () => {
      const t = tenant();
      const task = submission({ tenant: t });
      const [answer] = await store().submit(t, 0, [task], NO_LIMITS);
      expect(answer).toMatchObject({ is: 'accepted', id: task.spec.id });
      const [record] = await store().tasks(t, [task.spec.id]);
      expect(record).toMatchObject({
        state: 'QUEUED',
        attempt: 0,
        losses: 0,
        abandonments: 0,
        retries: 0,
        kind: '',
        error: null,
      });
      expect(record).toMatchObject({
        claimedAt: 0,
        startedAt: 0,
        endedAt: 0,
        dueAt: 0,
        history: [],
        pinned: false,
        argsBytes: 8,
      });
      expect(record?.spec).toEqual(task.spec);
      expect(answer).toMatchObject({ submittedAt: record?.submittedAt });
      expect((await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1)).tasks).toHaveLength(1);
    });

    it('accepts the same id again as the same task: a repeat after a lost answer makes no second one', async () => {
      const [t, task] = [tenant(), submission()];
      const first = await store().submit(t, 0, [task], NO_LIMITS);
      expect(await store().submit(t, 0, [task], NO_LIMITS)).toEqual(first);
      expect((await store().stats(t)).submitted).toBe(1);
      expect((await store().claim(t, 'me', [{ lane: LANE, max: 9 }], 9)).tasks).toHaveLength(1);
    });

    it('accepts the same id again after the task has ended, without bringing it back', async () => {
      const [t, task] = [tenant(), submission()];
      await store().submit(t, 0, [task], NO_LIMITS);
      const [claimed] = (await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1)).tasks;
      await store().settle(t, [completion(claimed!.fence)]);
      expect((await store().submit(t, 0, [task], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
      expect(await store().states(t, [task.spec.id])).toEqual(['COMPLETED']);
    });

    it('takes a batch larger than any script', async () => {
      const t = tenant();
      const tasks = Array.from({ length: 700 }, () => submission());
      const answers = await store().submit(t, 0, tasks, NO_LIMITS);
      expect(answers.map((answer) => answer.is === 'accepted' && answer.id)).toEqual(tasks.map((task) => task.spec.id));
      expect((await store().stats(t)).states.QUEUED).toBe(700);
    });

    it('keeps arguments of any size and any bytes', async () => {
      const t = tenant();
      const sizes = [0, 1, 256, 257, 16_384, 16_385, 300_000, 5_000_000];
      const tasks = sizes.map((size) => submission({ tenant: t }, Buffer.alloc(size, 'ÿ\r\n\0', 'latin1')));
      await store().submit(t, 0, tasks, NO_LIMITS);
      const claimed = (await store().claim(t, 'me', [{ lane: LANE, max: 99 }], 99)).tasks;
      expect(claimed.map((task) => task.args.length)).toEqual(sizes);
      for (const [i, task] of claimed.entries()) {
        expect(task.args.equals(tasks[i]!.args)).toBe(true);
        expect(specOf(task.fence.id, unpackTaskHeader(task.packed))).toEqual(tasks[i]!.spec);
        expect(task.spec).toEqual(tasks[i]!.spec);
        expect((await store().args(t, task.spec.id))?.equals(tasks[i]!.args)).toBe(true);
      }
    });

    it('keeps tenants apart', async () => {
      const [t, other, task] = [tenant(), tenant(), submission()];
      await store().submit(t, 0, [task], NO_LIMITS);
      expect(await store().tasks(other, [task.spec.id])).toEqual([undefined]);
      expect((await store().claim(other, 'me', [{ lane: LANE, max: 1 }], 1)).tasks).toEqual([]);
      expect(await store().cancel(other, [task.spec.id])).toEqual([{ is: 'unknown' }]);
    });
  });

  describe('10 the queue has limits', () => {
    it('refuses a batch as a whole, before the first write', async () => {
      const t = tenant();
      const tasks = [submission(), submission(), submission()];
      const byCount = await store().submit(t, 0, tasks, { maxTasks: 2, maxBytes: 1000 });
      expect(byCount).toEqual(tasks.map(() => ({ is: 'queue_full', limit: 'max_queued_tasks', alone: true })));
      const byBytes = await store().submit(t, 0, tasks, { maxTasks: 3, maxBytes: 23 });
      expect(byBytes).toEqual(tasks.map(() => ({ is: 'queue_full', limit: 'max_queued_bytes', alone: true })));
      expect((await store().stats(t)).submitted).toBe(0);
      expect((await store().submit(t, 0, tasks, { maxTasks: 3, maxBytes: 24 })).map((a) => a.is)).toEqual(
        Array(3).fill('accepted'),
      );
    });

    it('tells whether to wait would help', async () => {
      const t = tenant();
      const full = async (count: number, maxTasks: number, maxBytes: number) =>
        (
          await store().submit(
            t,
            0,
            Array.from({ length: count }, () => submission()),
            { maxTasks, maxBytes },
          )
        )[0];
      await full(2, 3, 1000);
      expect(await full(2, 3, 1000)).toEqual({ is: 'queue_full', limit: 'max_queued_tasks', alone: false });
      expect(await full(4, 3, 1000)).toEqual({ is: 'queue_full', limit: 'max_queued_tasks', alone: true });
      expect(await full(2, 9, 24)).toEqual({ is: 'queue_full', limit: 'max_queued_bytes', alone: false });
      expect(await full(4, 9, 24)).toEqual({ is: 'queue_full', limit: 'max_queued_bytes', alone: true });
      // More than one script.
      expect(await full(600, 600, 1e9)).toMatchObject({ alone: false });
      expect(await full(600, 599, 1e9)).toMatchObject({ alone: true });
      // What came before takes no room.
      const keyed = (name: string) => ({ ...submission(), key: { name, content: 'c' } });
      await store().submit(t, 0, [keyed('a')], NO_LIMITS);
      const some = await store().submit(t, 0, [keyed('a'), keyed('b'), keyed('c'), keyed('d')], {
        maxTasks: 3,
        maxBytes: 1000,
      });
      expect(some[3]).toMatchObject({ is: 'queue_full', alone: false });
    });

    it('refuses a large batch as a whole too', async () => {
      const t = tenant();
      const tasks = Array.from({ length: 600 }, () => submission());
      const answers = await store().submit(t, 0, tasks, { maxTasks: 599, maxBytes: 1e9 });
      expect(new Set(answers.map((answer) => answer.is))).toEqual(new Set(['queue_full']));
      expect((await store().stats(t)).submitted).toBe(0);
    });

    it('finds room for a batch of which most came before, and leaves nothing of one that it refuses', async () => {
      const t = tenant();
      const [one, two, three, four] = [submission(), submission(), submission(), submission()];
      const first = await store().submit(t, 0, [one, two], { maxTasks: 3, maxBytes: 1000 });
      const refused = await store().submit(t, 0, [three, one, four, two], { maxTasks: 3, maxBytes: 1000 });
      expect(new Set(refused.map((answer) => answer.is))).toEqual(new Set(['queue_full']));
      expect(await store().tasks(t, [three.spec.id, four.spec.id])).toEqual([undefined, undefined]);
      expect((await store().list(t, {}, 9, '')).ids).toHaveLength(2);
      const answers = await store().submit(t, 0, [one, three, two], { maxTasks: 3, maxBytes: 1000 });
      expect([answers[0], answers[2]]).toEqual(first);
      expect(answers[1]).toMatchObject({ is: 'accepted', id: three.spec.id });
      expect((await store().stats(t)).submitted).toBe(3);
      const order = (await store().claim(t, 'me', [{ lane: LANE, max: 9 }], 9)).tasks.map((task) => task.spec.id);
      expect(order).toEqual([one, two, three].map((task) => task.spec.id));
    });

    it('counts what waits, not what runs or has ended', async () => {
      const t = tenant();
      const limits = { maxTasks: 1, maxBytes: 1000 };
      await store().submit(t, 0, [submission()], limits);
      expect((await store().submit(t, 0, [submission()], limits))[0]).toMatchObject({ is: 'queue_full' });
      const [claimed] = (await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1)).tasks;
      expect((await store().submit(t, 0, [submission()], limits))[0]).toMatchObject({ is: 'accepted' });
      await store().settle(t, [completion(claimed!.fence)]);
      expect((await store().stats(t)).states).toMatchObject({ QUEUED: 1, RUNNING: 0 });
      expect((await store().stats(t)).queuedBytes).toBe(8);
    });
  });

  describe('1 idempotency keys', () => {
    const keyed = (name: string, content: string) => ({ ...submission(), key: { name, content } });

    it('answers a repeat with the first task, and another content with a conflict, for which nothing is accepted', async () => {
      const t = tenant();
      const first = keyed('order-7', 'a');
      await store().submit(t, 0, [first], NO_LIMITS);
      const answers = await store().submit(
        t,
        0,
        [keyed('order-7', 'a'), keyed('order-7', 'b'), keyed('order-8', 'b')],
        NO_LIMITS,
      );
      expect(answers).toEqual([
        { is: 'replayed', id: first.spec.id },
        { is: 'conflict', id: first.spec.id },
        { is: 'refused' },
      ]);
      expect((await store().stats(t)).submitted).toBe(1);
    });

    it('refuses a large batch for a conflict in its last part before its first part is written', async () => {
      const t = tenant();
      await store().submit(t, 0, [keyed('K/999', 'a')], NO_LIMITS);
      const batch = Array.from({ length: 1000 }, (_, i) => keyed(`K/${i}`, 'b'));
      const answers = await store().submit(t, 0, batch, NO_LIMITS);
      expect([answers[0]!.is, answers[999]!.is]).toEqual(['refused', 'conflict']);
      expect((await store().stats(t)).submitted).toBe(1);
    });

    it('finds a conflict between two tasks of one batch', async () => {
      const [t, one, two] = [tenant(), keyed('k', 'a'), keyed('k', 'b')];
      const answers = await store().submit(t, 0, [one, two, submission()], NO_LIMITS);
      expect(answers).toEqual([{ is: 'refused' }, { is: 'conflict', id: one.spec.id }, { is: 'refused' }]);
      expect((await store().stats(t)).submitted).toBe(0);
    });

    it.each([[5], [700]])('finds a conflict between the first task of a large batch and the one at %i', async (at) => {
      const t = tenant();
      const batch = Array.from({ length: 800 }, (_, i) => (i === 0 ? keyed('k', 'a') : submission()));
      batch[at] = keyed('k', 'b');
      const answers = await store().submit(t, 0, batch, NO_LIMITS);
      expect(answers[at]).toEqual({ is: 'conflict', id: batch[0]!.spec.id });
      expect(answers.filter(({ is }) => is === 'refused')).toHaveLength(799);
      expect((await store().stats(t)).submitted).toBe(0);
    });

    it('let no task past the limit behind 256 that came before', async () => {
      const t = tenant();
      const first = Array.from({ length: 256 }, (_, i) => keyed(`K/${i}`, 'c'));
      await store().submit(t, 0, first, NO_LIMITS);
      const again = Array.from({ length: 600 }, (_, i) => keyed(`K/${i}`, 'c'));
      const answers = await store().submit(t, 0, again, { maxTasks: 599, maxBytes: 1e9 });
      expect(new Set(answers.map(({ is }) => is))).toEqual(new Set(['queue_full']));
      expect((await store().stats(t)).submitted).toBe(256);
    });

    it('accepts the very same submission again: the answer was lost', async () => {
      const [t, task] = [tenant(), keyed('order-9', 'a')];
      const first = await store().submit(t, 0, [task], NO_LIMITS);
      expect(await store().submit(t, 0, [task], NO_LIMITS)).toEqual(first);
    });

    it('knows a key that comes twice in one batch', async () => {
      const [t, one, two] = [tenant(), keyed('k', 'a'), keyed('k', 'a')];
      const answers = await store().submit(t, 0, [one, two], NO_LIMITS);
      expect(answers[0]).toMatchObject({ is: 'accepted' });
      expect(answers[1]).toEqual({ is: 'replayed', id: one.spec.id });
    });

    it('completes a batch of which a part was accepted', async () => {
      const t = tenant();
      const first = Array.from({ length: 300 }, (_, i) => keyed(`K/${i}`, 'c'));
      await store().submit(t, 0, first.slice(0, 280), NO_LIMITS);
      const again = Array.from({ length: 300 }, (_, i) => keyed(`K/${i}`, 'c'));
      const answers = await store().submit(t, 0, again, { maxTasks: 300, maxBytes: 1e9 });
      expect(answers.filter((answer) => answer.is === 'replayed')).toHaveLength(280);
      expect(answers.filter((answer) => answer.is === 'accepted')).toHaveLength(20);
    });

    it('replays while the queue is full', async () => {
      const [t, task] = [tenant(), keyed('k', 'a')];
      await store().submit(t, 0, [task], NO_LIMITS);
      expect(await store().submit(t, 0, [keyed('k', 'a')], { maxTasks: 1, maxBytes: 8 })).toEqual([
        { is: 'replayed', id: task.spec.id },
      ]);
    });

    it('tells what came before, and accepts nothing, where there is no room at all', async () => {
      const [t, task] = [tenant(), keyed('k', 'a')];
      await store().submit(t, 0, [task], NO_LIMITS);
      const bare = { function_id: '', function_name: '', digest: '', result_ttl_ms: 0, max_result_bytes: 0 };
      const asked = (name: string, content: string) => ({ ...submission(bare, ''), key: { name, content } });
      const none = { maxTasks: 0, maxBytes: 0 };
      expect(await store().submit(t, 0, [asked('k', 'a'), asked('k', 'b')], none)).toEqual([
        { is: 'replayed', id: task.spec.id },
        { is: 'conflict', id: task.spec.id },
      ]);
      const some = await store().submit(t, 0, [asked('k', 'a'), asked('other', 'a')], none);
      expect(some.map(({ is }) => is)).toEqual(['queue_full', 'queue_full']);
      expect((await store().stats(t)).submitted).toBe(1);
    });

    it('are counted without a write', async () => {
      const t = tenant();
      const keys = Array.from({ length: 300 }, (_, i) => `K/${i}`);
      expect(await store().cameBefore(t, 0, keys)).toBe(0);
      const some = keys.filter((_, i) => i % 3 === 0).map((name) => keyed(name, 'a'));
      await store().submit(t, 0, some, NO_LIMITS);
      expect(await store().cameBefore(t, 0, keys)).toBe(100);
      expect(await store().cameBefore(t, 0, ['K/0'])).toBe(1);
      expect(await store().cameBefore(t, 0, [])).toBe(0);
      expect((await store().stats(t)).submitted).toBe(100);
    });

    it('are scoped to the tenant', async () => {
      const [t, other] = [tenant(), tenant()];
      await store().submit(t, 0, [keyed('k', 'a')], NO_LIMITS);
      expect(await store().cameBefore(other, 0, ['k'])).toBe(0);
      expect((await store().submit(other, 0, [keyed('k', 'b')], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
    });
  });

  describe('S8, 6 announcements are hints', () => {
    it('tells listeners of work, of ends and of canceled runs', async () => {
      const t = tenant();
      const { hints, stop } = await listen(store());
      const [done, dropped] = [submission({ group: 'g' }), submission({ group: 'g' })];
      await store().submit(t, 0, [done, dropped], NO_LIMITS);
      await until(() => hints.find((hint) => hint.is === 'work' && hint.lanes.includes(LANE)));
      const claimed = (await store().claim(t, 'me', [{ lane: LANE, max: 2 }], 2)).tasks;
      await store().settle(t, [completion(claimed[0]!.fence)]);
      await store().cancel(t, [dropped.spec.id]);
      const ends = () => hints.flatMap((hint) => (hint.is === 'ends' ? hint.ends : []));
      const told = await until(() => ends().find((end) => end.id === done.spec.id));
      expect(told).toMatchObject({ state: 'COMPLETED', kind: '', group: 'g', functionId: done.spec.function_id });
      expect(told.end).toEqual((await endsIn(store(), t, [done.spec.id]))[0]);
      await until(() => hints.find((hint) => hint.is === 'canceled' && hint.ids.includes(dropped.spec.id)));
      expect(await until(() => ends().find((end) => end.id === dropped.spec.id))).toMatchObject({
        state: 'CANCELED',
        kind: 'canceled',
      });
      await stop();
    });

    it('lets a large result be read instead of riding along', async () => {
      const [t, task] = [tenant(), submission()];
      const { hints, stop } = await listen(store());
      await store().submit(t, 0, [task], NO_LIMITS);
      const [claimed] = (await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1)).tasks;
      await store().settle(t, [completion(claimed!.fence, `"${'x'.repeat(2000)}"`)]);
      const told = await until(() =>
        hints.flatMap((h) => (h.is === 'ends' ? h.ends : [])).find((end) => end.id === task.spec.id),
      );
      expect(told.end).toBeUndefined();
      await stop();
    });

    it('says nothing more to whoever has unsubscribed', async () => {
      const t = tenant();
      const { hints, stop } = await listen(store());
      await stop();
      const other = await listen(store());
      await store().submit(t, 0, [submission()], NO_LIMITS);
      await until(() => other.hints[0]);
      expect(hints).toEqual([]);
      await other.stop();
    });
  });
}
