// The suite, part 4: lists and logs.
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/lifecycle/ids.ts';
import type { TaskLogs } from '../../src/lifecycle/outcome.ts';
import type { TaskFilter } from '../../src/store/store.ts';
import type { Bench } from './conformance.ts';
import { LANE, NO_LIMITS, completion, submission } from './submission.ts';
import { sweptUntil } from './waiting.ts';

export function describeRecords({ store, tenant }: Bench): void {
  const made = (n: number, overrides: Parameters<typeof submission>[0] = {}) =>
    submission({ id: newId(Date.now() - 1000 + n, 0), ...overrides });

  async function all(t: string, filter: TaskFilter, limit: number): Promise<string[]> {
    const ids: string[] = [];
    let cursor = '';
    do {
      const page = await store().list(t, filter, limit, cursor);
      expect(page.ids.length).toBeLessThanOrEqual(limit);
      ids.push(...page.ids);
      cursor = page.nextCursor;
    } while (cursor !== '');
    return ids;
  }

  describe('1 lists', () => {
    it('are newest first, page by page, stable while tasks are added', async () => {
      const t = tenant();
      const tasks = Array.from({ length: 25 }, (_, n) => made(n));
      await store().submit(t, 0, tasks, NO_LIMITS);
      const newestFirst = tasks.map((task) => task.spec.id).reverse();
      const first = await store().list(t, {}, 10, '');
      expect(first.ids).toEqual(newestFirst.slice(0, 10));
      await store().submit(t, 0, [made(500)], NO_LIMITS);
      expect((await store().list(t, {}, 10, first.nextCursor)).ids).toEqual(newestFirst.slice(10, 20));
      expect(await all(t, {}, 7)).toHaveLength(26);
    });

    it('are in the order of ids where batches of several submitters overlap, and when most of them are gone', async () => {
      const t = tenant();
      // Two services whose ids share milliseconds, a third whose batches are of one, and one that is far behind.
      const short = { result_ttl_ms: 1 };
      const even = Array.from({ length: 30 }, (_, n) => made(2 * n, n % 5 === 0 ? {} : short));
      const odd = Array.from({ length: 30 }, (_, n) => made(2 * n + (n % 2), n % 7 === 0 ? {} : short));
      const single = Array.from({ length: 40 }, (_, n) => made(3 * n, short));
      const early = Array.from({ length: 3 }, (_, n) => made(n * 40 - 500_000, short));
      await store().submit(t, 0, even, NO_LIMITS);
      await store().submit(t, 0, early, NO_LIMITS);
      await store().submit(t, 0, odd, NO_LIMITS);
      for (const task of single) await store().submit(t, 0, [task], NO_LIMITS);
      const everything = [...even, ...odd, ...single, ...early];
      const newestFirst = (tasks: typeof everything) =>
        tasks
          .map((task) => task.spec.id)
          .sort()
          .reverse();
      for (const limit of [1, 7, 100, 500]) expect(await all(t, {}, limit)).toEqual(newestFirst(everything));
      expect(await all(t, { states: ['QUEUED'] }, 9)).toEqual(newestFirst(everything));
      // From any id, also one that is none of theirs.
      const from = newId(Date.now() - 970, 0);
      const below = newestFirst(everything).filter((id) => id < from);
      expect((await store().list(t, {}, 20, from)).ids).toEqual(below.slice(0, 20));

      const claimed = (await store().claim(t, 'me', [{ lane: LANE, max: 200 }], 200)).tasks;
      const pinned = [even[3]!, odd[4]!, early[1]!];
      for (const task of pinned) await store().pin(t, task.spec.id, true);
      await store().settle(
        t,
        claimed.map(({ fence }) => completion(fence)),
      );
      const kept = everything.filter((task) => task.spec.result_ttl_ms > 1 || pinned.includes(task));
      let deleted = 0;
      await sweptUntil(store(), t, (report) => (deleted += report.deleted) === everything.length - kept.length);
      for (const limit of [1, 4, 100]) expect(await all(t, {}, limit)).toEqual(newestFirst(kept));
    });

    it('can be filtered by state, function, group, tag and time', async () => {
      const t = tenant();
      const other = '01890000-0000-7000-8000-000000000002';
      const tasks = [
        made(0, { group: 'g' }),
        made(1, { tags: ['x', 'y'] }),
        made(2, { function_id: other, group: 'g' }),
        made(3),
      ];
      const ids = tasks.map((task) => task.spec.id);
      await store().submit(t, 0, tasks, NO_LIMITS);
      const [first] = (await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1)).tasks;
      await store().settle(t, [completion(first!.fence)]);
      const [record] = await store().tasks(t, [ids[0]!]);
      expect(await all(t, { states: ['COMPLETED'] }, 9)).toEqual([ids[0]]);
      expect(await all(t, { states: ['COMPLETED', 'QUEUED'] }, 3)).toHaveLength(4);
      expect(await all(t, { functionId: other }, 9)).toEqual([ids[2]]);
      expect(await all(t, { group: 'g' }, 1)).toEqual([ids[2], ids[0]]);
      expect(await all(t, { group: 'g', states: ['QUEUED'] }, 9)).toEqual([ids[2]]);
      expect(await all(t, { group: 'none' }, 9)).toEqual([]);
      expect(await all(t, { tag: 'y' }, 9)).toEqual([ids[1]]);
      expect(await all(t, { since: record!.submittedAt }, 9)).toHaveLength(4);
      expect(await all(t, { until: record!.submittedAt }, 9)).toEqual([]);
      expect(await all(t, { since: record!.submittedAt + 3_600_000 }, 9)).toEqual([]);
    });
  });

  describe('9 logs', () => {
    const limits = { headBytes: 4, tailBytes: 4 };
    const chunk = (offset: number, text: string) => ({ stream: 'stdout' as const, offset, bytes: Buffer.from(text) });

    it('keep the head and the tail, whatever the pieces and however often they come', async () => {
      const [t, task] = [tenant(), submission()];
      await store().submit(t, 0, [task], NO_LIMITS);
      await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1);
      const say = (...chunks: ReturnType<typeof chunk>[]) =>
        store().appendLogs(t, [{ id: task.spec.id, attempt: 1, chunks }], limits);
      expect(await store().logs(t, task.spec.id)).toBeUndefined();
      await say(chunk(0, 'abc'));
      await say(chunk(0, 'abc'), chunk(3, 'defgh'));
      await say(chunk(6, 'ghijkl'));
      const kept = await store().logs(t, task.spec.id);
      expect(kept?.attempt).toBe(1);
      expect(kept?.logs.stdout).toEqual({ head: Buffer.from('abcd'), tail: Buffer.from('ijkl'), total: 12 });
      expect(kept?.logs.stderr.total).toBe(0);
    });

    it('of another attempt come too late', async () => {
      const [t, task] = [tenant(), submission()];
      await store().submit(t, 0, [task], NO_LIMITS);
      await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1);
      await store().appendLogs(t, [{ id: task.spec.id, attempt: 2, chunks: [chunk(0, 'x')] }], limits);
      expect(await store().logs(t, task.spec.id)).toBeUndefined();
    });

    it('are what settle says, in the end', async () => {
      const [t, task] = [tenant(), submission()];
      await store().submit(t, 0, [task], NO_LIMITS);
      const [claimed] = (await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1)).tasks;
      await store().appendLogs(t, [{ id: task.spec.id, attempt: 1, chunks: [chunk(0, 'x')] }], limits);
      const logs: TaskLogs = {
        stdout: { head: Buffer.alloc(60_000, 'h'), tail: Buffer.alloc(60_000, 't'), total: 9_999_999_999 },
        stderr: { head: Buffer.from('e'), tail: Buffer.alloc(0), total: 1 },
      };
      await store().settle(t, [{ ...completion(claimed!.fence), logs }]);
      expect(await store().logs(t, task.spec.id)).toEqual({ attempt: 1, logs });
      await store().appendLogs(t, [{ id: task.spec.id, attempt: 1, chunks: [chunk(99_999_999_999, 'late')] }], limits);
      expect((await store().logs(t, task.spec.id))?.logs.stdout.total).toBe(9_999_999_999);
    });
  });
}
