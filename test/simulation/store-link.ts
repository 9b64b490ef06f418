// A process's connection to one shard: calls take time, get lost or lose their answer; a server that was away is greeted
// anew, and whoever listens is told.
import type { LiveClock } from '../../packages/server/src/clock.ts';
import { StoreUnavailable, type ClaimedTask, type Hint } from '../../packages/server/src/store/index.ts';
import type { LeaseRest } from '../../packages/server/src/store/lease-rest.ts';
import type { Kernel, Life } from './kernel.ts';
import type { MemoryShard } from './store/memory-shard.ts';
import type { StoreLink } from './store/memory-store.ts';

/** One shard's server, as all of its clients see it. */
export interface ShardServer {
  shard: MemoryShard;
  isUp: boolean;
  /** Faults that keep it down. */
  downs: number;
  /** It goes back in time once: what was forgotten twice could not be told apart. */
  goesBack: boolean;
  links: Set<RemoteLink>;
}

/** Fate of calls: of a thousand, so many get no answer. */
export interface StoreWeather {
  unanswered: number;
  /** Announcements do not arrive until then, simulated ms. */
  deafUntil: number;
}

const LATENCY_MS = 1.5;
/** How long a call waits for its answer, ms. */
const PATIENCE_MS = 400;
/** Longest wait before a new try at a server that is away, ms. */
const RECONNECT_MS = 500;

export class RemoteLink implements StoreLink {
  readonly life: Life;
  readonly #kernel: Kernel;
  readonly #clock: LiveClock;
  readonly #random: () => number;
  readonly #server: ShardServer;
  readonly #rest: LeaseRest;
  readonly #weather: StoreWeather;
  readonly #disturbed: () => void;
  readonly claimed: (tasks: readonly ClaimedTask[]) => void;
  readonly #listeners = new Set<(hint: Hint) => void>();
  /** This process alone is cut off. */
  cutUntil = 0;
  #isConnected: boolean;
  #lastThere = 0;
  #lastHere = 0;

  constructor(
    kernel: Kernel,
    life: Life,
    clock: LiveClock,
    random: () => number,
    server: ShardServer,
    rest: LeaseRest,
    weather: StoreWeather,
    disturbed: () => void,
    claimed: (tasks: readonly ClaimedTask[]) => void,
  ) {
    this.#kernel = kernel;
    this.life = life;
    this.#clock = clock;
    this.#random = random;
    this.#server = server;
    this.#rest = rest;
    this.#weather = weather;
    this.#disturbed = disturbed;
    this.claimed = claimed;
    this.#isConnected = server.isUp;
    if (server.isUp) rest.reconnected(clock.mono());
    else this.#reconnect();
    server.links.add(this);
  }

  call<T>(act: (shard: MemoryShard) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (ms: number): void => {
        this.#kernel.after(ms, this.life, () => reject(new StoreUnavailable('The store does not answer.')));
      };
      if (!this.#isConnected) return fail(LATENCY_MS);
      const draw = 1000 * this.#random();
      const isLost = draw < this.#weather.unanswered;
      if (isLost) this.#disturbed();
      if (isLost && draw < this.#weather.unanswered / 2) return fail(PATIENCE_MS);
      this.#lastThere = Math.max(this.#kernel.now + this.#random() * LATENCY_MS, this.#lastThere);
      this.#kernel.after(this.#lastThere - this.#kernel.now, undefined, () => {
        if (!this.#isReachable()) return fail(LATENCY_MS);
        const answer = act(this.#server.shard);
        if (isLost) return fail(PATIENCE_MS);
        this.#lastHere = Math.max(this.#kernel.now + this.#random() * LATENCY_MS, this.#lastHere);
        this.#kernel.after(this.#lastHere - this.#kernel.now, this.life, () => {
          if (this.#isReachable()) resolve(answer);
          else reject(new StoreUnavailable('The connection to the store was lost.'));
        });
      });
    });
  }

  letBe(): string {
    const mono = this.#clock.mono();
    const why = this.#rest.why(this.#server.shard.now(), mono, mono);
    this.#rest.swept(mono);
    return why;
  }

  subscribe(onHint: (hint: Hint) => void): () => void {
    this.#listeners.add(onHint);
    return () => this.#listeners.delete(onHint);
  }

  /** An announcement of the server's. */
  hear(hint: Hint): void {
    if (!this.#isReachable() || this.#weather.deafUntil > this.#kernel.now) return;
    this.#kernel.after(this.#random() * LATENCY_MS, this.life, () => this.#tell(hint));
  }

  /** The server went away, or this process's way to it. */
  lose(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#reconnect();
  }

  close(): void {
    this.#listeners.clear();
    this.#server.links.delete(this);
  }

  #isReachable(): boolean {
    return this.#server.isUp && this.cutUntil <= this.#kernel.now;
  }

  #reconnect(): void {
    this.#kernel.after(20 + this.#random() * RECONNECT_MS, this.life, () => {
      if (!this.#isReachable()) return this.#reconnect();
      this.#isConnected = true;
      this.#rest.reconnected(this.#clock.mono());
      this.#tell({ is: 'reconnected' });
    });
  }

  #tell(hint: Hint): void {
    for (const listener of [...this.#listeners]) listener(hint);
  }
}

/** The embedded store, in the process of its one dispatcher: acts are carried out when the turn ends. */
export class EmbeddedLink implements StoreLink {
  readonly #kernel: Kernel;
  readonly #life: Life;
  readonly #shard: MemoryShard;
  readonly #listeners = new Set<(hint: Hint) => void>();

  constructor(kernel: Kernel, life: Life, shard: MemoryShard) {
    this.#kernel = kernel;
    this.#life = life;
    this.#shard = shard;
  }

  call<T>(act: (shard: MemoryShard) => T): Promise<T> {
    return new Promise((resolve) => {
      this.#kernel.after(0, this.#life, () => resolve(act(this.#shard)));
    });
  }

  letBe(): string {
    return '';
  }

  subscribe(onHint: (hint: Hint) => void): () => void {
    this.#listeners.add(onHint);
    return () => this.#listeners.delete(onHint);
  }

  hear(hint: Hint): void {
    if (!this.#life.isAlive) return;
    for (const listener of [...this.#listeners]) listener(hint);
  }

  close(): void {
    this.#listeners.clear();
  }
}
