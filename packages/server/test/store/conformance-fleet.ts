// The suite, part 6: the fleet's reports, keys, facts, and the store's own health.
import { describe, expect, it } from 'vitest';
import type { DispatcherSnapshot } from '../../src/store/fleet.ts';
import type { Bench } from './conformance.ts';
import { until } from './waiting.ts';

function snapshot(id: string): DispatcherSnapshot {
  const common = { mode: 'local' as const, host: 'h', pid: 1, version: '0.1.0', seenAt: 2 };
  return {
    ...common,
    id,
    address: '',
    startedAt: 1,
    workers: [],
    histograms: { run: { bounds: [1], counts: [1, 2], sum: 3 } },
  };
}

export function describeFleet({ store }: Bench): void {
  describe('8 the fleet', () => {
    it('is what dispatchers report, until they retract it or fall silent', async () => {
      await store().report(snapshot('a'), 60_000);
      await store().report(snapshot('b'), 60_000);
      await store().report({ ...snapshot('b'), pid: 2 }, 60_000);
      await store().report(snapshot('c'), 50);
      expect((await store().fleet()).filter(({ id }) => id !== 'c')).toEqual([
        snapshot('a'),
        { ...snapshot('b'), pid: 2 },
      ]);
      await until(async () => ((await store().fleet()).length === 2 ? true : undefined));
      await store().retract('a');
      await store().retract('a');
      expect((await store().fleet()).map(({ id }) => id)).toEqual(['b']);
    });
  });

  describe('keys and facts', () => {
    it('keys are kept until deleted', async () => {
      const key = { id: 'k1', hash: 'ab', name: 'ci', tenant: 'default', createdAt: 5 };
      await store().putKey(key);
      await store().putKey({ ...key, name: 'ci-2' });
      expect(await store().listKeys()).toEqual([{ ...key, name: 'ci-2' }]);
      expect(await store().deleteKey('k1')).toBe(true);
      expect(await store().deleteKey('k1')).toBe(false);
      expect(await store().listKeys()).toEqual([]);
    });

    it('a fact is fixed once', async () => {
      expect(await Promise.all([store().fact('colour', 'red'), store().fact('colour', 'blue')])).toEqual([
        'red',
        'red',
      ]);
      expect(await store().fact('colour', 'green')).toBe('red');
    });
  });

  describe('S9 health and time', () => {
    it('says that it is well, and what it is', async () => {
      expect(await store().health()).toMatchObject({ ok: true, detail: '' });
      expect((await store().health()).version).toMatch(/^(redis|valkey|sqlite|memory) \d/);
      expect(store().shards).toBeGreaterThanOrEqual(1);
      const [a, b] = [await store().now(), await store().now()];
      expect(b).toBeGreaterThanOrEqual(a);
    });
  });
}
