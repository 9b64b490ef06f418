// Waiting for ends. W1 Watch, then read (or submit), then sleep: an end between the two is heard. W2 What is answered was
// read, or was announced with an accepted end, which is final; an announcement without the end only says: read. W3 Whoever
// waits reads again after a reconnect and every REREAD_MS: a lost hint costs time, nothing else. W4 Only tasks that the
// caller's tenant was seen to have are answered from what was heard: hints name no tenant.
import type { EndedTask, Hint, Store } from '../store/index.ts';
import { BoundedMap } from '../bounded-map.ts';
import { InFlight } from '../in-flight.ts';
import { Stir, Watch } from './watch.ts';

export const REREAD_MS = 10_000;
/** Ends kept for event streams that show results; each is small (see TaskEnd). */
const LATELY = 8192;

/** All waiters of this process on one subscription to the store. A waiter costs a map entry an id. */
export class EndWaits {
  readonly #byId = new InFlight<string, Watch[]>();
  readonly #ofAll = new Set<Stir>();
  /** Ends that were announced whole, while there is a stream that shows them. */
  readonly #lately = new BoundedMap<string, EndedTask>(LATELY);
  #showers = 0;
  #deaf = false;
  #unsubscribe: () => Promise<void> = async () => undefined;

  private constructor() {}

  /** Resolves once subscribed. */
  static async open(store: Store): Promise<EndWaits> {
    const waits = new EndWaits();
    waits.#unsubscribe = await store.subscribe((hint) => waits.#hear(hint));
    return waits;
  }

  /** Watches these tasks. Read (or submit) after this, before the first sleep (W1). */
  watch(ids: readonly string[]): Watch {
    const watch = new Watch(ids, () => this.#drop(watch));
    for (const id of ids) {
      const watches = this.#byId.get(id);
      if (watches === undefined) this.#byId.set(id, [watch]);
      else watches.push(watch);
    }
    return watch;
  }

  /** Watches every end; `shows`: what ends is asked for by `lately`. */
  watchAll(shows = false): Stir {
    const stir = new Stir(() => {
      if (this.#ofAll.delete(stir) && shows && --this.#showers === 0) this.#lately.clear();
    });
    this.#ofAll.add(stir);
    if (shows) this.#showers += 1;
    return stir;
  }

  /** An end that was announced whole a moment ago. Only for tasks that the caller's tenant was seen to have (W4). */
  lately(id: string): EndedTask | undefined {
    return this.#lately.get(id);
  }

  /** A waiter found by reading what it should have heard. */
  unheard(): void {
    this.#deaf = true;
  }

  /** '' or why waits are late: an end was read that was not heard, and nothing has been heard since. */
  get trouble(): string {
    return this.#deaf
      ? `ends are not announced to this process, so that waits are up to ${REREAD_MS / 1000} s late`
      : '';
  }

  async close(): Promise<void> {
    await this.#unsubscribe();
  }

  #drop(watch: Watch): void {
    for (const id of watch.ids) {
      const others = this.#byId.get(id)?.filter((one) => one !== watch) ?? [];
      if (others.length === 0) this.#byId.delete(id);
      else this.#byId.set(id, others);
    }
  }

  #hear(hint: Hint): void {
    if (hint.is === 'ends' || hint.is === 'reconnected') this.#deaf = false;
    switch (hint.is) {
      case 'ends':
        for (const end of hint.ends) {
          this.#byId.get(end.id)?.forEach((watch) => watch.hear(end));
          if (this.#showers > 0 && end.end !== undefined) this.#lately.set(end.id, end.end);
        }
        break;
      case 'reconnected':
        for (const watches of this.#byId.values()) for (const watch of watches) watch.miss();
        break;
      case 'work':
      case 'canceled':
        return;
    }
    for (const stir of this.#ofAll) stir.wake();
  }
}
