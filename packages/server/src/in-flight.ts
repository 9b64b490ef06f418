// What is under way: entries that come and go all the time, each for a moment.

/** So many that the table is made anew once in some thousands of entries; they take 115 kB. */
const PLACEHOLDERS = 1024;

/**
 * A map for them. V8 gives a Map whose table is used up a new one, and links the old one to it. Where entries come and go
 * that is at every few hundred of them, and as soon as one old table is in the old generation it keeps alive the next one,
 * that one the next, and with them all that was in the map whenever a table was left: nothing that went through it is
 * found dead by a collection of the young generation. Placeholders keep the table large, so that it is seldom left, and
 * with few entries in it.
 */
export class InFlight<K extends string | object, V extends object | number | true> {
  readonly #entries = new Map<K | number, V | undefined>();

  constructor() {
    for (let n = 0; n < PLACEHOLDERS; n += 1) this.#entries.set(n, undefined);
  }

  get size(): number {
    return this.#entries.size - PLACEHOLDERS;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  /** In the order in which they were put in. As with a Map, entries may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<[K, V], void> {
    for (const [key, value] of this.#entries) if (value !== undefined) yield [key as K, value];
  }

  *keys(): Generator<K, void> {
    for (const [key] of this) yield key;
  }

  *values(): Generator<V, void> {
    for (const [, value] of this) yield value;
  }
}
