// The embedded store: the whole suite, and what is its own: one owner, nothing lost at kill -9, faults of the disk.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import { describeStore } from './conformance.ts';

describeStore('the embedded store', async ({ leaseMs }) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'mpcsfaas-store-'));
  const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock, leaseMs });
  return {
    store,
    remove: async () => {
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
});
