// What is remembered of what came lately: a map that never grows past its bound.

/** A map of at most `max` entries: for a new one, the one that was made first goes. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  /** Goes along behind the entries that were removed: a new iterator would walk over their traces each time. */
  #oldest = this.#entries.keys();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    if (this.#entries.size >= this.#max && !this.#entries.has(key)) {
      const first = this.#oldest.next();
      if (first.done !== true) this.#entries.delete(first.value);
    }
    this.#entries.set(key, value);
  }

  clear(): void {
    this.#entries.clear();
    this.#oldest = this.#entries.keys();
  }
}
