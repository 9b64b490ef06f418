// The suite, part 5: functions, their versions and their bytes.
import { describe, expect, it } from 'vitest';
import type { Bench } from './conformance.ts';
import { LANE, NO_LIMITS, completion, newFunction, submission } from './submission.ts';
import { sweptUntil, until } from './waiting.ts';

export function describeFunctions({ store, tenant }: Bench): void {
  describe('1 functions', () => {
    it('get version after version under a name; the same again is the same version', async () => {
      const t = tenant();
      const first = await store().register(t, newFunction());
      expect(first).toMatchObject({ created: true, fn: { name: 'double', version: 1, codeBytes: 27 } });
      expect(await store().register(t, newFunction())).toEqual({ fn: first.fn, created: false });
      const second = await store().register(t, newFunction({ digest: 'e'.repeat(64), code: Buffer.from('other') }));
      expect(second.fn).toMatchObject({ version: 2 });
      const third = await store().register(t, newFunction({ digest: 'e'.repeat(64), defaults: { priority: 5 } }));
      expect(third.fn).toMatchObject({ version: 3, defaults: { priority: 5 } });
      expect(await store().findFunction(t, 'double')).toEqual(third.fn);
      expect(await store().findFunction(t, 'double@2')).toEqual(second.fn);
      expect(await store().findFunction(t, first.fn.id)).toEqual(first.fn);
      expect(await store().findFunction(t, 'double@9')).toBeUndefined();
      expect(await store().findFunction(tenant(), 'double')).toBeUndefined();
    });

    it('registered the classic way are always new and not found by name', async () => {
      const t = tenant();
      const one = await store().register(t, newFunction({ classic: true }));
      const two = await store().register(t, newFunction({ classic: true }));
      expect(one.fn.id).not.toBe(two.fn.id);
      expect([one, two].map(({ created, fn }) => [created, fn.version])).toEqual([
        [true, 0],
        [true, 0],
      ]);
      expect(await store().findFunction(t, 'double')).toBeUndefined();
      expect(await store().findFunction(t, 'double@0')).toBeUndefined();
      expect(await store().findFunction(t, two.fn.id)).toEqual(two.fn);
    });

    it('registered at the same moment get one version', async () => {
      const t = tenant();
      const answers = await Promise.all(Array.from({ length: 5 }, () => store().register(t, newFunction())));
      expect(new Set(answers.map(({ fn }) => fn.id)).size).toBe(1);
      expect(answers.filter(({ created }) => created)).toHaveLength(1);
    });

    it('are listed newest first', async () => {
      const t = tenant();
      const ids: string[] = [];
      for (let i = 0; i < 5; i += 1)
        ids.unshift((await store().register(t, newFunction({ name: `f${i}`, classic: i === 2 }))).fn.id);
      const first = await store().listFunctions(t, 3, '');
      expect(first.items.map((fn) => fn.id)).toEqual(ids.slice(0, 3));
      const second = await store().listFunctions(t, 3, first.nextCursor);
      expect(second.items.map((fn) => fn.id)).toEqual(ids.slice(3));
      expect(second.nextCursor).toBe('');
    });

    it('are deleted one version or all, and no number is given again', async () => {
      const t = tenant();
      for (const digit of ['1', '2', '3']) await store().register(t, newFunction({ digest: digit.repeat(64) }));
      expect(await store().deleteFunction(t, 'double@3')).toBe(1);
      expect((await store().findFunction(t, 'double'))?.version).toBe(2);
      expect((await store().register(t, newFunction({ digest: '4'.repeat(64) }))).fn.version).toBe(4);
      expect(await store().deleteFunction(t, 'double')).toBe(3);
      expect(await store().deleteFunction(t, 'double')).toBe(0);
      expect(await store().findFunction(t, 'double')).toBeUndefined();
      expect((await store().listFunctions(t, 9, '')).items).toEqual([]);
    });
  });

  describe('1 code bytes', () => {
    it('are found by digest, one copy for all functions that share them', async () => {
      const t = tenant();
      const code = Buffer.alloc(100_000, 0xf0);
      await store().register(t, newFunction({ code, name: 'a' }));
      await store().register(t, newFunction({ code, name: 'b' }));
      const [found, none] = await store().code(t, ['c'.repeat(64), 'f'.repeat(64)]);
      expect(found?.equals(code)).toBe(true);
      expect(none).toBeUndefined();
      await store().deleteFunction(t, 'a');
      expect((await store().code(t, ['c'.repeat(64)]))[0]).toBeDefined();
    });

    it('outlive their function until the last task that names them is gone', async () => {
      const t = tenant();
      const digest = 'c'.repeat(64);
      await store().register(t, newFunction({ digest }));
      await store().submit(t, 0, [submission({ digest, result_ttl_ms: 1 })], NO_LIMITS);
      await store().deleteFunction(t, 'double');
      expect((await store().code(t, [digest]))[0]).toBeDefined();
      const [claimed] = (await store().claim(t, 'me', [{ lane: LANE, max: 1 }], 1)).tasks;
      await store().settle(t, [completion(claimed!.fence)]);
      expect((await store().code(t, [digest]))[0]).toBeDefined();
      await sweptUntil(store(), t, (report) => report.deleted === 1);
      await until(async () => {
        await store().sweep(t);
        return (await store().code(t, [digest]))[0] === undefined ? true : undefined;
      });
    });

    it('stay for a task that was on its way when their function was deleted', async () => {
      const t = tenant();
      const [named, unnamed] = ['c'.repeat(64), 'd'.repeat(64)];
      await store().register(t, newFunction({ digest: named, name: 'named' }));
      await store().register(t, newFunction({ digest: unnamed, name: 'unnamed' }));
      await store().deleteFunction(t, 'named');
      await store().sweep(t);
      // A service found the function just before.
      await store().submit(t, 0, [submission({ digest: named })], NO_LIMITS);
      await store().deleteFunction(t, 'unnamed');
      await until(async () => {
        await store().sweep(t);
        return (await store().code(t, [unnamed]))[0] === undefined ? true : undefined;
      });
      expect((await store().code(t, [named]))[0]).toBeDefined();
    });
  });
}
