// API keys: 32 random bytes, kept as HMAC-SHA-256, compared in constant time. A password hash would be a denial of
// service against oneself, and a key has nothing to guess.
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../clock.ts';

/** A key as it is kept. */
export interface KeptKey {
  id: string;
  /** HMAC-SHA-256 of the key, hex. */
  hash: string;
  name: string;
  tenant: string;
  /** Unix ms. */
  createdAt: number;
}

/** Where keys are kept: the fleet's part of the store. */
export interface KeyShelf {
  putKey(key: KeptKey): Promise<void>;
  listKeys(): Promise<KeptKey[]>;
  deleteKey(id: string): Promise<boolean>;
  fact(name: string, value: string): Promise<string>;
}

export interface Caller {
  tenant: string;
  /** The key's id, '' where keys are off. */
  keyId: string;
}

/** What became of a key given from outside: it is a key; others were there before; it was one and is revoked. */
export type Seeding = 'taken' | 'not_first' | 'revoked';

const PREFIX = 'mpk_';
const SECRET_FACT = 'api_key_secret';
/** Before the hash of a key: it was brought in from outside, or revoked. */
const HAD_FACT = 'had_api_key:';
const SEED_LOOKS = 5;
const SEED_LOOK_MS = 200;
/** How long a revoked key may still be taken, and how often an unknown one makes us look, ms. */
const REFRESH_MS = 5000;
const LOOK_AGAIN_MS = 1000;
/** Hex digits by which hashes are found; the rest is compared in constant time. */
const BUCKET_DIGITS = 8;

export class ApiKeys {
  readonly #shelf: KeyShelf;
  readonly #clock: Clock;
  /** The one from outside, for a store that loses all it had. */
  #first: { key: string; name: string; tenant: string } | undefined;
  /** The installation's; read when it is first needed: the store may be away when a service starts. */
  #secret: Promise<Buffer> | undefined;
  #buckets = new Map<string, KeptKey[]>();
  #ids = new Set<string>();
  /** Who goes on with a key, by its id: told when it is taken no more. */
  readonly #followers = new Map<string, Set<() => void>>();
  /** Runs while there are any. */
  #following: NodeJS.Timeout | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  /** When an unknown key last made us look. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #lookingAfresh: Promise<void> | undefined;
  /** The last reading succeeded. */
  #current = false;

  constructor(shelf: KeyShelf, clock: Clock) {
    this.#shelf = shelf;
    this.#clock = clock;
  }

  /** A new key. `key` is shown once and kept nowhere. */
  async create(name: string, tenant: string): Promise<{ id: string; createdAt: number; key: string }> {
    const key = PREFIX + randomBytes(32).toString('base64url');
    const { id, createdAt } = await this.#keep(key, name, tenant);
    return { id, createdAt, key };
  }

  /**
   * Brings in the first key, given from outside: into a store that has none, and only once, so that a revoked key does
   * not come back with the next start. At least 32 characters.
   */
  async seed(key: string, name: string, tenant: string): Promise<Seeding> {
    if (key.length < 32)
      throw new Error(
        'The first API key, in MPCSFAAS_API_KEY, needs at least 32 characters: make one with `openssl rand -hex 32`.',
      );
    this.#first = { key, name, tenant };
    await this.#refreshAfterChange();
    if ((await this.#find(key)) !== undefined) return 'taken';
    if (this.#buckets.size > 0) return 'not_first';
    // Tells this bringing in from all others.
    const mark = randomUUID();
    if ((await this.#shelf.fact(await this.#hadFact(key), mark)) === mark) {
      await this.#keep(key, name, tenant);
      return 'taken';
    }
    // Another service may be at it in this very moment.
    for (let look = 0; look < SEED_LOOKS; look++) {
      await this.#refreshAfterChange();
      if ((await this.#find(key)) !== undefined) return 'taken';
      await pause(SEED_LOOK_MS);
    }
    return 'revoked';
  }

  /** Is there a key at all? Rejects where the store is away. */
  async hasAny(): Promise<boolean> {
    await this.#refreshAfterChange();
    return this.#buckets.size > 0;
  }

  /** The tenant's keys, oldest first. */
  async list(tenant: string): Promise<Omit<KeptKey, 'hash'>[]> {
    const own = (await this.#shelf.listKeys()).filter((key) => key.tenant === tenant);
    return own.sort((a, b) => a.createdAt - b.createdAt).map(({ hash: _hash, ...rest }) => rest);
  }

  /** False where the tenant has none of this id. Other services follow within 5 s. */
  async revoke(id: string, tenant: string): Promise<boolean> {
    const own = (await this.#shelf.listKeys()).find((key) => key.id === id && key.tenant === tenant);
    if (own !== undefined) await this.#shelf.fact(HAD_FACT + own.hash, 'revoked');
    const revoked = own !== undefined && (await this.#shelf.deleteKey(id));
    await this.#refreshAfterChange();
    return revoked;
  }

  /**
   * For what goes on under a key after its check: `revoked` is called once when the key is taken no more, at once where it
   * is revoked here, within 5 s where it is elsewhere. The answer ends that.
   */
  follow(id: string, revoked: () => void): () => void {
    const followers = this.#followers.get(id) ?? new Set();
    this.#followers.set(id, followers.add(revoked));
    this.#following ??= setInterval(() => this.#lookAgain(), REFRESH_MS).unref();
    // Revoked between the check and now.
    if (!this.#ids.has(id)) queueMicrotask(() => this.#tellRevoked());
    return () => {
      followers.delete(revoked);
      if (followers.size === 0 && this.#followers.get(id) === followers) this.#followers.delete(id);
    };
  }

  #lookAgain(): void {
    if (this.#followers.size > 0) {
      this.#refresh().catch(() => undefined);
      return;
    }
    clearInterval(this.#following);
    this.#following = undefined;
  }

  #tellRevoked(): void {
    for (const [id, followers] of this.#followers) {
      if (this.#ids.has(id)) continue;
      this.#followers.delete(id);
      for (const revoked of followers) revoked();
    }
  }

  /** Whose key it is; undefined where nobody's. Rejects only where the store is away and was never read. */
  async check(key: string): Promise<Caller | undefined> {
    const age = this.#clock.mono() - this.#readAt;
    if (age === Number.POSITIVE_INFINITY) await this.#refresh();
    // Awaited, so that a revoked key is not taken once more after a quiet hour; known keys go on while the store is away.
    else if (age > REFRESH_MS) await this.#refresh().catch(() => undefined);
    const found = (await this.#find(key)) ?? (await this.#findAfresh(key));
    return found && { tenant: found.tenant, keyId: found.id };
  }

  /** '' or why nobody can call, or the newest keys cannot be known. Reads them where the last reading failed, or there was none. */
  async trouble(): Promise<string> {
    try {
      // Another service may have brought the first one meanwhile.
      if (!this.#current || this.#buckets.size === 0) await this.#lookAfresh();
      return this.#buckets.size > 0 ? '' : 'there is no API key yet: start it with the first one in MPCSFAAS_API_KEY';
    } catch (fault) {
      return `API keys cannot be read (${fault instanceof Error ? fault.message : String(fault)})`;
    }
  }

  async #findAfresh(key: string): Promise<KeptKey | undefined> {
    if (this.#clock.mono() - this.#lookedAt < LOOK_AGAIN_MS) return undefined;
    await this.#lookAfresh();
    return this.#find(key);
  }

  #lookAfresh(): Promise<void> {
    this.#lookingAfresh ??= this.#refresh()
      .then(() => this.#followEmptied())
      .then(() => void (this.#lookedAt = this.#clock.mono()))
      .finally(() => (this.#lookingAfresh = undefined));
    return this.#lookingAfresh;
  }

  /**
   * A store that was emptied has lost the secret with the keys, and one whose keys were all revoked has not. Its new secret
   * holds, made by whoever comes first, and the key from outside is brought in again.
   */
  async #followEmptied(): Promise<void> {
    const before = await this.#secret;
    const now = await this.#askSecret();
    if (before === undefined || before.equals(now)) return;
    this.#secret = Promise.resolve(now);
    if (this.#first !== undefined) await this.seed(this.#first.key, this.#first.name, this.#first.tenant);
  }

  async #keep(key: string, name: string, tenant: string): Promise<KeptKey> {
    const kept = {
      id: randomUUID(),
      hash: await this.#hash(key),
      name,
      tenant,
      createdAt: Math.trunc(this.#clock.wall()),
    };
    await this.#shelf.putKey(kept);
    await this.#refreshAfterChange();
    return kept;
  }

  async #hadFact(key: string): Promise<string> {
    return HAD_FACT + (await this.#hash(key));
  }

  async #hash(key: string): Promise<string> {
    this.#secret ??= this.#readSecret();
    return createHmac('sha256', await this.#secret)
      .update(key)
      .digest('hex');
  }

  /** Makes the secret where there is none. A failure is not kept. */
  async #readSecret(): Promise<Buffer> {
    try {
      return await this.#askSecret();
    } catch (fault) {
      this.#secret = undefined;
      throw fault;
    }
  }

  async #askSecret(): Promise<Buffer> {
    return Buffer.from(await this.#shelf.fact(SECRET_FACT, randomBytes(32).toString('hex')), 'hex');
  }

  async #find(key: string): Promise<KeptKey | undefined> {
    const hash = await this.#hash(key);
    const wanted = Buffer.from(hash, 'hex');
    return this.#buckets
      .get(hash.slice(0, BUCKET_DIGITS))
      ?.find((kept) => timingSafeEqual(Buffer.from(kept.hash, 'hex'), wanted));
  }

  /** A read that was under way may have passed the change: one that begins now has not. */
  async #refreshAfterChange(): Promise<void> {
    await this.#reading?.catch(() => undefined);
    await this.#refresh();
  }

  async #refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  async #read(): Promise<void> {
    this.#current = false;
    const keys = await this.#shelf.listKeys();
    this.#current = true;
    this.#buckets = Map.groupBy(keys, ({ hash }) => hash.slice(0, BUCKET_DIGITS));
    this.#ids = new Set(keys.map(({ id }) => id));
    this.#readAt = this.#clock.mono();
    this.#tellRevoked();
  }
}
