// API keys on a real store: made, found, revoked; never kept as they are.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeys } from '../../src/auth/index.ts';
import { systemClock } from '../../src/clock.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import type { KeptKey, KeyShelf } from '../../src/auth/keys.ts';
import type { Store } from '../../src/store/index.ts';

let dataDir: string;
let store: Store;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'keys-'));
  store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
});
afterAll(async () => {
  await store.close();
  await rm(dataDir, { recursive: true });
});

describe('a key', () => {
  it('is 32 random bytes, kept as a hash, and names its tenant', async () => {
    const keys = new ApiKeys(store, systemClock);
    const { id, key } = await keys.create('ci', 'team-a');
    expect(key).toMatch(/^mpk_[A-Za-z0-9_-]{43}$/);
    expect(await keys.check(key)).toEqual({ tenant: 'team-a', keyId: id });
    expect(await keys.check(`${key}x`)).toBeUndefined();
    const kept = JSON.stringify(await store.listKeys());
    expect(kept).not.toContain(key);
    expect(kept).not.toContain(key.slice(4, 20));
    expect(await keys.list('team-a')).toMatchObject([{ id, name: 'ci', tenant: 'team-a' }]);
  });

  it('made by one service is taken by another, and refused when revoked', async () => {
    let now = 0;
    const clock = { wall: () => Date.now(), mono: () => now };
    const here = new ApiKeys(store, systemClock);
    const there = new ApiKeys(store, clock);
    await there.check('warm');
    const { id, key } = await here.create('later', 'default');
    // An unknown key makes it look again, at most once a second.
    expect(await there.check(key)).toBeUndefined();
    now += 1001;
    expect(await there.check(key)).toMatchObject({ keyId: id });
    expect(await here.revoke(id, 'team-a')).toBe(false);
    expect(await here.check(key)).toMatchObject({ keyId: id });
    expect(await here.revoke(id, 'default')).toBe(true);
    expect(await here.check(key)).toBeUndefined();
    expect(await here.revoke(id, 'default')).toBe(false);
  });

  it('from outside is brought in as the first one, and never again', async () => {
    const first = 'a-key-from-the-environment-of-32-chars';
    const seed = (key: string) => new ApiKeys(store, systemClock).seed(key, 'first', 'default');
    for (const { id } of await store.listKeys()) await store.deleteKey(id);
    // Two services start at the same time.
    expect(await Promise.all([seed(first), seed(first)])).toEqual(['taken', 'taken']);
    const [kept, ...others] = await store.listKeys();
    expect(others).toEqual([]);
    const keys = new ApiKeys(store, systemClock);
    expect(await keys.check(first)).toMatchObject({ tenant: 'default' });
    expect(await seed('another-key-from-the-environment-of-32')).toBe('not_first');
    expect(await keys.revoke(kept!.id, 'default')).toBe(true);
    expect(await seed(first)).toBe('revoked');
    expect(await keys.check(first)).toBeUndefined();
    expect(await keys.hasAny()).toBe(false);
    expect(await seed('another-key-from-the-environment-of-32')).toBe('taken');
    await expect(seed('short')).rejects.toThrow('32 characters: make one with `openssl rand -hex 32`');
  });

  it('that was made here and revoked does not come back from outside either', async () => {
    for (const { id } of await store.listKeys()) await store.deleteKey(id);
    const keys = new ApiKeys(store, systemClock);
    const { id, key } = await keys.create('ci', 'default');
    await keys.revoke(id, 'default');
    expect(await keys.seed(key, 'first', 'default')).toBe('revoked');
  });

  it('from outside comes back in a store that was emptied, and other services take it then', async () => {
    const first = 'a-key-for-a-store-that-is-emptied-later';
    let shelf: KeyShelf = shelfInMemory();
    const through: KeyShelf = {
      putKey: (key) => shelf.putKey(key),
      listKeys: () => shelf.listKeys(),
      deleteKey: (id) => shelf.deleteKey(id),
      fact: (name, value) => shelf.fact(name, value),
    };
    let now = 0;
    const clock = { wall: () => Date.now(), mono: () => now };
    const [seeded, other] = [new ApiKeys(through, clock), new ApiKeys(through, clock)];
    expect(await seeded.seed(first, 'first', 'default')).toBe('taken');
    expect(await other.check(first)).toMatchObject({ tenant: 'default' });
    shelf = shelfInMemory();
    now += 6000;
    expect(await other.check(first)).toBeUndefined();
    expect(await Promise.all([seeded.check('wrong'), seeded.check(first)])).toMatchObject([
      undefined,
      { tenant: 'default' },
    ]);
    expect(await shelf.listKeys()).toHaveLength(1);
    now += 1001;
    expect(await other.check(first)).toMatchObject({ tenant: 'default' });

    // Revoked on purpose it stays away: the store was not emptied.
    const [kept] = await shelf.listKeys();
    await other.revoke(kept!.id, 'default');
    now += 6000;
    expect(await seeded.check(first)).toBeUndefined();
    expect(await seeded.trouble()).toContain('no API key');
    expect(await shelf.listKeys()).toEqual([]);
    // Emptied once more, its probe is enough.
    shelf = shelfInMemory();
    expect(await seeded.trouble()).toBe('');
    expect(await seeded.check(first)).toMatchObject({ tenant: 'default' });
  });

  it('goes on while the store is away', async () => {
    let away = false;
    let now = 0;
    const shelf = {
      ...store,
      listKeys: async () => {
        if (away) throw new Error('away');
        return store.listKeys();
      },
    };
    const keys = new ApiKeys(shelf, { wall: () => Date.now(), mono: () => now });
    const { key } = await keys.create('steady', 'default');
    away = true;
    now += 60_000;
    expect(await keys.check(key)).toMatchObject({ tenant: 'default' });
  });
});

function shelfInMemory(): KeyShelf {
  const keys = new Map<string, KeptKey>();
  const facts = new Map<string, string>();
  return {
    putKey: async (key) => void keys.set(key.id, key),
    listKeys: async () => [...keys.values()],
    deleteKey: async (id) => keys.delete(id),
    fact: async (name, value) => {
      if (!facts.has(name)) facts.set(name, value);
      return facts.get(name)!;
    },
  };
}
