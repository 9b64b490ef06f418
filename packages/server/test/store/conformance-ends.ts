// The suite, part 3: settle, cancel, events, counters, retention.
import { describe, expect, it } from 'vitest';
import type { ClaimedTask, Settlement, TaskEnd } from '../../src/store/store.ts';
import type { Bench } from './conformance.ts';
import { LANE, NO_LIMITS, completion, loss, submission, endsIn } from './submission.ts';
import { listen, sweptUntil, until } from './waiting.ts';

export function describeEnds({ store, tenant }: Bench): void {
  async function running(t: string, overrides: Parameters<typeof submission>[0] = {}): Promise<ClaimedTask> {
    const task = submission(overrides);
    await store().submit(t, 0, [task], NO_LIMITS);
    const [claimed] = (await store().claim(t, 'me', [{ lane: task.lane, max: 1 }], 1)).tasks;
    return claimed!;
  }
  const failure = ({ fence }: ClaimedTask): Settlement => ({
    is: 'end',
    state: 'FAILED',
    kind: 'raised',
    error: { type: 'ValueError', message: 'no', traceback: 'at line 1', bases: ['Exception'], details: { line: 1 } },
    pickle: Buffer.from([0x80, 4, 0]),
    fence,
    worker: 'w1',
    startedAt: 77,
    logs: null,
  });

  describe('S3, S4, 3 settle', () => {
    it('accepts an end once; the same token again is a duplicate, any other stale', async () => {
      const t = tenant();
      const task = await running(t);
      expect(await store().settle(t, [completion(task.fence)])).toEqual([{ is: 'accepted', state: 'COMPLETED' }]);
      const before = await store().tasks(t, [task.fence.id]);
      expect(await store().settle(t, [completion(task.fence, '43'), failure(task)])).toEqual([
        { is: 'duplicate', state: 'COMPLETED' },
        { is: 'duplicate', state: 'COMPLETED' },
      ]);
      const foreign = { ...task.fence, token: '0123456789abcdef' };
      const later = { ...task.fence, attempt: 2 };
      const unknown = { ...task.fence, id: submission().spec.id };
      const answers = await store().settle(
        t,
        [foreign, later, unknown].map((fence) => completion(fence)),
      );
      expect(answers).toEqual([{ is: 'stale' }, { is: 'stale' }, { is: 'stale' }]);
      expect(await store().tasks(t, [task.fence.id])).toEqual(before);
      expect((await endsIn(store(), t, [task.fence.id]))[0]?.result.json?.toString()).toBe('42');
      expect((await store().stats(t)).ended).toEqual({ COMPLETED: 1 });
    });

    it('counts one end of a batch that names the same attempt twice', async () => {
      const t = tenant();
      const task = await running(t);
      const answers = await store().settle(t, [completion(task.fence), completion(task.fence)]);
      expect(answers.map((answer) => answer.is)).toEqual(['accepted', 'duplicate']);
    });

    it.each([100, 1000, 1024, 1025, 5000, 20_000])(
      'keeps ends and output of %d bytes apart, between others',
      async (size) => {
        const t = tenant();
        const tasks = [await running(t), await running(t), await running(t)];
        const stream = (letter: string): { head: Buffer; tail: Buffer; total: number } => {
          return { head: Buffer.alloc(size - 50, letter), tail: Buffer.alloc(0), total: size - 50 };
        };
        const logs = { stdout: stream('o'), stderr: { head: Buffer.alloc(0), tail: Buffer.alloc(0), total: 0 } };
        const json = `"${'e'.repeat(size - 30)}"`;
        const [first, second, third] = tasks.map(({ fence }) => fence);
        const settled = [
          { ...completion(first!, json), logs },
          completion(second!, json),
          { ...completion(third!), logs },
        ] as Settlement[];
        expect((await store().settle(t, settled)).map(({ is }) => is)).toEqual(Array(3).fill('accepted'));
        const ids = tasks.map(({ fence }) => fence.id);
        const ends = await endsIn(store(), t, ids);
        expect(ends.map((end) => end?.result.json?.toString())).toEqual([json, json, '42']);
        const kept = await Promise.all(ids.map((id) => store().logs(t, id)));
        expect(kept.map((one) => one?.logs)).toEqual([logs, undefined, logs]);
      },
    );

    it('keeps a form of no bytes as none', async () => {
      const t = tenant();
      const tasks = [await running(t), await running(t, { result_as: 'pickle' })];
      const heard: TaskEnd[] = [];
      const unsubscribe = await store().subscribe((hint) => hint.is === 'ends' && heard.push(...hint.ends));
      const forms = [{ json: Buffer.from('1'), pickle: Buffer.alloc(0) }, { json: Buffer.alloc(0) }];
      await store().settle(
        t,
        tasks.map(({ fence }, i) => ({ ...completion(fence), is: 'end', state: 'COMPLETED', result: forms[i]! })),
      );
      const ends = await endsIn(
        store(),
        t,
        tasks.map(({ fence }) => fence.id),
      );
      expect(ends.map((end) => end?.result)).toEqual([{ json: Buffer.from('1') }, {}]);
      await expect.poll(() => heard.map(({ end }) => end?.result)).toEqual([{ json: Buffer.from('1') }, {}]);
      await unsubscribe();
    });

    it('keeps the whole of a failure', async () => {
      const t = tenant();
      const task = await running(t, { result_as: 'both' });
      await store().settle(t, [failure(task)]);
      const [end] = await endsIn(store(), t, [task.fence.id]);
      const error = {
        type: 'ValueError',
        message: 'no',
        traceback: 'at line 1',
        bases: ['Exception'],
        details: { line: 1 },
      };
      expect(end).toMatchObject({
        id: task.fence.id,
        state: 'FAILED',
        kind: 'raised',
        error,
        resultAs: 'both',
        runtime: 'python',
        hasHistory: false,
      });
      expect(end?.result).toEqual({ pickle: Buffer.from([0x80, 4, 0]) });
      const [record] = await store().tasks(t, [task.fence.id]);
      expect(record).toMatchObject({
        state: 'FAILED',
        kind: 'raised',
        error,
        worker: 'w1',
        startedAt: 77,
        resultBytes: 3,
      });
      expect(record?.endedAt).toBe(end?.endedAt);
    });

    it('says of a failure after other attempts that they are to be told with it', async () => {
      const t = tenant();
      const { hints, stop } = await listen(store());
      const first = await running(t);
      await store().settle(t, [loss(first.fence)]);
      const [second] = (await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1)).tasks;
      await store().settle(t, [failure(second!)]);
      const { id } = first.fence;
      const told = await until(() =>
        hints.flatMap((hint) => (hint.is === 'ends' ? hint.ends : [])).find((end) => end.id === id),
      );
      // It rides along and says so, or has to be read.
      expect(told.end?.hasHistory ?? true).toBe(true);
      expect((await endsIn(store(), t, [id]))[0]).toMatchObject({ kind: 'raised', hasHistory: true });
      expect((await store().tasks(t, [id]))[0]?.history).toMatchObject([{ attempt: 1, reason: 'lost' }]);
      await stop();
    });

    it('says so of what expired after a claim that began nothing, and keeps the beginning of why an attempt came to nothing', async () => {
      const t = tenant();
      const { fence } = await running(t, { expires_at: Date.now() + 2_000 });
      await store().release(t, [
        { fence, worker: 'w1', reason: 'handed_back', message: 'x'.repeat(5000), startedAt: 0 },
      ]);
      await until(async () => {
        await store().sweep(t);
        return (await store().states(t, [fence.id]))[0] === 'FAILED' || undefined;
      });
      expect((await endsIn(store(), t, [fence.id]))[0]).toMatchObject({ kind: 'expired', hasHistory: true });
      const [record] = await store().tasks(t, [fence.id]);
      expect(record?.history).toMatchObject([{ attempt: 1, reason: 'handed_back', message: 'x'.repeat(1024) }]);
    });

    it('keeps results of any size in both forms', async () => {
      const t = tenant();
      for (const size of [1, 200, 247, 248, 249, 250, 251, 252, 253, 900, 16_384, 16_385, 3_000_000]) {
        const task = await running(t, { result_as: 'both' });
        const result = { json: Buffer.alloc(size, 'j'), pickle: Buffer.alloc(size + 1, 0xfe) };
        await store().settle(t, [{ ...completion(task.fence), result } as Settlement]);
        const [end] = await endsIn(store(), t, [task.fence.id]);
        expect(end?.result.json?.equals(result.json)).toBe(true);
        expect(end?.result.pickle?.equals(result.pickle)).toBe(true);
      }
    });

    it('settles a batch larger than any script', async () => {
      const t = tenant();
      await store().submit(
        t,
        0,
        Array.from({ length: 600 }, () => submission()),
        NO_LIMITS,
      );
      const claimed: ClaimedTask[] = [];
      while (claimed.length < 600)
        claimed.push(...(await store().claim(t, 'me', [{ lane: LANE, max: 600 }], 600)).tasks);
      const answers = await store().settle(
        t,
        claimed.map(({ fence }) => completion(fence)),
      );
      expect(answers).toEqual(claimed.map(() => ({ is: 'accepted', state: 'COMPLETED' })));
    });

    it('has no end to tell of a task that has not ended', async () => {
      const t = tenant();
      const task = await running(t);
      expect(await endsIn(store(), t, [task.fence.id, submission().spec.id])).toEqual([undefined, undefined]);
    });
  });

  describe('4 cancel', () => {
    it('ends what waits and what runs, and voids the token', async () => {
      const t = tenant();
      const task = await running(t);
      const waiting = submission();
      const delayed = submission({ not_before: Date.now() + 3_600_000 });
      await store().submit(t, 0, [waiting, delayed], NO_LIMITS);
      expect(await store().cancel(t, [task.fence.id, waiting.spec.id, delayed.spec.id])).toEqual([
        { is: 'canceled', wasRunning: true },
        { is: 'canceled', wasRunning: false },
        { is: 'canceled', wasRunning: false },
      ]);
      expect((await store().claim(t, 'me', [{ lane: LANE, max: 9 }], 9)).tasks).toEqual([]);
      expect(await store().renew(t, [{ fence: task.fence, worker: 'w1', startedAt: 0 }])).toEqual([false]);
      expect(await store().settle(t, [completion(task.fence), loss(task.fence)])).toEqual([
        { is: 'stale' },
        { is: 'stale' },
      ]);
      const [end] = await endsIn(store(), t, [task.fence.id]);
      expect(end).toMatchObject({ state: 'CANCELED', kind: 'canceled', error: { type: 'TaskCanceled' } });
      expect((await store().stats(t)).ended).toEqual({ canceled: 3 });
    });

    it('says which end won, and of the unknown that it is unknown', async () => {
      const t = tenant();
      const task = await running(t);
      await store().settle(t, [completion(task.fence)]);
      expect(await store().cancel(t, [task.fence.id, submission().spec.id])).toEqual([
        { is: 'ended', state: 'COMPLETED' },
        { is: 'unknown' },
      ]);
    });

    it('against settle: exactly one wins', async () => {
      const t = tenant();
      for (let i = 0; i < 10; i += 1) {
        const task = await running(t);
        const [settled, canceled] = await Promise.all([
          store().settle(t, [completion(task.fence)]),
          store().cancel(t, [task.fence.id]),
        ]);
        expect([settled[0]!.is === 'accepted', canceled[0]!.is === 'canceled'].filter(Boolean)).toHaveLength(1);
      }
    });
  });

  describe('6 events', () => {
    it('tell each end once, in order, from a cursor on', async () => {
      const t = tenant();
      const start = await store().events(t, '', 10);
      expect(start).toMatchObject({ items: [], reset: false });
      const tasks = [await running(t, { group: 'g' }), await running(t), await running(t)];
      for (const task of tasks) await store().settle(t, [completion(task.fence)]);
      await store().settle(t, [completion(tasks[0]!.fence)]);
      const page = await store().events(t, start.cursor, 2);
      expect(page.items.map((item) => item.id)).toEqual(tasks.slice(0, 2).map((task) => task.fence.id));
      expect(page.items[0]).toMatchObject({
        state: 'COMPLETED',
        kind: '',
        group: 'g',
        functionId: tasks[0]!.spec.function_id,
      });
      expect(page.cursor).toBe(page.items[1]!.cursor);
      const rest = await store().events(t, page.cursor, 10);
      expect(rest.items.map((item) => item.id)).toEqual([tasks[2]!.fence.id]);
      expect(await store().events(t, rest.cursor, 10)).toEqual({ items: [], cursor: rest.cursor, reset: false });
      expect((await store().events(t, page.items[0]!.cursor, 10)).items).toHaveLength(2);
    });

    it('go on from any of the ends that came together', async () => {
      const t = tenant();
      const start = (await store().events(t, '', 10)).cursor;
      const tasks = Array.from({ length: 6 }, () => submission());
      await store().submit(t, 0, tasks, NO_LIMITS);
      const all = tasks.map((task) => task.spec.id);
      const claimed = (await store().claim(t, 'me', [{ lane: LANE, max: 5 }], 5)).tasks;
      await store().settle(
        t,
        claimed.map(({ fence }) => completion(fence)),
      );
      const middle = (await store().events(t, '', 10)).cursor;
      await store().cancel(t, [all[5]!]);
      const page = await store().events(t, start, 10);
      expect(page.items.map((item) => item.id)).toEqual(all);
      for (const [i, { cursor }] of page.items.entries()) {
        const rest = await store().events(t, cursor, 10);
        expect([rest.reset, rest.items.map((item) => item.id)]).toEqual([false, all.slice(i + 1)]);
        expect(rest.cursor).toBe(page.cursor);
      }
      expect((await store().events(t, middle, 10)).items.map((item) => item.id)).toEqual([all[5]]);
      const walked: string[] = [];
      for (let cursor = start; ;) {
        const step = await store().events(t, cursor, 2);
        if (step.items.length === 0) break;
        walked.push(...step.items.map((item) => item.id));
        cursor = step.cursor;
      }
      expect(walked).toEqual(all);
    });

    it('were announced as they are read, as far as they were', async () => {
      const t = tenant();
      const heard = new Set<string>();
      const unsubscribe = await store().subscribe((hint) => {
        if (hint.is === 'ends') for (const { id } of hint.ends) heard.add(id);
      });
      const ended = async (): Promise<string> => {
        const { fence } = await running(t);
        await store().settle(t, [completion(fence)]);
        await expect.poll(() => heard.has(fence.id)).toBe(true);
        return (await store().events(t, '', 10)).cursor;
      };
      // A log has its name with its first end, and what follows the second one is known to follow it.
      await ended();
      const start = await ended();
      const tasks = [await running(t, { group: 'g' }), await running(t), await running(t), await running(t)];
      await store().settle(t, [completion(tasks[0]!.fence)]);
      await store().settle(
        t,
        tasks.slice(1, 3).map(({ fence }) => completion(fence)),
      );
      await store().cancel(t, [tasks[3]!.fence.id]);
      await expect.poll(() => heard.size).toBe(6);
      const { items } = await store().events(t, start, 10);
      expect(items.map(({ id }) => id)).toEqual(tasks.map(({ fence }) => fence.id));
      for (const cursor of [start, ...items.slice(0, -1).map((item) => item.cursor)]) {
        const read = await store().events(t, cursor, 10);
        const told = store().announced(t, cursor, 10);
        // Only where to read is farther than to remember is anything kept; of several logs all must have told something.
        if (told === undefined && !(store().kind === 'redis' && store().shards === 1)) continue;
        expect(told).toMatchObject({ cursor: read.cursor, items: read.items, reset: false });
        expect(store().announced(t, cursor, 1)!.cursor).toBe(read.items[0]!.cursor);
      }
      await unsubscribe();
    });

    it('answer reset to a cursor they do not know', async () => {
      const t = tenant();
      expect(await store().events(t, 'nonsense', 10)).toMatchObject({ items: [], reset: true });
      const { cursor, reset } = await store().events(t, '999999999999999', 10);
      expect(reset).toBe(true);
      expect(await store().events(t, cursor, 10)).toMatchObject({ items: [], reset: false });
    });
  });

  describe('10 retention', () => {
    it('deletes an ended task after its time, with its key, and never a pinned one', async () => {
      const t = tenant();
      const [gone, pinned] = [submission({ result_ttl_ms: 60 }), submission({ result_ttl_ms: 60 })];
      const keyed = { ...gone, key: { name: 'k', content: 'c' } };
      await store().submit(t, 0, [keyed, pinned], NO_LIMITS);
      const claimed = (await store().claim(t, 'me', [{ lane: LANE, max: 2 }], 2)).tasks;
      expect(await store().pin(t, pinned.spec.id, true)).toBe(true);
      await store().settle(
        t,
        claimed.map(({ fence }) => completion(fence)),
      );
      await sweptUntil(store(), t, (report) => report.deleted === 1);
      expect((await store().tasks(t, [gone.spec.id, pinned.spec.id])).map((record) => record?.pinned)).toEqual([
        undefined,
        true,
      ]);
      expect(await store().args(t, gone.spec.id)).toBeUndefined();
      expect((await endsIn(store(), t, [pinned.spec.id]))[0]?.result.json?.toString()).toBe('42');
      expect((await store().list(t, {}, 10, '')).ids).toEqual([pinned.spec.id]);
      const again = { ...submission(), key: { name: 'k', content: 'other' } };
      expect((await store().submit(t, 0, [again], NO_LIMITS))[0]).toMatchObject({ is: 'accepted' });
      expect(await store().pin(t, pinned.spec.id, false)).toBe(true);
      await sweptUntil(store(), t, (report) => report.deleted === 1);
      expect(await store().states(t, [pinned.spec.id])).toEqual([undefined]);
    });

    it('deletes what ended together but for what is pinned, and that once it is not', async () => {
      const t = tenant();
      const tasks = Array.from({ length: 5 }, (_, i) => submission({ result_ttl_ms: i === 4 ? 3_600_000 : 60 }));
      await store().submit(t, 0, tasks, NO_LIMITS);
      const all = tasks.map((task) => task.spec.id);
      const claimed = (await store().claim(t, 'me', [{ lane: LANE, max: 5 }], 5)).tasks;
      await store().settle(
        t,
        claimed.map(({ fence }) => completion(fence)),
      );
      expect(await store().pin(t, all[1]!, true)).toBe(true);
      expect(await store().pin(t, all[2]!, true)).toBe(true);
      expect(await store().pin(t, all[2]!, false)).toBe(true);
      let deleted = 0;
      await sweptUntil(store(), t, (report) => (deleted += report.deleted) === 3);
      expect(await store().states(t, all)).toEqual([undefined, 'COMPLETED', undefined, undefined, 'COMPLETED']);
      expect((await store().list(t, {}, 10, '')).ids.sort()).toEqual([all[1], all[4]].sort());
      expect(await store().pin(t, all[1]!, false)).toBe(true);
      await sweptUntil(store(), t, (report) => report.deleted === 1);
      expect((await store().list(t, {}, 10, '')).ids).toEqual([all[4]]);
    });

    it('keeps a task pinned after its end, and knows no pin of an unknown task', async () => {
      const t = tenant();
      const task = await running(t, { result_ttl_ms: 3_600_000 });
      await store().settle(t, [completion(task.fence)]);
      expect(await store().pin(t, task.fence.id, true)).toBe(true);
      expect((await store().tasks(t, [task.fence.id]))[0]?.pinned).toBe(true);
      expect(await store().pin(t, submission().spec.id, true)).toBe(false);
    });
  });
}
