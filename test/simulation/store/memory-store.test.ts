// The store that the simulation runs on keeps the same suite as the real ones.
import { describeStore } from '../../../packages/server/test/store/conformance.ts';
import { RULES } from '../../../packages/server/src/store/rules.ts';
import type { Hint } from '../../../packages/server/src/store/store.ts';
import { MemoryShard } from './memory-shard.ts';
import { storeOver } from './memory-store.ts';

describeStore('the store in memory', async ({ leaseMs }) => {
  const listeners = new Set<(hint: Hint) => void>();
  const shard = new MemoryShard({
    rules: RULES,
    leaseMs,
    now: () => Date.now(),
    publish: (hint) => listeners.forEach((tell) => tell(hint)),
    watcher: {
      inserted: () => undefined,
      moved: () => undefined,
      duplicated: () => undefined,
      handed: () => undefined,
    },
  });
  const store = storeOver({
    call: async (act) => act(shard),
    letBe: () => '',
    subscribe: (onHint) => {
      listeners.add(onHint);
      return () => listeners.delete(onHint);
    },
    close: () => listeners.clear(),
  });
  return { store, remove: () => store.close() };
});
